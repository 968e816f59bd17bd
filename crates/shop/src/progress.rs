/// Who watches long work (an import, a training run): a terminal or a log.
pub trait Progress: Sync {
    /// A stage begins; `total` steps will follow (0 when unknown).
    fn begin(&self, stage: &str, total: u64);
    /// `done` steps of the stage are done.
    fn advance(&self, done: u64, message: &str);
    /// The stage is over.
    fn end(&self, message: &str);
}
