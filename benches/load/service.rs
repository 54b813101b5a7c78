//! The release binary in a temporary folder, and its resources as the system counts them.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// The customers that the model is trained on.
pub const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/base_data/2026-01-01/customers.xlsx");
const BINARY: &str = env!("CARGO_BIN_EXE_content-portal");

/// A running server; dropping it stops the process.
pub struct Service {
    child: Child,
    pub address: SocketAddr,
    folder: TempDir,
}

/// How to start a server.
#[derive(Default)]
pub struct Setup {
    settings: BTreeMap<&'static str, String>,
    /// Shell commands before it starts.
    before: Vec<String>,
    /// A command that starts it.
    under: String,
}

/// A process's resources at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Footprint {
    pub resident_kb: u64,
    pub peak_kb: u64,
    pub descriptors: usize,
    pub threads: usize,
}

impl Setup {
    /// The offline writer, and the driver as a trusted proxy.
    pub fn new() -> Self {
        let setup = Self::default();
        setup.with("PORT", "0").with("WRITER", "offline").with("MIN_FREE_MB", "0").with("TRUSTED_PROXIES", "127.0.0.1")
    }

    /// Adds a setting.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.settings.insert(name, value.into());
        self
    }

    /// Writes and draws with the model API at `address`.
    pub fn written_by(self, address: SocketAddr) -> Self {
        let url = format!("http://{address}/v1");
        self.with("WRITER", "openai").with("OPENAI_API_KEY", "k").with("OPENAI_BASE_URL", url)
    }

    /// Logs no line for each request.
    pub fn quiet(self) -> Self {
        self.with("RUST_LOG", "info,content_portal::http::request_id=warn,content_portal::http::problem=off")
    }

    /// With a shell's usual soft limit of file descriptors, which the server may raise.
    pub fn with_a_soft_limit(mut self, descriptors: usize) -> Self {
        self.before.push(format!("ulimit -Sn {descriptors}"));
        self
    }

    /// On one processor, so that load on the others does not slow it.
    pub fn on_processor(mut self, processor: usize) -> Self {
        self.under = format!("taskset -c {processor} ");
        self
    }

    /// Trains on the sample and starts.
    pub fn start(self) -> Service {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("base_data/2026-01-01");
        fs::create_dir_all(&data).unwrap();
        fs::copy(SAMPLE, data.join("customers.xlsx")).unwrap();
        let script = format!("{}\nexec {}\"$0\" serve", self.before.join("\n"), self.under);
        let mut command = Command::new("bash");
        command.args(["-c", &script, BINARY]).current_dir(folder.path()).env_clear().env("PATH", "/usr/bin:/bin");
        command.envs(&self.settings).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut seen = String::new();
        let mut until = |message: &str| -> Value {
            for line in log.by_ref().map(Result::unwrap) {
                let entry: Value = serde_json::from_str(&line).unwrap_or_default();
                if entry["message"] == message {
                    return entry;
                }
                seen.push_str(&line);
            }
            panic!("the server ended before {message:?}: {seen}");
        };
        let address = until("listening")["address"].as_str().unwrap().parse().unwrap();
        until("ready");
        // The log is read, as in production, and shows what the measurement does not.
        std::thread::spawn(move || show_faults(log.map_while(Result::ok)));
        Service { child, address, folder }
    }
}

/// Prints the server's log lines that are not about requests, each message once.
fn show_faults(lines: impl Iterator<Item = String>) {
    let mut shown = std::collections::BTreeSet::new();
    for line in lines {
        let entry: Value = serde_json::from_str(&line).unwrap_or_default();
        let message = entry["message"].as_str().unwrap_or(&line);
        if entry["level"] == "ERROR" && shown.insert(message.to_owned()) {
            println!("    the server says: {line}");
        }
    }
}

impl Service {
    /// The folder that the server works in.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What pictures take on the disk.
    pub fn bytes_on_disk(&self) -> u64 {
        let files = fs::read_dir(self.folder().join("images")).into_iter().flatten().flatten();
        files.filter_map(|file| file.metadata().ok()).map(|file| file.len()).sum()
    }

    pub fn footprint(&self) -> Footprint {
        let process = PathBuf::from(format!("/proc/{}", self.child.id()));
        let status = fs::read_to_string(process.join("status")).unwrap();
        let of = |name: &str| {
            let value = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            value.trim().trim_end_matches(" kB").parse().unwrap()
        };
        let count = |path: &Path| fs::read_dir(path).map_or(0, Iterator::count);
        Footprint {
            resident_kb: of("VmRSS:"),
            peak_kb: of("VmHWM:"),
            descriptors: count(&process.join("fd")),
            threads: count(&process.join("task")),
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Raises this process's limit of connections.
pub fn allow_descriptors(n: usize) {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    let wanted = n as u64;
    assert!(wanted <= hard, "{n} connections need a limit (ulimit -Hn) of more than {hard} file descriptors");
    setrlimit(Resource::RLIMIT_NOFILE, soft.max(wanted), hard).unwrap();
}

/// Keeps this process's threads to one processor, which leaves the others to the server.
pub fn stay_on_processor(processor: usize) {
    let moved =
        Command::new("taskset").args(["-apc", &processor.to_string(), &std::process::id().to_string()]).output();
    assert!(moved.is_ok_and(|output| output.status.success()), "taskset could not keep the load to one processor");
}
