//! Whether a panic is calamine's.
//!
//! calamine is known to panic, and to ask for all memory, on some files. The reader process contains that
//! (`workbook::Reader`), so a panic inside calamine, or inside what calamine calls, is not a finding. Every other panic
//! is: its nearest frame outside the standard library is this crate's, or that of another library that this crate
//! called.

use std::backtrace::Backtrace;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind, set_hook, take_hook};

use super::memory::{self, Allocator};

thread_local! {
    static WAS_THEIRS: Cell<bool> = const { Cell::new(false) };
}

/// Silences calamine's panics, also those from failed allocations; any other still ends the run. Call it once, before
/// the first [`forgive`].
pub fn watch(allocator: &'static Allocator) {
    memory::panic_when_out();
    let fatal = take_hook();
    set_hook(Box::new(move |info| {
        // Reporting it needs memory.
        let _ = allocator.set_limit(usize::MAX);
        // Most panics name the faulty line; the others name one of the standard library.
        let place = info.location().map(|place| whose(place.file())).unwrap_or_default();
        let is_theirs = place.unwrap_or_else(|| is_calamines(&Backtrace::force_capture().to_string()));
        WAS_THEIRS.set(is_theirs);
        if !is_theirs {
            fatal(info);
        }
    }));
}

/// Runs `work`; `None` if calamine panicked in it.
pub fn forgive<T>(work: impl FnOnce() -> T) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => Some(done),
        Err(_) if WAS_THEIRS.take() => None,
        Err(panic) => resume_unwind(panic),
    }
}

/// Whether a stack, innermost frame first, reaches a file of calamine before one of ours.
fn is_calamines(stack: &str) -> bool {
    let mut files = stack.lines().filter_map(|line| line.trim_start().strip_prefix("at "));
    files.find_map(whose).unwrap_or(false)
}

/// Whether a file is calamine's (true) or ours (false); `None` for any other.
fn whose(file: &str) -> Option<bool> {
    // These two of ours are in the stack of every panic.
    let tells_nothing = ["/rustc/", "library/", "src/theirs.rs", "src/memory.rs"];
    if tells_nothing.iter().any(|part| file.contains(part)) {
        None
    } else if file.contains("/registry/src/") {
        file.contains("/calamine-").then_some(true)
    } else {
        Some(false)
    }
}
