"""Makes reference_logits_{smollm2,gemma3}.json: what llama.cpp computes.

    pip install llama-cpp-python==0.3.36 numpy jinja2
    python3 make_reference_logits.py smollm2 MODEL.gguf > reference_logits_smollm2.json
    python3 make_reference_logits.py gemma3 MODEL.gguf > reference_logits_gemma3.json

The files MODEL.gguf are smollm2-135m/model.gguf and gemma3-270m/model.gguf as
`.ci/model-parts` fetches them.

llama.cpp rounds activations to 8 bits before each product with a quantised
matrix and keeps keys and values in 16 bits, so no reading of the same file is
right to the last digit. The file says how far llama.cpp is from itself when
it is given one token at a time instead of the whole text ("one_by_one").

What a file holds:

  texts[].tokens        ids, with the beginning-of-text id where the file asks for it
  texts[].top           at each position the id of the greatest logit of the next token
  texts[].margin        at each position, greatest logit less second greatest
  texts[].probes        at positions 0, 20, 40, …: [position, logit of `top`, logits of `probe_ids`]
  one_by_one            share of positions with the same top id, and the mean absolute
                        difference of the logits of `probe_ids` at the probed positions
  continuations[].tokens        ids of the prompt
  continuations[].continuation  the greedy choice, 64 times or up to the first id of `ends`,
                                which is then the last
  continuations[].margin        greatest logit less second greatest at each choice
"""

import json
import sys

import numpy
from jinja2 import Environment
from llama_cpp import Llama

TEXTS = {
    "shop": """Thank you for writing to us about order 48213. I can see that the parcel left our \
warehouse on Tuesday morning and that the carrier scanned it twice on the way. The last scan \
was at the depot in Leeds, which is about forty minutes from your address, so it should reach \
you tomorrow before noon. If it has not arrived by the end of the day, please reply to this \
message and we will send a second one without charge. About your other question: yes, the \
walking boots may be returned within thirty days as long as they were only worn indoors. Put \
them back into the box, add the slip that came with the parcel, and hand it over at any post \
office. We pay the money back to the card that you used as soon as the boots are checked, \
which takes three working days at most. The rain jacket that you asked about comes in green, \
navy and rust; navy is sold out in medium until the fourteenth, but I can set one aside for \
you when the delivery comes in. Customers who bought this jacket often choose the waxed \
cotton version for colder months, since it is warmer and does not rustle. Is there anything \
else that I can do for you today? Kind regards, and enjoy the hike on Saturday. Please keep \
the receipt for the guarantee, which lasts two years from the day of purchase.""",
    "story": """The lighthouse keeper had not spoken to anyone for eleven days when the small \
boat came round the point. At first he took it for driftwood, because it lay so low in the \
water, and then he saw the oars. He went down the stairs two at a time, past the lamp room \
and the kitchen with its one blue cup, and out into the wind. A girl of perhaps fifteen was \
rowing with her back to him. She did not turn round until the keel touched the stones. "My \
father says that your light was out last night," she said, "and he would like to know \
whether you are dead." The keeper thought about this for a moment. He was not dead, as far as \
he could tell, but he could not remember lighting the lamp either. He looked up at the tower, \
white against a sky the colour of slate, and tried to count the evenings backwards. There had \
been the evening of the storm, the evening of the broken glass, and then something that was \
neither sleep nor waking. "Tell him," he said at last, "that I am much obliged, and that it \
will be lit tonight." The girl nodded and pushed off again. Halfway across the bay she began \
to sing, and he stood there listening until the song and the boat were both too small to find.""",
    "science": """Water is unusual among liquids because it is densest a little above its \
freezing point, at about four degrees Celsius. In most substances the solid is denser than \
the liquid, so that it sinks; ice floats. The reason lies in the shape of the molecule. Two \
hydrogen atoms are bound to one oxygen atom at an angle of roughly 104.5 degrees, and each \
molecule can form up to four hydrogen bonds with its neighbours. In ice these bonds hold the \
molecules in an open lattice with much empty space. When ice melts, the lattice collapses in \
part and the molecules move closer together, while rising temperature drives them apart. The \
two effects balance at four degrees. For lakes in winter this has a large consequence: the \
surface freezes first, the ice insulates what is below, and the deepest water stays at four \
degrees, where fish survive. The same bonds explain why water has a high heat capacity, about \
4.18 joules per gram and kelvin, and why so much energy is needed to evaporate it. Cities \
near the sea therefore have milder winters and cooler summers than those inland. In 1772 the \
effect was described for the first time with reasonable accuracy, though the explanation had \
to wait until chemists understood bonds in the twentieth century.""",
    "chinese": """您好，欢迎光临本店。您上周购买的那件蓝色羽绒服已经从杭州仓库发出，预计后天下午送到。\
如果收到以后觉得尺码不合适，可以在七天之内申请退换，运费由我们承担，请您保留好吊牌和包装盒。\
关于会员积分：每消费十元可以得到一分，满两百分可以抵扣二十元，生日当月积分加倍。\
今天下单还可以参加满三百减五十的活动，优惠券和积分可以一起使用，但是不能和其他折扣叠加。\
这款茶壶是用宜兴紫砂手工制作的，容量大约二百毫升，适合两三个人喝茶。第一次使用之前，请用清水煮半个小时，\
然后自然晾干，不要用洗洁精清洗。冬天的早晨，老人坐在窗边，慢慢地喝着热茶，看着外面的雪一点一点地落下来。\
孩子们在院子里堆雪人，笑声传得很远。请问您还有什么问题需要我帮您解决吗？祝您生活愉快，期待您再次光临。""",
    "python": """from dataclasses import dataclass, field
from collections import defaultdict


@dataclass
class Line:
    sku: str
    quantity: int
    unit_price_cents: int

    def total(self) -> int:
        return self.quantity * self.unit_price_cents


@dataclass
class Basket:
    lines: list[Line] = field(default_factory=list)
    coupon: str | None = None

    def add(self, sku: str, quantity: int, unit_price_cents: int) -> None:
        if quantity <= 0:
            raise ValueError(f"quantity must be positive, not {quantity}")
        for line in self.lines:
            if line.sku == sku:
                line.quantity += quantity
                return
        self.lines.append(Line(sku, quantity, unit_price_cents))

    def total(self) -> int:
        total = sum(line.total() for line in self.lines)
        if self.coupon == "TENOFF":
            total -= total // 10
        return total


def totals_by_customer(orders):
    totals = defaultdict(int)
    for order in orders:
        totals[order.customer] += order.basket.total()
    return sorted(totals.items(), key=lambda pair: pair[1], reverse=True)


if __name__ == "__main__":
    basket = Basket()
    basket.add("TEA-001", 2, 450)
    basket.add("CUP-017", 1, 1299)
    print(basket.total())
""",
    "rust_and_sql": """/// Finds the largest value and where it stands.
pub fn largest(values: &[f32]) -> Option<(usize, f32)> {
    let mut best: Option<(usize, f32)> = None;
    for (index, &value) in values.iter().enumerate() {
        match best {
            Some((_, found)) if found >= value => {}
            _ => best = Some((index, value)),
        }
    }
    best
}

#[test]
fn an_empty_slice_has_no_largest_value() {
    assert_eq!(largest(&[]), None);
    assert_eq!(largest(&[1.0, 3.0, 2.0]), Some((1, 3.0)));
}

SELECT customers.name, COUNT(*) AS orders, SUM(orders.total_cents) / 100.0 AS spent
FROM customers
JOIN orders ON orders.customer_id = customers.id
WHERE orders.placed_at >= '2024-01-01' AND orders.status <> 'cancelled'
GROUP BY customers.id
HAVING COUNT(*) > 3
ORDER BY spent DESC
LIMIT 20;

for file in *.csv; do
    echo "$file: $(wc -l < "$file") lines"
    gzip --keep "$file"
done
""",
    "json": """{
  "id": "ord_20931",
  "placed_at": "2024-03-18T09:41:27Z",
  "currency": "EUR",
  "customer": {"id": "cus_118", "name": "Marta Lindqvist", "city": "Göteborg", "loyal": true},
  "lines": [
    {"sku": "LAMP-OAK-40", "title": "Oak table lamp, 40 cm", "quantity": 1, "unit_price": 7900},
    {"sku": "BULB-E27-6W", "title": "LED bulb E27, 6 W", "quantity": 4, "unit_price": 550},
    {"sku": "CORD-BLK-2M", "title": "Textile cord, black, 2 m", "quantity": 1, "unit_price": 1450}
  ],
  "discounts": [{"code": "SPRING10", "percent": 10, "amount": 1155}],
  "shipping": {"method": "pickup", "point": "Post office 4512", "price": 0},
  "total": 10395,
  "events": [
    {"type": "paid", "at": "2024-03-18T09:42:03Z"},
    {"type": "packed", "at": "2024-03-18T14:10:55Z"},
    {"type": "shipped", "at": "2024-03-19T06:30:00Z", "carrier": "PostNord"}
  ],
  "note": null
}
{"id": "ord_20932", "currency": "EUR", "lines": [], "total": 0, "note": "test order"}
""",
    "mixed": """# Opening hours & prices (2025)

| Day | Opens | Closes | Remarks |
|-----|-------|--------|---------|
| Mon–Fri | 08:30 | 18:00 | lunch 12:00–13:00 |
| Sat | 09:00 | 16:30 | |
| Sun | closed | closed | 星期日休息 |

* **Espresso** – 2,40 €; *cappuccino* – 3,20 €; thé à la menthe – 2,80 €
* Käsekuchen, Stück 3,90 € (nur solange Vorrat reicht!)
* 红茶 12元, 绿茶 10元 😊

Q: ¿Aceptan tarjeta? A: Sí, a partir de 5 €.
Q: Do you deliver?? A: YES!!! Within 10 km... see <https://shop.example/delivery?zip=04109&day=2>.

$ curl -s https://shop.example/v1/stock/TEA-001 | jq '.count'
42

1. Preheat the oven to 180 °C (356 °F).
2. Mix 250 g flour, 1/2 tsp salt, 3 eggs and 100 ml milk.
3. Bake for 35–40 minutes;   let it cool.

x^2 + y^2 = r^2, so r = sqrt(3^2 + 4^2) = 5. Привет! こんにちは。 مرحبا
\tTabs\tand  double  spaces   and trailing   
THE END -- or not?""",
}

# One more text is long enough to leave a window of 512 tokens.
LONG = "\n".join(
    f"Day {day}: {people} people came in, {sold} of them bought {thing}, and it {weather}. "
    f"The till showed {people * 7 + sold * 3} crowns at closing time."
    for day, people, sold, thing, weather in (
        (
            day,
            17 + day * 13 % 29,
            3 + day * 7 % 11,
            ["tea", "a lamp", "two cups", "bread", "green wool", "a map of the town"][day % 6],
            ["rained", "snowed", "was sunny", "stayed grey", "was too hot"][day % 5],
        )
        for day in range(1, 41)
    )
)

TOKENS = 250
LONG_TOKENS = 700

CHATS = [
    "What is the capital of France?",
    "Write a short product description for a ceramic teapot.",
    "My parcel has not arrived. What should I do?",
    "Explain in two sentences why ice floats on water.",
    "List three things to check before buying a used bicycle.",
    "Translate to French: The shop opens at nine.",
    "Write a Python function that adds two numbers.",
    "Is a cotton shirt or a polyester shirt better for hot weather?",
    "Tell me a story about a fox and a shopkeeper.",
    "请用一句话介绍茶。",
]

PROMPTS = [
    "The capital of France is",
    "A ceramic teapot keeps tea warm because",
    "Dear customer, thank you for your order. Unfortunately",
    "Ice floats on water because",
    "Three things to check before buying a used bicycle:\n1.",
    "English: The shop opens at nine.\nFrench:",
    "def add(a, b):\n",
    "Once upon a time there was a fox who",
    '{"sku": "LAMP-OAK-40", "title": "Oak table lamp", "price":',
    "中国茶的历史",
]

PROBE_IDS = {
    "smollm2": [28, 30, 198, 216, 284, 1000, 12345, 40000],
    "gemma3": [107, 236743, 236761, 506, 532, 5000, 60000, 200000],
}


def logits(model, tokens, one_by_one=False):
    """The logits after each token, [tokens, vocabulary]."""
    model.reset()
    if one_by_one:
        for token in tokens:
            model.eval([token])
    else:
        model.eval(tokens)
    return numpy.array(model.scores[: len(tokens)])


def margins(rows):
    second, first = numpy.partition(rows, -2, axis=-1)[:, -2:].T
    return [round(float(margin), 2) for margin in first - second]


def probe(position, row, ids):
    return [position] + [round(float(row[i]), 4) for i in [int(row.argmax()), *ids]]


def text_reference(model, name, text, limit, ids, differences):
    tokens = model.tokenize(text.encode(), add_bos=True, special=False)[:limit]
    rows = logits(model, tokens)
    again = logits(model, tokens, one_by_one=True)
    probed = range(0, len(tokens), 20)
    differences["same_top"] += list(rows.argmax(-1) == again.argmax(-1))
    differences["logits"] += list(numpy.abs(rows[::20][:, ids] - again[::20][:, ids]).ravel())
    return {
        "name": name,
        "text": text,
        "tokens": tokens,
        "top": rows.argmax(-1).tolist(),
        "margin": margins(rows),
        "probes": [probe(position, rows[position], ids) for position in probed],
    }


def continuation_reference(model, prompt, chat, ends):
    if chat:
        template = Environment().from_string(model.metadata["tokenizer.chat_template"])
        messages = [{"role": "user", "content": prompt}]
        prompt = template.render(messages=messages, add_generation_prompt=True)
    tokens = model.tokenize(prompt.encode(), add_bos=True, special=chat)
    rows = [logits(model, tokens)[-1]]
    chosen = [int(rows[-1].argmax())]
    while len(chosen) < 64 and chosen[-1] not in ends:
        model.eval([chosen[-1]])
        rows.append(numpy.array(model.scores[model.n_tokens - 1]))
        chosen.append(int(rows[-1].argmax()))
    return {
        "prompt": prompt,
        "tokens": tokens,
        "continuation": chosen,
        "margin": margins(numpy.stack(rows)),
        "text": model.detokenize(chosen, special=True).decode(errors="replace"),
    }


def main():
    name, path = sys.argv[1:]
    model = Llama(
        path, n_ctx=1024, n_batch=1024, n_ubatch=512, n_threads=2, n_threads_batch=2,
        logits_all=True, verbose=False,
    )
    ids = PROBE_IDS[name]
    chat = name == "smollm2"
    ends = [model.token_eos()]
    differences = {"same_top": [], "logits": []}
    texts = [
        text_reference(model, title, text, TOKENS, ids, differences)
        for title, text in TEXTS.items()
    ]
    texts.append(text_reference(model, "long", LONG, LONG_TOKENS, ids, differences))
    reference = {
        "made_with": "make_reference_logits.py: llama.cpp through llama-cpp-python 0.3.36, "
        "2 threads, x86-64 with AVX-512, keys and values in 16 bits",
        "probe_ids": ids,
        "ends": ends,
        "one_by_one": {
            "same_top": round(float(numpy.mean(differences["same_top"])), 5),
            "mean_absolute_difference": round(float(numpy.mean(differences["logits"])), 5),
        },
        "texts": texts,
        "continuations": [
            continuation_reference(model, prompt, chat, ends)
            for prompt in (CHATS if chat else PROMPTS)
        ],
    }
    write(reference)


def write(reference):
    """One line for each text and continuation."""
    lists = ("texts", "continuations")
    parts = [f" {json.dumps(key)}: {json.dumps(value)}" for key, value in reference.items()
             if key not in lists]
    for key in lists:
        rows = ",\n".join(
            "  " + json.dumps(row, ensure_ascii=False, separators=(",", ":"))
            for row in reference[key]
        )
        parts.append(f" {json.dumps(key)}: [\n{rows}\n ]")
    sys.stdout.write("{\n" + ",\n".join(parts) + "\n}\n")


if __name__ == "__main__":
    main()
