//! `retrain` as other programs run it, and the server that runs it by a schedule.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use serde_json::Value;

use crate::folder::{Folder, Server, fixture, get, shown};

fn events(output: &[u8]) -> Vec<Value> {
    String::from_utf8_lossy(output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn progress_and_outcome_are_told_as_lines_of_json_and_nothing_else_is_printed() {
    let folder = Folder::with_data();
    fs::write(folder.path("base_data/letter.xlsx"), "Dear team").unwrap();
    let output = folder.run(&["retrain", "--events"]);
    assert!(output.status.success(), "{}", shown(&output));
    let told = events(&output.stdout);
    let (last, progress) = told.split_last().unwrap();
    let (publishing, progress) = progress.split_last().unwrap();
    assert!(progress.len() > 5 && progress.iter().all(|event| event["event"] == "progress"), "{told:?}");
    assert_eq!((&publishing["event"], &publishing["version"]), (&"publishing".into(), &last["version"]));
    assert_eq!((&last["event"], &last["outcome"]), (&"ended".into(), &"published".into()));
    let [version] = folder.versions().try_into().unwrap();
    assert_eq!(last["version"], version.file_name().unwrap().to_str().unwrap());
    assert_eq!(last["left_out"][0]["file"], "letter.xlsx");
}

#[test]
fn a_refusal_and_an_error_are_told_too() {
    let folder = Folder::new();
    let output = folder.run(&["retrain", "--events"]);
    assert_eq!(output.status.code(), Some(3), "{}", shown(&output));
    assert_eq!(events(&output.stdout).last().unwrap()["outcome"], "refused");
    fs::write(folder.path("base_data"), "a file where a folder should be").unwrap();
    let output = folder.run(&["retrain", "--events"]);
    assert_eq!(output.status.code(), Some(1), "{}", shown(&output));
    let last = events(&output.stdout).pop().unwrap();
    assert!(last["outcome"] == "failed" && last["why"].as_str().unwrap().contains("base_data"), "{last}");
    let output = folder.command(&["retrain", "--events"]).env("SCHEMA_PATH", "none.json").output().unwrap();
    let last = events(&output.stdout).pop().unwrap();
    assert!(last["outcome"] == "failed" && last["why"].as_str().unwrap().contains("none.json"), "{last}");
}

#[test]
fn a_training_that_does_not_fit_in_memory_is_refused_before_it_starts_with_an_estimate() {
    let folder = Folder::new();
    fs::create_dir_all(folder.path("base_data")).unwrap();
    // Every row is a profile of its own, and a neighbour of every other.
    let rows = (0..5_760).map(|n| {
        let (town, month, year) = (n % 40, n / 40 % 12 + 1, 2023 + n / 480 % 2);
        let (tier, gender) = (["Silver", "Gold", "Platinum"][n / 960 % 3], ["F", "M"][n / 2_880]);
        format!("{n},{year}-{month:02}-11,Town {town},{gender},{tier}\n")
    });
    let csv: String = std::iter::once("id,date joined,location,gender,loyalty tier\n".to_owned()).chain(rows).collect();
    fs::write(folder.path("base_data/customers.csv"), csv).unwrap();
    fs::write(folder.path("training.json"), r#"{"n_neighbors": 5700}"#).unwrap();
    let retrain = folder.command(&["retrain", "--events"]);
    // Only the soft limit: the reader process sets its own.
    let limited = format!("ulimit -S -v 700000 && exec {} retrain --events", retrain.get_program().display());
    let mut shell = std::process::Command::new("/bin/sh");
    shell.args(["-c", &limited]).current_dir(folder.path("")).env_clear().env("TRAINING_PATH", "training.json");
    let output = shell.stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", shown(&output));
    let last = events(&output.stdout).pop().unwrap();
    let why = last["why"].as_str().unwrap();
    assert_eq!(last["outcome"], "failed", "{last}");
    for part in ["1.7 GB of memory", "MB are free", "5760 different profiles", "5700 neighbours", "n_neighbors"] {
        assert!(why.contains(part), "{part}: {why}");
    }
    assert_eq!(folder.versions().len(), 0);
    // A comparison makes many of them at once.
    let limited = format!("ulimit -S -v 700000 && exec {} compare --events", retrain.get_program().display());
    let mut shell = std::process::Command::new("/bin/sh");
    shell.args(["-c", &limited]).current_dir(folder.path("")).env_clear().env("TRAINING_PATH", "training.json");
    let output = shell.env("RAYON_NUM_THREADS", "3").stdin(Stdio::null()).output().unwrap();
    let last = events(&output.stdout).pop().unwrap();
    let why = last["why"].as_str().unwrap();
    for part in ["comparing ways to train", "GB of memory for 3 trainings at once", "RAYON_NUM_THREADS"] {
        assert!(why.contains(part), "{part}: {why}");
    }
}

/// The nineteenth field of `/proc/PID/stat`, for the process and each of its threads (proc(5)).
fn priorities(process: u32) -> Vec<i32> {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let stat = tasks.filter_map(|task| fs::read_to_string(task.unwrap().path().join("stat")).ok());
    stat.map(|stat| stat.rsplit_once(')').unwrap().1.split_whitespace().nth(16).unwrap().parse().unwrap()).collect()
}

#[test]
fn a_retraining_at_the_lowest_priority_is_so_with_every_thread() {
    let folder = Folder::with_data();
    let mut command = folder.command(&["retrain", "--events", "--lower-priority"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut told = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("layout") {
        line.clear();
        assert!(told.read_line(&mut line).unwrap() > 0, "it ended without a layout");
    }
    // It may end at any moment; until somebody waits for it, the system still knows it.
    let priorities = priorities(child.id());
    assert!(!priorities.is_empty() && priorities.iter().all(|&priority| priority == 19), "{priorities:?}");
    told.read_to_string(&mut line).unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_reader_that_is_gone_ends_the_printing_and_not_the_command() {
    let folder = Folder::with_data();
    for args in [&["retrain"][..], &["retrain", "--events", "--force"], &["models", "list"], &["models", "verify"]] {
        let mut child = folder.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", shown(&output));
        assert!(!shown(&output).contains("panicked"), "{args:?}: {}", shown(&output));
    }
    assert_eq!(folder.versions().len(), 2);
    let mut child = folder.command(&["retrain"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stderr.take());
    assert!(child.wait().unwrap().success(), "nobody watches its progress");
}

#[test]
fn a_server_says_when_it_retrains_next() {
    let folder = Folder::with_data();
    let mut command = folder.command(&["serve"]);
    let mut server =
        Server::start(command.env("PORT", "0").env("RETRAIN_SCHEDULE", "0 2 29 2 *").env("TIME_ZONE", "Europe/Berlin"));
    let address = server.until("listening")["address"].as_str().unwrap().to_owned();
    let next = server.until("retraining_scheduled")["next"].as_str().unwrap().to_owned();
    assert!(next.contains("-02-29T02:00:00+01:00[Europe/Berlin]"), "{next}");
    assert!(get(&address, "/retrain").starts_with("HTTP/1.1 403"), "open without a key");
}

#[test]
fn a_version_that_was_never_activated_is_served_with_a_plain_warning() {
    let folder = Folder::new();
    let imported = folder.ok(&["models", "import", fixture("pickles_export").to_str().unwrap()]);
    let id = imported.lines().find_map(|line| line.strip_prefix("imported")).unwrap().trim().to_owned();
    let output = folder.run(&["segment", fixture("upload_2000.xlsx").to_str().unwrap()]);
    assert!(output.status.success(), "{}", shown(&output));
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(log.contains("no model version was activated yet") && log.contains(&format!("activate {id}")), "{log}");
    assert!(log.contains("WARN") && !log.contains("ERROR") && !log.contains("broken"), "{log}");
}
