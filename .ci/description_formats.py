"""How texts of some formats are made up: `filter` and `sort` have a grammar that
no JSON Schema can say, and times are of our days. Read by schemathesis, see
`description`."""

from datetime import date, datetime, timezone

import schemathesis
from hypothesis import strategies as st

names = st.sampled_from(["brand", "category", "language", "availability"])
amounts = st.sampled_from(["price", "list_price", "rating", "rating_count"])
numbers = st.integers(0, 100_000).map(str)
words = st.from_regex(r'\A"[^"\\]{0,12}"\Z')
conditions = st.one_of(
    st.tuples(amounts, st.sampled_from(["=", "!=", "<", "<=", ">", ">="]), numbers).map(" ".join),
    st.tuples(amounts, numbers, numbers).map(lambda it: f"{it[0]} {it[1]} TO {it[2]}"),
    st.tuples(names, st.sampled_from(["=", "!="]), words).map(" ".join),
    st.tuples(names, st.lists(words, max_size=3).map(", ".join)).map(lambda it: f"{it[0]} IN [{it[1]}]"),
    names.map(lambda name: f"{name} EXISTS"),
)
filters = st.recursive(
    conditions,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["AND", "OR"]), inner).map(lambda it: f"({' '.join(it)})"),
        inner.map(lambda one: f"NOT {one}"),
    ),
    max_leaves=4,
)
schemathesis.openapi.format("filter", filters)
sorts = st.sampled_from(["relevance", "newest", "rating", "-price"])
ways = st.tuples(amounts, st.sampled_from(["asc", "desc"])).map(":".join)
schemathesis.openapi.format("sort", sorts | ways)
days = st.dates(date(1990, 1, 2), date(2026, 1, 1))
times = st.datetimes(datetime(1990, 1, 2), datetime(2026, 1, 1), timezones=st.just(timezone.utc))
schemathesis.openapi.format("date", days.map(date.isoformat))
schemathesis.openapi.format("date-time", times.map(datetime.isoformat))
