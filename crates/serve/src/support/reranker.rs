//! A larger language model elsewhere may choose among the sentences that were
//! found. It is shown the question and numbered sentences and answers with
//! numbers: nothing that it writes is ever said, so that its replies are
//! grounded as ours are. When it fails, what our own scores say goes on.

/// A language model in the outside world.
pub trait RemoteReranker: Send + Sync {
    /// Asks it once for a message.
    fn rerank(&self, question: &str, sentences: &[&str]) -> Reranking;
}

/// What came of asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reranking {
    /// How often it was asked before it answered or was given up.
    pub tries: usize,
    /// The places of the sentences that together answer the question, the best
    /// first; none when they do not.
    pub places: Result<Vec<usize>, RerankFailure>,
}

/// Why nobody chose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RerankFailure {
    /// The budget of tokens is spent.
    OverBudget,
    /// The time is up.
    TimedOut,
    /// No connection came about, or it broke.
    Unreachable(String),
    /// It answered with this status.
    Refused(u16),
    /// It answered with something else than numbers of sentences.
    Unreadable(String),
}

impl RerankFailure {
    /// The stage that shows it.
    pub fn stage(&self) -> &'static str {
        match self {
            Self::OverBudget => "backend_over_budget",
            Self::TimedOut => "backend_timed_out",
            Self::Unreachable(_) => "backend_unreachable",
            Self::Refused(_) => "backend_refused",
            Self::Unreadable(_) => "backend_unreadable",
        }
    }
}

/// So many sentences are shown.
pub(super) const SHOWN: usize = 12;
