//! Uploads outlive the server's sudden end, and what cannot be stored leaves nothing.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use content_portal::model_store::ModelStore;

use crate::customers::HEADER;
use crate::folder::{Folder, Server, get, send};
use crate::form::Form;

/// Uploads that are accepted before the server is killed; `UPLOADS_BEFORE_KILL` sets another number.
const UPLOADS: usize = 50;
const SENDERS: usize = 4;

/// A workbook that no other call gives.
pub fn workbook(n: usize) -> String {
    format!("{HEADER}A{n},2024-02-29,Bedok,Female,Gold\n")
}

/// The answer to an upload, or what was heard of it before the connection was cut.
pub fn upload(address: &str, content: &str) -> String {
    Form::new().file("a.csv", content.as_bytes()).upload_to(address)
}

/// The contents that are kept in the folder `uploads`, and the names that are no kept upload's. Each has its note.
fn kept(folder: &Folder) -> (Vec<String>, Vec<String>) {
    let (mut contents, mut others) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(folder.path("uploads")).into_iter().flatten() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let of_note = name.strip_prefix('.').and_then(|name| name.strip_suffix(".json"));
        if let Some(upload) = of_note {
            // Of an upload that was cut off, the note alone may be there; it is swept later.
            let note = fs::read_to_string(entry.path()).unwrap();
            assert!(note.contains(r#""state":"waiting""#), "{upload}: {note}");
        } else if name.starts_with('.') {
            others.push(name);
        } else {
            assert!(folder.path("uploads").join(format!(".{name}.json")).exists(), "{name} has no note");
            contents.push(fs::read_to_string(entry.path()).unwrap());
        }
    }
    (contents, others)
}

/// A server without a reserve on the disk that is ready, and its address.
pub fn start(folder: &Folder, settings: &[(&str, &str)]) -> (Server, String) {
    let mut command = folder.command(&["serve"]);
    command.env("PORT", "0").env("WRITER", "offline").env("MIN_FREE_MB", "0").envs(settings.iter().copied());
    let mut server = Server::start(&mut command);
    let address = server.until("listening")["address"].as_str().unwrap().to_owned();
    server.until("ready");
    (server, address)
}

fn set_age(file: &Path, days: u64) {
    let then = SystemTime::now() - Duration::from_secs(days * 86_400);
    File::options().write(true).open(file).unwrap().set_modified(then).unwrap();
}

#[test]
fn a_server_that_is_killed_loses_no_upload_that_it_accepted() {
    let n_uploads = std::env::var("UPLOADS_BEFORE_KILL").map_or(UPLOADS, |n| n.parse().unwrap());
    let folder = Folder::with_data();
    let (server, address) = start(&folder, &[]);
    let (next, accepted) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..SENDERS {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    let answer = upload(&address, &workbook(n));
                    if answer.is_empty() {
                        return;
                    }
                    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
                    let mut accepted = accepted.lock().unwrap();
                    accepted.push(n);
                    // The others are in the middle of theirs.
                    if accepted.len() == n_uploads {
                        server.signal("KILL");
                    }
                }
            });
        }
    });
    let accepted = accepted.into_inner().unwrap();
    assert!(accepted.len() >= n_uploads);
    let (contents, _) = kept(&folder);
    for n in &accepted {
        assert!(contents.contains(&workbook(*n)), "upload {n} is lost");
    }
    let sent: Vec<String> = (0..next.into_inner()).map(workbook).collect();
    assert!(contents.iter().all(|content| sent.contains(content)), "an upload is not whole");
}

#[test]
fn a_server_that_is_killed_loses_no_upload_of_which_it_keeps_columns() {
    let folder = Folder::with_data();
    let (server, address) = start(&folder, &[("KEEP_UPLOADS", "columns")]);
    let (next, accepted) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..SENDERS {
            scope.spawn(|| {
                loop {
                    let answer = upload(&address, &workbook(next.fetch_add(1, Ordering::Relaxed)));
                    let Some((_, rest)) = answer.split_once(r#""upload":{"id":""#) else { return };
                    let mut accepted = accepted.lock().unwrap();
                    accepted.push(rest[..32].to_owned());
                    if accepted.len() == UPLOADS / 2 {
                        server.signal("KILL");
                    }
                }
            });
        }
    });
    let accepted = accepted.into_inner().unwrap();
    assert!(accepted.len() >= UPLOADS / 2);
    for id in &accepted {
        let kept = fs::read_dir(folder.path("uploads")).unwrap().map(|entry| entry.unwrap().path());
        let mut kept = kept.filter(|path| path.to_str().unwrap().ends_with(&format!("-{id}.columns")));
        let columns = fs::read_to_string(kept.next().unwrap_or_else(|| panic!("upload {id} is lost"))).unwrap();
        let [titles, row] = columns.lines().collect::<Vec<_>>().try_into().unwrap();
        let mark = titles.strip_prefix("Location,Gender,Date Joined,Loyalty Tier,customer k:");
        assert!(mark.is_some_and(|mark| mark.len() == 8 + 4 && mark.ends_with(",row")), "{titles}");
        assert!(row.starts_with("Bedok,Female,2024-02-29,Gold,") && row.len() == 29 + 16 + 1 + 32, "{row}");
    }
}

#[test]
fn a_disk_that_fills_up_refuses_what_it_cannot_hold_and_keeps_nothing_of_it() {
    let folder = Folder::with_data();
    folder.ok(&["retrain"]);
    // A file may grow to 16 KB.
    let limited = format!("trap '' XFSZ; ulimit -f 16; exec {} serve", env!("CARGO_BIN_EXE_content-portal"));
    let mut shell = std::process::Command::new("bash");
    shell.args(["-c", &limited]).current_dir(folder.path("")).env_clear().env("PATH", "/usr/bin:/bin");
    let mut server = Server::start(shell.env("PORT", "0").env("WRITER", "offline").env("MIN_FREE_MB", "0"));
    let address = server.until("listening")["address"].as_str().unwrap().to_owned();
    server.until("ready");
    let large: String = (0..1_000).map(|n| workbook(n).replace(HEADER, "")).collect();
    let answer = upload(&address, &format!("{HEADER}{large}"));
    assert!(answer.starts_with("HTTP/1.1 507"), "{answer}");
    assert_eq!(kept(&folder), (Vec::new(), Vec::new()));
    assert!(upload(&address, &workbook(1)).starts_with("HTTP/1.1 200"));
    assert_eq!(kept(&folder).0, [workbook(1)]);
}

#[test]
fn old_uploads_go_where_a_limit_is_set_and_no_other_file_does() {
    let folder = Folder::with_data();
    fs::create_dir_all(folder.path("uploads")).unwrap();
    let id = "0123456789abcdef0123456789abcdef";
    let names = [
        format!("20260101T000000Z-{id}.csv"),
        format!("20260102T000000Z-{id}.csv"),
        "customers of January.csv".to_owned(),
        format!("upload-20260101T000000Z-{id}.csv"),
    ];
    for (name, days) in names.iter().zip([31, 29, 400, 400]) {
        let path = folder.path("uploads").join(name);
        fs::write(&path, workbook(1)).unwrap();
        set_age(&path, days);
    }
    let left = || names.iter().filter(|name| folder.path("uploads").join(name).exists()).count();
    let (server, _) = start(&folder, &[]);
    drop(server);
    assert_eq!(left(), 4, "nothing expires unless it is asked for");

    let (mut server, _) = start(&folder, &[("UPLOAD_KEEP_DAYS", "30")]);
    let told = server.until("upload_expired");
    assert_eq!(told["file"], names[0].as_str());
    server.signal("TERM");
    let (code, log) = server.ended();
    assert_eq!((code, log.matches("an old upload was removed").count()), (Some(0), 1), "{log}");
    assert_eq!(left(), 3);
    assert!(!folder.path("uploads").join(&names[0]).exists());
}

#[test]
fn a_picture_that_is_older_than_it_may_be_is_removed_and_others_are_still_served() {
    let folder = Folder::with_data();
    folder.ok(&["retrain"]);
    fs::create_dir_all(folder.path("images")).unwrap();
    let [old, young] = ["0", "1"].map(|digit| format!("{}.png", digit.repeat(64)));
    for (name, days) in [(&old, 31), (&young, 29)] {
        let path = folder.path("images").join(name);
        fs::write(&path, b"a picture").unwrap();
        set_age(&path, days);
    }
    drop(start(&folder, &[]));
    assert!(folder.path("images").join(&old).exists(), "nothing expires unless it is asked for");
    let (mut server, address) = start(&folder, &[("IMAGE_KEEP_DAYS", "30")]);
    assert_eq!(server.until("picture_expired")["file"], old.as_str());
    let served = |name: &str| get(&address, &format!("/images/{name}"));
    assert!(served(&old).starts_with("HTTP/1.1 404"), "{}", served(&old));
    assert!(served(&young).starts_with("HTTP/1.1 200"), "{}", served(&young));
    let names: Vec<_> = fs::read_dir(folder.path("images")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(names.contains(&young.into()) && !names.contains(&old.into()), "{names:?}");
}

#[test]
fn uploads_beyond_the_limit_are_refused_and_those_before_stay_and_what_is_not_kept_is_taken() {
    let folder = Folder::with_data();
    let (server, address) = start(&folder, &[]);
    assert!(upload(&address, &workbook(0)).starts_with("HTTP/1.1 200"));
    drop(server);
    let names = ["1", "2", "3"].map(|day| format!("2026010{day}T000000Z-0123456789abcdef0123456789abcdef.xlsx"));
    for (name, days) in names.iter().zip([3, 2, 1]) {
        let path = folder.path("uploads").join(name);
        // Holes: they take no room on the disk.
        File::create(&path).unwrap().set_len(400 << 20).unwrap();
        set_age(&path, days);
    }
    let (server, address) = start(&folder, &[("UPLOAD_MAX_GB", "1")]);
    let answer = upload(&address, &workbook(1));
    assert!(answer.starts_with("HTTP/1.1 507") && answer.contains("uploads_full"), "{answer}");
    let again = upload(&address, &workbook(0));
    assert!(again.starts_with("HTTP/1.1 200") && again.contains(r#""stored_before":true"#), "{again}");
    let (content_type, body) = Form::new().file("a.csv", workbook(2).as_bytes()).finish();
    let head = format!("Content-Type: {content_type}\r\nContent-Length: {}\r\n\r\n", body.len());
    let rest = head + &String::from_utf8(body).unwrap();
    let export = send(&address, "POST /segments/export?format=csv", &rest);
    assert!(export.starts_with("HTTP/1.1 200"), "an export keeps nothing: {export}");
    drop(server);
    assert!(names.iter().all(|name| folder.path("uploads").join(name).exists()));
}

#[test]
fn no_upload_expires_while_a_training_may_read_it() {
    let folder = Folder::with_data();
    folder.ok(&["retrain"]);
    let lock = ModelStore::new(folder.path("models")).lock().unwrap();
    let old = folder.path("uploads").join("20260101T000000Z-0123456789abcdef0123456789abcdef.csv");
    fs::create_dir_all(folder.path("uploads")).unwrap();
    fs::write(&old, workbook(1)).unwrap();
    set_age(&old, 400);
    let settings = [("UPLOAD_KEEP_DAYS", "30"), ("RUST_LOG", "content_portal=debug")];
    let (mut server, _) = start(&folder, &settings);
    server.until("expiry_put_off");
    drop(server);
    assert!(old.exists());
    drop(lock);
    let (mut server, _) = start(&folder, &settings);
    server.until("upload_expired");
    assert!(!old.exists());
}

#[test]
fn a_server_whose_current_version_has_lost_its_link_says_so_and_goes_on() {
    let folder = Folder::with_data();
    folder.ok(&["retrain"]);
    let (mut server, address) = start(&folder, &[]);
    fs::remove_file(folder.path("models/current")).unwrap();
    fs::create_dir(folder.path("models/current")).unwrap();
    let said = server.until("model_load_failed");
    assert!(said["causes"].as_str().unwrap().contains("does not lead to a version"), "{said}");
    assert!(upload(&address, &workbook(1)).starts_with("HTTP/1.1 200"));
}
