//! A folder to run the binary in, and a server that runs in one.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

pub const KEY: &str = "sk-a-very-secret-key";

/// A folder in which commands run.
pub struct Folder(TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// With 300 customers in `base_data/`.
    pub fn with_data() -> Self {
        let folder = Self::new();
        fs::create_dir_all(folder.path("base_data/2026-01-01")).unwrap();
        fs::copy(fixture("customers_300.xls"), folder.path("base_data/2026-01-01/customers.xls")).unwrap();
        folder
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_content-portal"));
        command.args(args).current_dir(self.0.path()).env_clear().stdin(Stdio::null());
        command
    }

    pub fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Standard output of a command that succeeds.
    pub fn ok(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(output.status.success(), "{args:?}: {}", shown(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Standard error of a command that fails.
    pub fn fails(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(!output.status.success(), "{args:?}: {}", shown(&output));
        String::from_utf8(output.stderr).unwrap()
    }

    /// The folders of the versions, oldest first.
    pub fn versions(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.path("models/versions")) else { return Vec::new() };
        let mut versions: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        versions.sort();
        versions
    }
}

pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

pub fn shown(output: &Output) -> String {
    format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A server that ends with its test.
pub struct Server {
    child: Child,
    log: BufReader<ChildStderr>,
    seen: String,
}

impl Server {
    pub fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        Self { child, log, seen: String::new() }
    }

    /// Reads the log up to the line with this `event`.
    pub fn until(&mut self, event: &str) -> Value {
        loop {
            let mut line = String::new();
            let n_bytes = self.log.read_line(&mut line).unwrap();
            self.seen.push_str(&line);
            assert!(n_bytes > 0, "the log ended before {event:?}:\n{}", self.seen);
            let entry: Value = serde_json::from_str(&line).unwrap_or_default();
            if entry["event"] == event {
                return entry;
            }
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, name: &str) {
        let status = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.child.id())]).status().unwrap();
        assert!(status.success());
    }

    /// Waits for the end; the exit code and the rest of the log.
    pub fn ended(mut self) -> (Option<i32>, String) {
        self.log.read_to_string(&mut self.seen).unwrap();
        (self.child.wait().unwrap().code(), std::mem::take(&mut self.seen))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Status line and body of a GET.
pub fn get(address: &str, path: &str) -> String {
    get_with(address, path, "")
}

/// The same with further header lines.
pub fn get_with(address: &str, path: &str, lines: &str) -> String {
    send(address, &format!("GET {path}"), &format!("{lines}\r\n"))
}

/// Status line and body of a request, whose further header lines and body are `rest`.
pub fn send(address: &str, request: &str, rest: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "{request} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{rest}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Every file of a version but those that tell the time, by name.
pub fn model_files(version: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(version).unwrap().map(|entry| entry.unwrap());
    let files = entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()));
    files.filter(|(name, _)| !["manifest.json", "report.json", "report.html"].contains(&name.as_str())).collect()
}
