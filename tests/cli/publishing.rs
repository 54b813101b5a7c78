//! Trainings that are killed while their server publishes for several machines: what is told is what is in the store.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::folder::{Folder, Server, send, shown};

const ADMIN: &str = "Authorization: Bearer a-key-of-the-administrators\r\nContent-Length: 0\r\n\r\n";

/// A server over a store in a folder, which publishes a training and waits for the store.
struct Publishing {
    folder: Folder,
    server: Server,
    address: String,
    /// Where the training is looked at.
    job: String,
    /// Whoever swaps `current` in a folder holds this lock.
    lock: File,
    /// The version that was current before.
    before: String,
    /// The version that is to be the current one.
    next: String,
}

impl Publishing {
    fn begun() -> Self {
        let folder = Folder::with_data();
        fs::create_dir(folder.path("the store")).unwrap();
        let mut command = folder.command(&["serve"]);
        command.envs([("PORT", "0"), ("ADMIN_KEY", "a-key-of-the-administrators")]);
        let mut server = Server::start(command.env("STORE_URL", url(&folder)));
        let address = server.until("listening")["address"].as_str().unwrap().to_owned();
        let before = server.until("ready")["model_version"].as_str().unwrap().to_owned();
        let lock = File::create(folder.path("the store/.compare-and-swap.lock")).unwrap();
        lock.lock().unwrap();
        let job = asked(&address, "POST /retrain?force=true")["job"].as_str().unwrap().to_owned();
        // The manifest is put last, and then the store is asked to make it the current version.
        let offered = || {
            let entries = fs::read_dir(folder.path("the store/models")).unwrap().map(|entry| entry.unwrap());
            let mut others = entries.filter(|entry| entry.file_name().to_str() != Some(&before));
            let next = others.next().filter(|entry| entry.path().join("manifest.json").exists());
            next.map(|entry| entry.file_name().into_string().unwrap())
        };
        let next = std::iter::repeat_with(offered).flatten().next().unwrap();
        Self { folder, server, address, job: format!("GET /retrain/{job}"), lock, before, next }
    }

    /// Kills the training, which holds the lock of the models.
    fn kill_training(&self) {
        let holder = fs::read_to_string(self.folder.path("models/.writer.lock")).unwrap();
        let pid = holder.split(' ').nth(1).unwrap();
        assert!(Command::new("sh").args(["-c", &format!("kill -KILL {pid}")]).status().unwrap().success(), "{holder}");
    }
}

fn url(folder: &Folder) -> String {
    format!("file://{}", folder.path("the store").display())
}

fn asked(address: &str, request: &str) -> Value {
    serde_json::from_str(send(address, request, ADMIN).split_once("\r\n\r\n").unwrap().1).unwrap()
}

fn current(folder: &Folder) -> String {
    let link: PathBuf = fs::read_link(folder.path("models/current")).unwrap();
    link.file_name().unwrap().to_str().unwrap().to_owned()
}

fn in_store(folder: &Folder) -> Value {
    serde_json::from_slice(&fs::read(folder.path("the store/current")).unwrap()).unwrap()
}

#[test]
fn a_version_that_was_published_is_told_and_live_where_its_training_was_killed_meanwhile() {
    let publishing = Publishing::begun();
    publishing.kill_training();
    publishing.lock.unlock().unwrap();
    let job = loop {
        let job = asked(&publishing.address, &publishing.job);
        if job["state"] != "running" {
            break job;
        }
        std::thread::yield_now();
    };
    assert_eq!((&job["state"], &job["version"]), (&"published".into(), &publishing.next.as_str().into()), "{job}");
    assert_eq!(job["error"], Value::Null, "this server serves it");
    assert_eq!(in_store(&publishing.folder)["version"], publishing.next.as_str());
    assert_eq!(current(&publishing.folder), publishing.next);
    let ready = asked(&publishing.address, "GET /readyz");
    assert_eq!(ready["model_version"], publishing.next.as_str());
}

#[test]
fn a_version_that_was_not_published_has_no_name_where_server_and_training_were_killed() {
    let publishing = Publishing::begun();
    publishing.kill_training();
    publishing.server.signal("KILL");
    let Publishing { folder, server, lock, before, .. } = publishing;
    server.ended();
    drop(lock);
    assert_eq!((current(&folder), folder.versions().len()), (before.clone(), 1));
    assert_eq!(in_store(&folder)["version"], before.as_str());
    let staging = || fs::read_dir(folder.path("models/staging")).unwrap().count();
    assert_eq!(staging(), 1, "it was sealed");
    let output = folder.command(&["retrain", "--force"]).env("STORE_URL", url(&folder)).output().unwrap();
    assert!(output.status.success(), "{}", shown(&output));
    assert_eq!((staging(), folder.versions().len()), (0, 2), "the next training has swept it");
}
