//! `serve`: starting, refusing to, and ending.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use crate::folder::{Folder, Server, get, shown};

#[test]
fn serve_trains_where_there_is_no_model_and_ends_cleanly_when_it_is_told_to() {
    let folder = Folder::with_data();
    let mut server = Server::start(folder.command(&["serve"]).env("PORT", "0"));
    let address = server.until("listening")["address"].as_str().unwrap().to_owned();
    assert!(get(&address, "/healthz").starts_with("HTTP/1.1 200"));
    let version = server.until("ready")["model_version"].as_str().unwrap().to_owned();
    let ready = get(&address, "/readyz");
    assert!(ready.starts_with("HTTP/1.1 200") && ready.contains(&version), "{ready}");
    assert_eq!(folder.versions().len(), 1);
    server.signal("TERM");
    let (code, log) = server.ended();
    assert_eq!(code, Some(0), "{log}");
    assert!(TcpStream::connect(&address).is_err());

    let mut server = Server::start(folder.command(&[]).env("PORT", "0"));
    assert_eq!(server.until("ready")["model_version"], version.as_str(), "it trained again");
    server.signal("INT");
    assert_eq!(server.ended().0, Some(0));
}

#[test]
fn a_server_that_is_still_training_ends_at_once_when_it_is_told_to() {
    let folder = Folder::new();
    fs::create_dir_all(folder.path("base_data")).unwrap();
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("base_data/2026-01-01/customers.xlsx");
    fs::copy(sample, folder.path("base_data/customers.xlsx")).unwrap();
    let mut server = Server::start(folder.command(&["serve"]).env("PORT", "0"));
    server.until("listening");
    server.signal("TERM");
    let (code, log) = server.ended();
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("\"ready\""), "{log}");
    assert_eq!(folder.versions(), Vec::<PathBuf>::new(), "it finished its training first");
}

#[test]
fn serve_without_a_model_and_without_data_says_what_to_do() {
    for with_empty_folder in [false, true] {
        let folder = Folder::new();
        if with_empty_folder {
            fs::create_dir_all(folder.path("base_data")).unwrap();
            fs::write(folder.path("base_data/.gitkeep"), "").unwrap();
        }
        let output = folder.command(&["serve"]).env("PORT", "0").output().unwrap();
        assert!(!output.status.success());
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(
            error.contains("base_data") && error.contains("put ") && error.contains(".xlsx, .xls or .csv"),
            "{error}"
        );
    }
}

#[test]
fn serve_refuses_a_broken_model_instead_of_training_over_it() {
    let folder = Folder::with_data();
    folder.ok(&["retrain"]);
    let [version] = folder.versions().try_into().unwrap();
    fs::write(version.join("scaler.json"), "{}").unwrap();
    let output = folder.command(&["serve"]).env("PORT", "0").output().unwrap();
    assert!(!output.status.success());
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("scaler.json: was changed or damaged"), "{error}");
    assert_eq!(folder.versions().len(), 1);
}

#[test]
fn serve_says_when_its_address_is_taken() {
    let folder = Folder::with_data();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = folder.command(&["serve"]).env("PORT", &port).output().unwrap();
    assert!(!output.status.success());
    assert!(shown(&output).contains(&format!("cannot listen on 127.0.0.1:{port}")), "{}", shown(&output));
}

#[test]
fn every_mistake_in_the_settings_is_told_at_once() {
    let folder = Folder::new();
    fs::write(folder.path(".env"), "PORT=high\nWRITER=me\nMAX_ROWS=none\n").unwrap();
    for args in [&["serve"][..], &["retrain"], &["models", "list"], &[]] {
        let error = folder.fails(args);
        for name in ["PORT must be", "WRITER must be", "MAX_ROWS must be"] {
            assert!(error.contains(name), "{args:?}: {error}");
        }
    }
}

#[test]
fn a_leftover_of_the_old_service_warns_once_and_changes_nothing() {
    let folder = Folder::new();
    fs::write(folder.path(".env"), "FLASK_ENV=development\n").unwrap();
    let output = folder.run(&["models", "list"]);
    assert!(output.status.success());
    let log = String::from_utf8(output.stderr).unwrap();
    assert_eq!(log.matches("FLASK_ENV has no meaning here").count(), 1, "{log}");
}
