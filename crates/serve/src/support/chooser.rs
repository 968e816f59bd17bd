//! A larger language model elsewhere may choose among the sentences that were
//! found. It is shown the question and numbered sentences and answers with
//! numbers: nothing that it writes is ever said, so that its replies are
//! grounded as ours are. When it fails, what our own scores say goes on.

/// A language model in the outside world.
pub trait Chooser: Send + Sync {
    /// The places of the sentences that together answer the question, the best
    /// first; none when they do not. An error says why nobody chose.
    fn choose(&self, question: &str, sentences: &[&str]) -> Result<Vec<usize>, String>;
}

/// So many sentences are shown.
pub(super) const SHOWN: usize = 12;
