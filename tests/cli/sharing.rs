//! Several machines over one store, here a folder: versions travel, servers follow, of two trainings one wins.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::Stdio;

use serde_json::Value;

use crate::folder::{Folder, Server, model_files, send, shown};

const ADMIN: &str = "a-key-of-the-administrators";

/// The address of a store in a folder, which is there.
fn url(folder: &Folder) -> String {
    let path = folder.path("the store");
    fs::create_dir_all(&path).unwrap();
    format!("file://{}", path.display())
}

/// The current version of a machine.
fn current(folder: &Folder) -> String {
    let link = fs::read_link(folder.path("models/current")).unwrap();
    link.file_name().unwrap().to_str().unwrap().to_owned()
}

fn version(folder: &Folder, id: &str) -> PathBuf {
    folder.path("models/versions").join(id)
}

#[test]
fn a_version_is_pushed_and_pulled_and_a_push_says_what_it_wrote() {
    let (here, there) = (Folder::with_data(), Folder::new());
    here.ok(&["retrain"]);
    let url = format!("file://{}", here.path("the store").display());
    let refused = there.run(&["models", "pull", &url]);
    assert_eq!(refused.status.code(), Some(78), "{}", shown(&refused));
    assert!(shown(&refused).contains("there is no such folder"), "{}", shown(&refused));
    fs::create_dir(here.path("the store")).unwrap();
    let said = there.fails(&["models", "pull", &url]);
    assert!(said.contains("has no current version yet") && said.contains("models push"), "{said}");
    let n_files = fs::read_dir(version(&here, &current(&here))).unwrap().count();
    let said = here.ok(&["models", "push", &url]);
    assert!(said.contains(&format!("written         {n_files} files")) && said.contains("current"), "{said}");
    let said = there.ok(&["models", "pull", &url]);
    assert!(said.contains(&current(&here)), "{said}");
    assert_eq!(current(&there), current(&here));
    assert_eq!(model_files(&version(&there, &current(&here))), model_files(&version(&here, &current(&here))));
    assert!(here.ok(&["models", "push", &url]).contains("written         0 files"));
    // What was damaged is not pulled, and is put right by a push.
    let id = current(&here);
    let file = here.path("the store/models").join(&id).join("scaler.json");
    fs::write(&file, "{}").unwrap();
    fs::remove_dir_all(there.path("models")).unwrap();
    let said = there.fails(&["models", "pull", &url]);
    assert!(said.contains("scaler.json") && said.contains("SHA-256") && said.contains(&url), "{said}");
    assert!(there.versions().is_empty());
    assert!(here.ok(&["models", "push", &url]).contains("written         1 file,"));
    there.ok(&["models", "pull", "--aside", &url]);
    assert_eq!(there.versions().len(), 1);
    assert!(!there.path("models/current").exists());
    // So is what says which version is current.
    fs::write(here.path("the store/current"), "<html>").unwrap();
    let said = there.fails(&["models", "pull", &url]);
    assert!(said.contains("names no version") && said.contains("models push puts it right"), "{said}");
    let said = here.ok(&["models", "push", &url]);
    assert!(said.contains("names no version") && said.contains(&format!("current         {id}")), "{said}");
    there.ok(&["models", "pull", &url]);
    assert_eq!(current(&there), id);
    // A push begins a store, and nothing else does.
    let new = format!("{url} of another");
    let begun = here.ok(&["models", "push", &new]);
    assert!(begun.contains("begun") && here.path("the store of another/current").is_file(), "{begun}");
}

#[test]
fn a_store_whose_folder_has_gone_is_not_made_anew() {
    let folder = Folder::with_data();
    let path = folder.path("the store");
    let url = format!("file://{}", path.display());
    let args: [&[&str]; 4] = [&["retrain"], &["serve"], &["check"], &["budget", "show"]];
    for args in args {
        let output = folder.command(args).envs([("STORE_URL", url.as_str()), ("PORT", "0")]).output().unwrap();
        assert_eq!(output.status.code(), Some(78), "{args:?}: {}", shown(&output));
        assert!(shown(&output).contains("there is no such folder"), "{args:?}: {}", shown(&output));
    }
    assert!(!path.exists() && folder.versions().is_empty());
}

#[test]
fn check_writes_into_the_store_and_leaves_nothing_there() {
    let folder = Folder::with_data();
    let url = url(&folder);
    let check = || {
        let mut command = folder.command(&["check"]);
        shown(&command.envs([("STORE_URL", url.as_str()), ("PORT", "0")]).output().unwrap())
    };
    let said = check();
    assert!(
        said.contains("STORE_URL     ok") && said.contains("an object was written, replaced and removed"),
        "{said}"
    );
    let left: Vec<_> = fs::read_dir(folder.path("the store")).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(left, [".compare-and-swap.lock"]);
    // A file is where the folder of the trial would have to be.
    fs::write(folder.path("the store/checks"), "").unwrap();
    let said = check();
    assert!(said.contains("STORE_URL     FAILED") && said.contains("may read and write that folder"), "{said}");
}

#[test]
fn a_setting_of_s3_that_cannot_be_used_is_named_with_a_url_beside_it_as_well() {
    let folder = Folder::with_data();
    folder.ok(&["retrain"]);
    for (name, value, why) in [
        ("AWS_ENDPOINT_URL", "minio.hidden:9000", "must be an address such as"),
        ("AWS_ENDPOINT_URL", "minio-hidden", "must be an address such as"),
        ("AWS_ENDPOINT_URL", "http://minio.hidden:9000", "AWS_ALLOW_HTTP=1"),
        ("AWS_REGION", "eu hidden", "must be a region"),
        ("AWS_REGION", "eu\nhidden", "must be a region"),
        ("AWS_SESSION_TOKEN", "a-\nhidden-token", "must be one line"),
        ("AWS_ACCESS_KEY_ID", "an-\nhidden-id", "must be one line"),
        ("AWS_SECRET_ACCESS_KEY", "a hidden-key", "must be one line"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "/no/hidden/file", "cannot be read"),
    ] {
        let mut command = folder.command(&["models", "push", "s3://ml/portal"]);
        if name == "AWS_WEB_IDENTITY_TOKEN_FILE" {
            command.env("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/portal");
        } else {
            command.envs([("AWS_ACCESS_KEY_ID", "an-id"), ("AWS_SECRET_ACCESS_KEY", "a-key")]);
        }
        let output = command.env(name, value).output().unwrap();
        let said = shown(&output);
        assert_eq!(output.status.code(), Some(78), "{name}: {said}");
        assert!(said.contains(name) && said.contains(why) && !said.contains("hidden"), "{name}: {said}");
        assert!(!said.contains("panicked"), "{said}");
    }
}

#[test]
fn without_a_store_and_with_a_wrong_one_the_command_says_what_to_name() {
    let folder = Folder::with_data();
    let output = folder.run(&["models", "push"]);
    assert_eq!(output.status.code(), Some(78), "{}", shown(&output));
    assert!(shown(&output).contains("STORE_URL"), "{}", shown(&output));
    let said = folder.fails(&["models", "push", "https://bucket/prefix"]);
    assert!(said.contains("s3://bucket/prefix or file:///folder"), "{said}");
    // Nobody listens there.
    let mut command = folder.command(&["models", "pull", "s3://ml/portal"]);
    command.envs([("AWS_ENDPOINT_URL", "http://127.0.0.1:9"), ("AWS_ALLOW_HTTP", "1")]);
    command.envs([("AWS_ACCESS_KEY_ID", "an-id"), ("AWS_SECRET_ACCESS_KEY", "a-very-secret-key")]);
    let said = shown(&command.output().unwrap());
    assert!(said.contains("s3://ml/portal/current: it cannot be reached"), "{said}");
    assert!(said.contains("AWS_ENDPOINT_URL") && !said.contains("a-very-secret-key"), "{said}");
}

#[test]
fn servers_of_one_store_follow_an_activation_and_take_over_what_marketers_add() {
    let (one, other) = (Folder::with_data(), Folder::with_data());
    let url = url(&one);
    one.command(&["retrain"]).env("STORE_URL", &url).output().unwrap();
    let first = current(&one);
    one.command(&["retrain", "--force"]).env("STORE_URL", &url).output().unwrap();
    let second = current(&one);
    assert_ne!(first, second);
    let serve = |folder: &Folder| {
        let mut command = folder.command(&["serve"]);
        command.envs([("PORT", "0"), ("ADMIN_KEY", ADMIN), ("STORE_URL", &url), ("WRITER", "offline")]);
        let mut server = Server::start(&mut command);
        let address = server.until("listening")["address"].as_str().unwrap().to_owned();
        let ready = server.until("ready");
        (server, address, ready["model_version"].as_str().unwrap().to_owned())
    };
    let (_one, address, live) = serve(&one);
    assert_eq!(live, second);
    // It has customers of its own, and trains no model: it takes that of the store.
    let (mut other_server, other_address, live) = serve(&other);
    assert_eq!(live, second);
    let admin = format!("Authorization: Bearer {ADMIN}\r\n");
    let answer =
        send(&address, &format!("POST /models/{first}/activate"), &format!("{admin}Content-Length: 0\r\n\r\n"));
    assert!(answer.contains(&format!("\"live\":\"{first}\"")), "{answer}");
    assert_eq!(other_server.until("model_version_live")["model_version"], first.as_str());
    assert_eq!(current(&other), first);
    let store: Value = serde_json::from_slice(&fs::read(one.path("the store/current")).unwrap()).unwrap();
    assert_eq!((store["version"].as_str(), store["before"].as_str()), (Some(&*first), Some(&*second)));

    let body = "{\"Interests\": \"running\"}";
    let head =
        format!("{admin}If-Match: *\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
    let answer = send(&other_address, "PUT /segments/0/extras", &format!("{head}{body}"));
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let store = fs::read_to_string(one.path("the store/personas.json")).unwrap();
    assert!(store.contains("running"), "{store}");
    // What is wrong there is not told as a store that does not answer.
    fs::write(one.path("the store/personas.json"), "<html>").unwrap();
    let answer = send(&other_address, "PUT /segments/0/extras", &format!("{head}{body}"));
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("is damaged"), "{answer}");
}

#[test]
fn a_training_that_another_machine_was_faster_than_ends_locked_and_leaves_no_version() {
    let (one, other) = (Folder::with_data(), Folder::with_data());
    let url = url(&one);
    assert!(one.command(&["retrain"]).env("STORE_URL", &url).output().unwrap().status.success());
    let (path, first) = (one.path("the store/current"), current(&one));
    // Whoever swaps `current` in a folder holds this lock.
    let lock = File::create(one.path("the store/.compare-and-swap.lock")).unwrap();
    lock.lock().unwrap();
    let mut command = other.command(&["retrain", "--force", "--events"]);
    command.env("STORE_URL", &url).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut training = command.spawn().unwrap();
    let mut events = BufReader::new(training.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(events.by_ref().any(|event| event.contains("\"publishing\"")));
    let mut now: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    now["by"] = "process 7 on another machine".into();
    fs::remove_file(&path).unwrap();
    fs::write(&path, now.to_string()).unwrap();
    lock.unlock().unwrap();
    let ended: Value = serde_json::from_str(&events.last().unwrap()).unwrap();
    let output = training.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(shown(&output).contains("locked: nothing was published"), "{}", shown(&output));
    assert_eq!((&ended["outcome"], &ended["published_elsewhere"]), (&"locked".into(), &true.into()), "{ended}");
    let why = ended["why"].as_str().unwrap();
    assert!(why.contains("process 7 on another machine") && why.contains(&url), "{why}");
    assert_eq!((current(&other), other.versions().len()), (first, 1));
    let versions = fs::read_dir(one.path("the store/models")).unwrap().count();
    assert_eq!(versions, 1, "the version that came too late has left the store");
}

#[test]
fn a_server_publishes_what_it_trains_and_ends_locked_where_another_machine_was_faster() {
    let folder = Folder::with_data();
    let url = url(&folder);
    let mut command = folder.command(&["serve"]);
    command.envs([("PORT", "0"), ("ADMIN_KEY", ADMIN), ("STORE_URL", &url), ("RETRAIN_KEEP", "2")]);
    let mut server = Server::start(&mut command);
    let address = server.until("listening")["address"].as_str().unwrap().to_owned();
    let first = server.until("ready")["model_version"].as_str().unwrap().to_owned();
    let path = folder.path("the store/current");
    let in_store = || serde_json::from_slice::<Value>(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(in_store()["version"], first.as_str());
    let admin = format!("Authorization: Bearer {ADMIN}\r\nContent-Length: 0\r\n\r\n");
    let train = |path: &str| {
        let answer = send(&address, path, &admin);
        serde_json::from_str::<Value>(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    };
    let done = train("POST /retrain?wait=true&force=true");
    let second = done["version"].as_str().unwrap().to_owned();
    assert_eq!((in_store()["version"].as_str(), in_store()["before"].as_str()), (Some(&*second), Some(&*first)));
    assert_eq!(current(&folder), second);
    assert!(version(&folder, &second).join("report.json").is_file());

    // Whoever swaps `current` in a folder holds this lock.
    let lock = File::create(folder.path("the store/.compare-and-swap.lock")).unwrap();
    lock.lock().unwrap();
    let started = train("POST /retrain?force=true");
    let job = format!("GET /retrain/{}", started["job"].as_str().unwrap());
    loop {
        let now = train(&job);
        assert_eq!(now["state"], "running", "{now}");
        if now["step"] == "publishing" {
            break;
        }
        std::thread::yield_now();
    }
    let mut now = in_store();
    now["by"] = "process 7 on another machine".into();
    fs::remove_file(&path).unwrap();
    fs::write(&path, now.to_string()).unwrap();
    lock.unlock().unwrap();
    let why = server.until("retraining_locked")["why"].as_str().unwrap().to_owned();
    assert!(why.contains("process 7 on another machine") && why.contains(&url), "{why}");
    assert_eq!((current(&folder), folder.versions().len()), (second.clone(), 2));
    assert_eq!(fs::read_dir(folder.path("the store/models")).unwrap().count(), 2, "it has left the store");
}
