//! Who can reach a server, and who can look into its process.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::folder::{Folder, Server, get_with, send, shown};

const NOBODY: u32 = 65_534;

#[test]
fn a_server_that_others_reach_without_a_key_says_so_or_does_not_start() {
    let folder = Folder::with_data();
    let beyond = [("HOST", "0.0.0.0"), ("PORT", "0")];
    let mut server = Server::start(folder.command(&["serve"]).envs(beyond));
    assert_eq!(server.until("open_to_everybody")["level"], "WARN");
    server.until("no_host_name");
    server.until("ready");
    drop(server);
    let output = folder.command(&["serve"]).envs(beyond).env("ALLOW_OPEN", "0").output().unwrap();
    assert_eq!(output.status.code(), Some(78), "{}", shown(&output));
    assert!(shown(&output).contains("ALLOW_OPEN=1"), "{}", shown(&output));
    for closed in [
        [("API_KEYS", "a-key-of-the-portal"), ("PUBLIC_URL", "https://a.example")],
        [("HOST", "127.0.0.1"), ("CONSOLE", "off")],
    ] {
        let mut server = Server::start(folder.command(&["serve"]).envs(beyond).env("ALLOW_OPEN", "0").envs(closed));
        server.until("ready");
        server.signal("TERM");
        let (_, log) = server.ended();
        assert!(!log.contains("open_to_everybody") && !log.contains("no_host_name"), "{log}");
    }
}

#[test]
fn other_processes_of_the_user_cannot_look_into_the_server() {
    let folder = Folder::with_data();
    folder.ok(&["retrain"]);
    let mut command = folder.command(&["serve"]);
    if rustix::process::geteuid().is_root() {
        // Root may look into everything: another user's server shows whether others may.
        let binary = folder.path("content-portal");
        fs::copy(env!("CARGO_BIN_EXE_content-portal"), &binary).unwrap();
        assert!(Command::new("chmod").args(["-R", "a+rwX"]).arg(folder.path(".")).status().unwrap().success());
        fs::set_permissions(&binary, fs::Permissions::from_mode(0o755)).unwrap();
        command = Command::new(binary);
        command.arg("serve").current_dir(folder.path(".")).env_clear().uid(NOBODY).gid(NOBODY);
    }
    let mut server = Server::start(command.env("PORT", "0").env("ADMIN_KEY", "a-key-of-the-administrators"));
    server.until("ready");
    // What a process may be looked into belongs to its user, and otherwise to root.
    let environ = fs::metadata(format!("/proc/{}/environ", server.pid())).unwrap();
    assert_eq!(environ.uid(), 0);
}

#[test]
fn a_retraining_of_the_server_has_its_settings_and_no_secret() {
    let folder = Folder::with_data();
    folder.ok(&["retrain"]);
    fs::rename(folder.path("models"), folder.path("the-models")).unwrap();
    let secrets = "ADMIN_KEY=a-key-of-the-administrators\nOPENAI_API_KEY=sk-a-very-secret-key\nWRITER=openai\n\
                   OPENAI_BASE_URL=http://me:a-password@127.0.0.1:9/v1\n";
    fs::create_dir(folder.path("the store")).unwrap();
    let store = format!(
        "STORE_URL=file://{}\nAWS_ACCESS_KEY_ID=an-id-of-the-store\nAWS_SECRET_ACCESS_KEY=a-secret-of-the-store\n\
         AWS_SESSION_TOKEN=a-token-of-the-store\n",
        folder.path("the store").display()
    );
    fs::write(folder.path(".env"), format!("{secrets}{store}MODEL_DIR=the-models\nRETRAIN_KEEP=3\n")).unwrap();
    let mut server = Server::start(folder.command(&["serve"]).env("PORT", "0").env("API_KEYS", "a-key-of-the-portal"));
    let address = server.until("listening")["address"].as_str().unwrap().to_owned();
    server.until("ready");
    let head = "Authorization: Bearer a-key-of-the-administrators\r\nContent-Length: 0\r\n\r\n";
    let started = send(&address, "POST /retrain?force=true", head);
    assert!(started.starts_with("HTTP/1.1 202"), "{started}");
    let told = loop {
        // Each thread has children of its own.
        let tasks = fs::read_dir(format!("/proc/{}/task", server.pid())).unwrap().flatten();
        let children: String =
            tasks.map(|task| fs::read_to_string(task.path().join("children")).unwrap_or_default()).collect();
        let environ = |pid: &str| fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        // Before it is its own program a child has the environment of the server.
        let is_retraining = |pid: &&str| {
            fs::read(format!("/proc/{pid}/cmdline"))
                .is_ok_and(|line| String::from_utf8_lossy(&line).contains("retrain"))
        };
        let found = children.split_whitespace().find(is_retraining).map(environ).filter(|bytes| !bytes.is_empty());
        if let Some(bytes) = found {
            break String::from_utf8(bytes).unwrap();
        }
        let jobs = get_with(&address, "/retrain", "Authorization: Bearer a-key-of-the-administrators\r\n");
        assert!(jobs.contains("running"), "it ended before it was seen: {jobs}");
    };
    assert!(told.contains("MODEL_DIR=the-models") && told.contains("RETRAIN_KEEP=3"), "{told:?}");
    for secret in ["a-key-of", "sk-a-very", "a-password", "of-the-store", "STORE_URL", "AWS_"] {
        assert!(!told.contains(secret), "{told:?}");
    }
    // The server puts the version into the store, whose keys the training has not.
    let version = server.until("retraining_published")["version"].as_str().unwrap().to_owned();
    let current = fs::read_to_string(folder.path("the store/current")).unwrap();
    assert!(current.contains(&version), "{current}");
}
