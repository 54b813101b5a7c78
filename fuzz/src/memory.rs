//! As much memory as an input justifies, and no more.
//!
//! A target installs [`Cap`] as its allocator. What asks for more than it was granted gets none, as in a reader process
//! at its limit, and Rust's standard library tells the hook: [`panic_when_out`] makes a panic of it, which names who asked.

use std::alloc::System;

use cap::Cap;

/// The allocator of a target.
pub type Allocator = Cap<System>;

/// An allocator without a limit yet.
pub const fn allocator() -> Allocator {
    Cap::new(System, usize::MAX)
}

/// Runs `work`, which may have so many bytes beside what is in use.
pub fn within<T>(allocator: &Allocator, n_bytes: usize, work: impl FnOnce() -> T) -> T {
    let _ = allocator.set_limit(allocator.allocated().saturating_add(n_bytes));
    let done = work();
    let _ = allocator.set_limit(usize::MAX);
    done
}

/// Has an allocation that fails panic instead of abort.
pub fn panic_when_out() {
    std::alloc::set_alloc_error_hook(|layout| panic!("memory allocation of {} bytes failed", layout.size()));
}
