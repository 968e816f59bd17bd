//! The scratch memory of a thread's matrix products.

/// What the products of one thread use.
#[derive(Debug)]
pub(crate) struct Products {
    threads: usize,
    /// The narrow middle of an adapter, and its gradient.
    pub(crate) narrow: Vec<f32>,
    pub(crate) narrow_gradient: Vec<f32>,
}

impl Default for Products {
    fn default() -> Products {
        Products::with_threads(1)
    }
}

impl Products {
    pub(crate) fn with_threads(threads: usize) -> Products {
        Products {
            threads: threads.max(1),
            narrow: Vec::new(),
            narrow_gradient: Vec::new(),
        }
    }

    pub(crate) fn threads(&self) -> usize {
        self.threads
    }
}
