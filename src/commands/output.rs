//! What commands print, line by line.
//!
//! A reader that is gone (`content-portal models list | head -1`) ends the printing and nothing else: the command goes
//! on to its own exit code. Output that is lost for another reason (a full disk) ends the command with an error.
//!
//! What is printed may repeat names of files and texts of strangers: characters that a terminal obeys or that nobody
//! sees are printed as `\u001b`, which is also what JSON has for them.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::io::{self, Read, StdoutLock, Write};
use std::process;

use content_portal::customer::is_invisible;

/// Prints a line to standard output; arguments as of `format!`.
macro_rules! print_line {
    ($($arguments:tt)*) => {
        $crate::commands::output::print(format_args!("{}\n", format_args!($($arguments)*)))
    };
}
pub(super) use print_line;

/// Prints a line of a report to standard output: a label in its column, then arguments as of `format!`.
macro_rules! print_field {
    ($label:expr, $($arguments:tt)*) => {
        $crate::commands::output::print(format_args!("{:<16}{}\n", $label, format_args!($($arguments)*)))
    };
}
pub(super) use print_field;

/// Prints a further line of the field above it.
macro_rules! print_further {
    ($($arguments:tt)*) => {
        $crate::commands::output::print_field!("", $($arguments)*)
    };
}
pub(super) use print_further;

/// Prints text to standard output, at once.
pub fn print(text: fmt::Arguments<'_>) {
    print_by(|out| out.write_all(harmless(&text.to_string()).as_bytes()));
}

/// The text with `\u001b` in place of characters that a terminal obeys or that nobody sees, but for line breaks and
/// tabs.
pub fn harmless(text: &str) -> Cow<'_, str> {
    let is_harmless = |c: char| !is_invisible(c) || matches!(c, '\n' | '\t');
    if text.chars().all(is_harmless) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if is_harmless(c) {
            escaped.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a String cannot fail.
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        }
    }
    Cow::Owned(escaped)
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
    let _ = io::stderr().lock().write_all(harmless(&text.to_string()).as_bytes());
}

/// A number with its noun: `1 segment`, `4 segments`.
pub(super) fn counted(n: usize, noun: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{n} {noun}{plural}")
}

#[cfg(test)]
mod tests {
    use super::harmless;

    #[test]
    fn what_a_terminal_obeys_is_escaped_as_json_escapes_it() {
        let name = "a\u{1b}]0;owned\u{7}\u{9b}2J\u{202e}vsc.\u{e0041}\r\n\tMärz ❤\u{fe0f}";
        let escaped = harmless(name);
        assert_eq!(escaped, "a\\u001b]0;owned\\u0007\\u009b2J\\u202evsc.\\udb40\\udc41\\u000d\n\tMärz ❤\u{fe0f}");
        let line = escaped.lines().next().unwrap();
        let read: String = serde_json::from_str(&format!("\"{line}\"")).unwrap();
        assert_eq!(Some(read.as_str()), name.split('\n').next());
    }
}
