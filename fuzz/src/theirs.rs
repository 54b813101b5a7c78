//! Whose fault a panic is.
//!
//! calamine is known to panic, and to ask for all memory there is, on some files; that is why a workbook is read by a
//! process of its own, which then ends and is answered for (`workbook::Reader`). So what breaks down inside calamine, or
//! inside what calamine calls, is no finding here. Everything else is: a panic whose nearest frame outside the standard
//! library is this crate's own, or another library's that this crate called.

use std::backtrace::Backtrace;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind, set_hook, take_hook};

use super::memory::{self, Allocator};

thread_local! {
    static WAS_THEIRS: Cell<bool> = const { Cell::new(false) };
}

/// Lets panics of calamine's pass by in silence, its demands for memory among them; any other still ends the run. Called
/// once, before the first [`forgive`].
pub fn watch(allocator: &'static Allocator) {
    memory::panic_when_out();
    let fatal = take_hook();
    set_hook(Box::new(move |info| {
        // To tell of it takes more.
        let _ = allocator.set_limit(usize::MAX);
        // Most panics name the line that broke a rule; the others are the standard library's own, or of what it called.
        let place = info.location().map(|place| whose(place.file())).unwrap_or_default();
        let is_theirs = place.unwrap_or_else(|| is_calamines(&Backtrace::force_capture().to_string()));
        WAS_THEIRS.set(is_theirs);
        if !is_theirs {
            fatal(info);
        }
    }));
}

/// Runs `work`; `None` when calamine broke down in it.
pub fn forgive<T>(work: impl FnOnce() -> T) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => Some(done),
        Err(_) if WAS_THEIRS.take() => None,
        Err(panic) => resume_unwind(panic),
    }
}

/// Whether a stack meets a file of calamine's before it meets one of ours; innermost frames come first.
fn is_calamines(stack: &str) -> bool {
    let mut files = stack.lines().filter_map(|line| line.trim_start().strip_prefix("at "));
    files.find_map(whose).unwrap_or(false)
}

/// Whether a file is calamine's (true) or ours (false); `None` for what either calls.
fn whose(file: &str) -> Option<bool> {
    // Of ours, these two stand between any panic and its cause.
    let tells_nothing = ["/rustc/", "library/", "src/theirs.rs", "src/memory.rs"];
    if tells_nothing.iter().any(|part| file.contains(part)) {
        None
    } else if file.contains("/registry/src/") {
        file.contains("/calamine-").then_some(true)
    } else {
        Some(false)
    }
}
