//! What commands print, line by line.
//!
//! A reader that is gone (`content-portal models list | head -1`) ends the printing and nothing else: the command goes
//! on to its own exit code. Output that is lost for another reason (a full disk) ends the command with an error.

use std::fmt;
use std::io::{self, Read, StdoutLock, Write};
use std::process;

/// Prints a line to standard output; arguments as of `format!`.
macro_rules! print_line {
    ($($arguments:tt)*) => {
        $crate::commands::output::print(format_args!("{}\n", format_args!($($arguments)*)))
    };
}
pub(super) use print_line;

/// Prints text to standard output, at once.
pub fn print(text: fmt::Arguments<'_>) {
    print_by(|out| out.write_fmt(text));
}

/// Prints bytes to standard output.
pub fn print_all(mut bytes: impl Read) {
    print_by(|out| io::copy(&mut bytes, out).map(|_| ()));
}

fn print_by(write: impl FnOnce(&mut StdoutLock<'_>) -> io::Result<()>) {
    let mut out = io::stdout().lock();
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            print_error(format_args!("error: standard output cannot be written: {error}\n"));
            process::exit(1);
        }
        _ => {}
    }
}

/// Prints text to standard error; a failure cannot be reported anywhere.
pub fn print_error(text: fmt::Arguments<'_>) {
    let _ = io::stderr().lock().write_fmt(text);
}
