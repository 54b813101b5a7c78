//! What a person sees who starts the server on a terminal.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Child, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::folder::{Folder, get};

/// A server on a terminal, which ends with its test.
struct OnTerminal {
    child: Child,
    lines: BufReader<File>,
}

impl OnTerminal {
    fn start(folder: &Folder, settings: &[(&str, &str)]) -> Self {
        let screen = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&screen).unwrap();
        unlockpt(&screen).unwrap();
        let name = ptsname(&screen, Vec::new()).unwrap();
        let terminal = File::options().write(true).open(Path::new(std::ffi::OsStr::from_bytes(name.as_bytes())));
        let mut command = folder.command(&["serve"]);
        command.env("PORT", "0").envs(settings.iter().copied());
        let child = command.stdout(Stdio::null()).stderr(terminal.unwrap()).spawn().unwrap();
        Self { child, lines: BufReader::new(File::from(screen)) }
    }

    /// Everything up to the line that begins so.
    fn until(&mut self, start: &str) -> Vec<String> {
        let mut seen = Vec::new();
        loop {
            let mut line = String::new();
            // Once the other end is closed, the terminal's own end cannot be read.
            let n_bytes = self.lines.read_line(&mut line).unwrap_or(0);
            assert!(n_bytes > 0, "no line begins with {start:?}: {seen:#?}");
            seen.push(line.trim_end().to_owned());
            if line.starts_with(start) {
                return seen;
            }
        }
    }
}

impl Drop for OnTerminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_last_line_says_where_the_server_is_and_why_texts_come_from_the_offline_writer() {
    let folder = Folder::with_data();
    for (settings, why) in [
        (&[][..], "OPENAI_API_KEY is not set"),
        (&[("WRITER", "offline"), ("RUST_LOG", "error"), ("RETRAIN_SCHEDULE", "quarterly")], "WRITER=offline"),
    ] {
        let mut server = OnTerminal::start(&folder, settings);
        let seen = server.until("content-portal is ready at ");
        let line = seen.last().unwrap();
        assert!(line.contains(&format!("Texts come from the offline writer, because {why}.")), "{line}");
        let address = line.split_once("http://").unwrap().1.split_once(". ").unwrap().0;
        assert!(get(address, "/readyz").starts_with("HTTP/1.1 200"), "{line}");
        let shows_log = seen.iter().any(|line| line.contains("INFO") && line.contains("listening"));
        assert_eq!(shows_log, settings.is_empty(), "{seen:#?}");
    }
}

#[test]
fn the_last_line_names_the_openai_writer_and_an_address_that_can_be_opened() {
    let folder = Folder::with_data();
    let mut server = OnTerminal::start(&folder, &[("OPENAI_API_KEY", "sk-a-very-secret-key"), ("HOST", "0.0.0.0")]);
    let line = server.until("content-portal is ready at ").pop().unwrap();
    assert!(line.contains("http://127.0.0.1:") && line.contains("from the openai writer"), "{line}");
    assert!(!line.contains("secret"), "{line}");
}

#[test]
fn in_an_empty_folder_the_last_line_says_how_to_begin() {
    let begin = "put customers into base_data and start again, or set ADMIN_KEY and upload them there.";
    let upload = "upload a first workbook there, with the administrator's key.";
    for (settings, next) in [(&[][..], begin), (&[("ADMIN_KEY", "a-key-of-the-administrators")], upload)] {
        let folder = Folder::new();
        let mut server = OnTerminal::start(&folder, settings);
        let line = server.until("content-portal is ready at ").pop().unwrap();
        assert!(line.ends_with(&format!("There is no model yet: {next}")), "{line}");
    }
}
