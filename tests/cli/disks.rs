//! Disks that are full or read-only: what cannot be stored is refused for that reason, leaves nothing, and the server
//! goes on.
//!
//! Each disk is a small one in memory, mounted in a user namespace of the server's own: no privilege is needed, and no
//! other process sees it. A system that has no user namespaces for its users fails these tests, unless
//! `TEST_WITHOUT_DISKS=1` leaves them out.

use std::fs;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::folder::{Folder, Server};
use crate::form::Form;
use crate::lasting::{upload, workbook};

const ADMIN_KEY: &str = "a-key-of-the-administrators";

/// Leaves these tests out where it is `1`.
const LEAVE_OUT: &str = "TEST_WITHOUT_DISKS";
/// A mount namespace in which this user is root, as `unshare` makes it.
const NAMESPACE: [&str; 2] = ["--map-root-user", "--mount"];

/// A server whose folder `disk` is a disk of two megabytes.
struct Disk {
    server: Server,
    address: String,
    /// The disk, as the server sees it.
    path: PathBuf,
}

/// Whether disks are to be tested.
///
/// # Panics
/// Where they are, and this system mounts none for its users.
fn are_tested() -> bool {
    if std::env::var_os(LEAVE_OUT).is_some_and(|value| value == "1") {
        // Written past the harness, which hides what a passing test prints.
        let name = std::thread::current().name().unwrap_or_default().to_owned();
        let told = format!("\nNOT TESTED, because {LEAVE_OUT}=1: {name}\n");
        io::stderr().lock().write_all(told.as_bytes()).unwrap();
        return false;
    }
    let probe = Command::new("unshare").args(NAMESPACE).args(["mount", "-t", "tmpfs", "tmpfs", "/tmp"]).output();
    let why = match probe {
        Ok(probe) if probe.status.success() => return true,
        Ok(probe) => String::from_utf8_lossy(&probe.stderr).trim().to_owned(),
        Err(error) => format!("unshare: {error}"),
    };
    panic!(
        "This test mounts a small disk in a user namespace, and this system refuses that ({why}). Install util-linux \
         and mount, and allow user namespaces: `sysctl -w kernel.unprivileged_userns_clone=1` on Debian, `sysctl -w \
         kernel.apparmor_restrict_unprivileged_userns=0` on Ubuntu, `--security-opt seccomp=unconfined --security-opt \
         apparmor=unconfined` for a Docker container. Or leave the tests of full disks out: {LEAVE_OUT}=1 cargo test"
    );
}

impl Disk {
    /// `None` where these tests are left out.
    fn of_a_server(folder: &Folder, settings: &[(&str, &str)]) -> Option<Self> {
        Self::mounted(folder, "size=2m", settings)
    }

    /// The same, mounted with these options.
    fn mounted(folder: &Folder, options: &str, settings: &[(&str, &str)]) -> Option<Self> {
        if !are_tested() {
            return None;
        }
        folder.ok(&["retrain"]);
        fs::create_dir_all(folder.path("disk")).unwrap();
        let script = format!(
            "cp -a models kept; mount -t tmpfs -o {options} tmpfs disk; cp -a kept disk/models; exec \"$0\" serve"
        );
        let mut command = Command::new("unshare");
        command.args(NAMESPACE).args(["sh", "-c", &script, env!("CARGO_BIN_EXE_content-portal")]);
        command.current_dir(folder.path("")).env_clear().env("PATH", "/usr/bin:/bin").envs(settings.iter().copied());
        command.env("PORT", "0").env("MIN_FREE_MB", "0").env("ADMIN_KEY", ADMIN_KEY);
        if !settings.iter().any(|(name, _)| *name == "WRITER") {
            command.env("WRITER", "offline");
        }
        let mut server = Server::start(&mut command);
        let address = server.until("listening")["address"].as_str().unwrap().to_owned();
        server.until("ready");
        let path =
            PathBuf::from(format!("/proc/{}/root", server.pid())).join(folder.path("disk").strip_prefix("/").unwrap());
        Some(Self { server, address, path })
    }

    /// Leaves no byte free, and hands back what fills it.
    fn fill(&self) -> PathBuf {
        let ballast = self.path.join("ballast");
        let mut file = fs::File::create(&ballast).unwrap();
        assert!(io::copy(&mut io::repeat(1), &mut file).is_err());
        ballast
    }

    /// Makes the mount read-only: the file system itself is not this user's to change.
    fn make_read_only(&self) {
        let status = Command::new("nsenter")
            .args(["--preserve-credentials", "-U", "-m", "-t", &self.server.pid().to_string()])
            .args(["mount", "-o", "remount,bind,ro"])
            .arg(Path::new("/").join(self.path.strip_prefix(format!("/proc/{}/root", self.server.pid())).unwrap()))
            .status()
            .unwrap();
        assert!(status.success());
    }

    fn post(&self, path: &str, body: &str) -> (u16, Value) {
        self.post_of(path, "application/json", body.as_bytes())
    }

    fn post_of(&self, path: &str, content_type: &str, body: &[u8]) -> (u16, Value) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let client = reqwest::Client::builder().no_proxy().build().unwrap();
            let request = client.post(format!("http://{}{path}", self.address)).bearer_auth(ADMIN_KEY);
            let request = request.header("content-type", content_type).body(body.to_owned());
            let response = request.send().await.unwrap();
            let status = response.status().as_u16();
            (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default())
        })
    }

    /// Every file on the disk but the ballast and the models.
    fn files(&self, folder: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path.join(folder)) else { return Vec::new() };
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        // Notes of uploads are beside them.
        names.filter(|name| !name.ends_with(".json")).collect()
    }
}

fn is_about_room(answer: &str) -> bool {
    answer.starts_with("HTTP/1.1 507") && (answer.contains("storage") || answer.contains("disk_full"))
}

fn set_up() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

#[test]
fn uploads_and_exports_are_refused_while_their_disk_is_full_or_read_only() {
    set_up();
    let folder = Folder::with_data();
    let Some(disk) = Disk::of_a_server(&folder, &[("UPLOAD_DIR", "disk/uploads")]) else { return };
    assert!(upload(&disk.address, &workbook(0)).starts_with("HTTP/1.1 200"));
    let ballast = disk.fill();
    for n in 1..20 {
        let answer = upload(&disk.address, &workbook(n));
        assert!(is_about_room(&answer), "{answer}");
    }
    let answer = r#"{"clusters": [{"cluster_id": 0, "members": [{"Location": "Bedok"}]}]}"#;
    for format in ["xlsx", "csv"] {
        let (status, problem) = disk.post(&format!("/segments/export?format={format}"), answer);
        assert_eq!(status, 507, "{format}: {problem}");
    }
    assert_eq!(disk.files("uploads").len(), 1, "{:?}", disk.files("uploads"));
    fs::remove_file(ballast).unwrap();
    assert!(upload(&disk.address, &workbook(20)).starts_with("HTTP/1.1 200"));
    assert_eq!(disk.post("/segments/export?format=xlsx", answer).0, 200);
    assert_eq!(disk.files("uploads").len(), 2);

    disk.make_read_only();
    let refused = upload(&disk.address, &workbook(21));
    assert!(is_about_room(&refused), "{refused}");
    assert_eq!(disk.post("/segments/export?format=xlsx", answer).0, 507);
    assert_eq!(disk.files("uploads").len(), 2);
    assert_eq!(disk.post("/generate-promo", "{}").0, 200, "what needs no disk goes on");
}

#[test]
fn an_upload_that_does_not_say_its_size_needs_no_more_room_than_it_takes() {
    set_up();
    let folder = Folder::with_data();
    // Any upload may have 50 MB, and the disk has two.
    let Some(disk) = Disk::of_a_server(&folder, &[("UPLOAD_DIR", "disk/uploads")]) else { return };
    let in_chunks = |content: &str| {
        let (content_type, body) = Form::new().file("a.csv", content.as_bytes()).finish();
        let mut stream = TcpStream::connect(&disk.address).unwrap();
        let head = format!("Content-Type: {content_type}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
        write!(stream, "POST /upload-excel HTTP/1.1\r\nHost: {}\r\n{head}", disk.address).unwrap();
        for chunk in body.chunks(64 << 10) {
            // A server that refuses it reads no further.
            let chunk = [format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat();
            if stream.write_all(&chunk).is_err() {
                break;
            }
        }
        let _ = stream.write_all(b"0\r\n\r\n");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let answer = in_chunks(&workbook(0));
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let refused = in_chunks(&workbook(1).repeat(60_000));
    assert!(is_about_room(&refused), "{refused}");
    assert_eq!(disk.files("uploads").len(), 1, "{:?}", disk.files("uploads"));
    assert!(in_chunks(&workbook(2)).starts_with("HTTP/1.1 200"), "what was refused has left its room");
}

#[test]
fn a_caller_that_only_says_how_much_it_will_send_keeps_no_room_from_others() {
    set_up();
    let folder = Folder::with_data();
    let Some(disk) = Disk::of_a_server(&folder, &[("UPLOAD_DIR", "disk/uploads")]) else { return };
    let (content_type, _) = Form::new().finish();
    // Together they say more than the disk has. The server asks each to go on.
    let talkers: Vec<TcpStream> = (0..3)
        .map(|_| {
            let mut stream = TcpStream::connect(&disk.address).unwrap();
            let head =
                format!("Content-Type: {content_type}\r\nContent-Length: 900000\r\nExpect: 100-continue\r\n\r\n");
            write!(stream, "POST /upload-excel HTTP/1.1\r\nHost: {}\r\n{head}", disk.address).unwrap();
            let mut answer = [0; 12];
            stream.read_exact(&mut answer).unwrap();
            assert_eq!(&answer, b"HTTP/1.1 100");
            stream
        })
        .collect();
    let answer = upload(&disk.address, &workbook(0));
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    drop(talkers);
}

#[test]
fn uploads_are_refused_where_hardly_any_file_can_be_made() {
    set_up();
    let folder = Folder::with_data();
    let settings = [("UPLOAD_DIR", "disk/uploads")];
    let Some(disk) = Disk::mounted(&folder, "size=20m,nr_inodes=900", &settings) else { return };
    let answer = upload(&disk.address, &workbook(0));
    assert!(answer.starts_with("HTTP/1.1 507") && answer.contains("storage_low"), "{answer}");
    assert!(disk.files("uploads").is_empty());
}

#[test]
fn pictures_are_refused_and_texts_are_not_while_the_pictures_disk_is_full() {
    set_up();
    let folder = Folder::with_data();
    let Some(disk) = Disk::of_a_server(&folder, &[("IMAGE_DIR", "disk/images")]) else { return };
    let image = |objective: &str| {
        disk.post("/generate-promo", &format!(r#"{{"post_type": "Image", "objective": "{objective}"}}"#))
    };
    let ballast = disk.fill();
    let (status, problem) = image("More visits");
    assert_eq!(status, 507, "{problem}");
    assert_eq!(disk.files("images"), Vec::<String>::new());
    let (status, text) = disk.post("/generate-promo", r#"{"post_type": "Text"}"#);
    assert_eq!(status, 200, "{text}");
    fs::remove_file(ballast).unwrap();
    assert_eq!(image("More visits").0, 200);
    disk.make_read_only();
    assert_eq!(image("Fewer visits").0, 200, "a poster takes no room once its name can be signed");
}

#[test]
fn a_retraining_is_refused_for_its_reason_while_the_disk_of_models_or_of_uploads_is_full() {
    set_up();
    for (settings, file) in [(("MODEL_DIR", "disk/models"), None), (("UPLOAD_DIR", "disk/uploads"), Some(workbook(0)))]
    {
        let folder = Folder::with_data();
        let Some(disk) = Disk::of_a_server(&folder, &[settings]) else { return };
        let form = || file.iter().fold(Form::new(), |form, file| form.file_in("files", "a.csv", file.as_bytes()));
        let (content_type, body) = form().text("training", r#"{"seed": 7}"#).finish();
        let ballast = disk.fill();
        let (status, problem) = disk.post_of("/retrain?wait=true&force=true", &content_type, &body);
        assert_eq!(status, 507, "{settings:?}: {problem}");
        assert!(disk.files("uploads").is_empty(), "{:?}", disk.files("uploads"));
        fs::remove_file(ballast).unwrap();
        let (status, job) = disk.post_of("/retrain?wait=true&force=true", &content_type, &body);
        assert_eq!((status, &job["state"]), (200, &"published".into()), "{settings:?}: {job}");
    }
}

#[test]
fn nothing_is_sent_upstream_while_what_is_spent_cannot_be_written_down() {
    set_up();
    let folder = Folder::with_data();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let upstream = format!("http://{}/v1", nobody.local_addr().unwrap());
    let settings = [
        ("STATE_DIR", "disk/state"),
        ("DAILY_BUDGET_USD", "1"),
        ("WRITER", "openai"),
        ("OPENAI_API_KEY", "k"),
        ("OPENAI_BASE_URL", &upstream),
        ("OPENAI_TIMEOUT_S", "1"),
        ("OPENAI_DEADLINE_S", "1"),
    ];
    let Some(disk) = Disk::of_a_server(&folder, &settings) else { return };
    let ballast = disk.fill();
    let before = fs::read(disk.path.join("state/budget.json")).unwrap();
    let (status, problem) = disk.post("/generate-promo", "{}");
    assert_eq!(status, 507, "{problem}");
    assert_eq!(fs::read(disk.path.join("state/budget.json")).unwrap(), before, "what is spent is still known");
    nobody.set_nonblocking(true).unwrap();
    assert!(nobody.accept().is_err(), "it was asked all the same");
    fs::remove_file(ballast).unwrap();
    assert_ne!(disk.post("/generate-promo", "{}").0, 507);
}
