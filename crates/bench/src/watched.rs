//! How far a measurement is: one bar for each loop that takes long.

use std::sync::Arc;

use server::progress;
use shop::Progress;

/// The items of a stage; what is done is shown as they are taken.
pub struct Watched<I> {
    items: I,
    done: u64,
    progress: Arc<dyn Progress + Send + Sync>,
}

/// Shows on stderr how many of `items` are done.
pub fn watched<I: ExactSizeIterator>(stage: &str, items: I) -> Watched<I> {
    let progress = progress::for_stderr();
    progress.begin(stage, items.len() as u64);
    Watched {
        items,
        done: 0,
        progress,
    }
}

impl<I: Iterator> Iterator for Watched<I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        let next = self.items.next();
        if next.is_some() {
            self.progress.advance(self.done, "");
            self.done += 1;
        } else {
            self.progress.end("");
        }
        next
    }
}
