/// `change` of each item in their order, on up to `threads` threads.
pub(crate) fn map<T: Sync, U: Send>(
    items: &[T],
    threads: usize,
    change: impl Fn(&T) -> U + Sync,
) -> Vec<U> {
    let threads = threads.clamp(1, items.len().div_ceil(256).max(1));
    let share = items.len().div_ceil(threads).max(1);
    if threads == 1 {
        return items.iter().map(change).collect();
    }
    std::thread::scope(|scope| {
        let change = &change;
        let workers: Vec<_> = items
            .chunks(share)
            .map(|chunk| scope.spawn(move || chunk.iter().map(change).collect::<Vec<U>>()))
            .collect();
        workers
            .into_iter()
            .flat_map(|worker| match worker.join() {
                Ok(part) => part,
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect()
    })
}
