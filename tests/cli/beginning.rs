//! A server that starts in an empty folder: it says what is missing, and takes the first workbook from an
//! administrator.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use serde_json::Value;

use crate::customers::{HEADER, customers};
use crate::folder::{Folder, Server, get, get_with, send, shown};
use crate::form::Form;

const ADMIN_KEY: &str = "a-key-of-the-administrators";
const AS_ADMIN: &str = "Authorization: Bearer a-key-of-the-administrators\r\n";

fn started(folder: &Folder, settings: &[(&str, &str)]) -> (Server, String) {
    let mut server = Server::start(folder.command(&["serve"]).env("PORT", "0").envs(settings.iter().copied()));
    let address = server.until("listening")["address"].as_str().unwrap().to_owned();
    (server, address)
}

/// A workbook to begin with.
fn first_workbook() -> String {
    let kinds: String = ['A', 'B', 'C', 'D'].map(|kind| customers(kind, 0, 60)).concat();
    format!("{HEADER}{kinds}")
}

/// The answer to `POST /retrain` with a workbook, once the training has ended.
fn train(address: &str, workbook: &str, headers: &str) -> String {
    let (content_type, body) = Form::new().file_in("files", "first.csv", workbook.as_bytes()).finish();
    let body = String::from_utf8(body).unwrap();
    let head = format!("{headers}Content-Type: {content_type}\r\nContent-Length: {}\r\n\r\n", body.len());
    send(address, "POST /retrain?wait=true", &format!("{head}{body}"))
}

fn json(answer: &str) -> Value {
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

#[test]
fn in_an_empty_folder_a_server_says_what_is_missing_and_takes_its_first_workbook() {
    let folder = Folder::new();
    let (mut server, address) = started(&folder, &[("ADMIN_KEY", ADMIN_KEY)]);
    let said = server.until("no_model")["message"].as_str().unwrap().to_owned();
    assert!(folder.path("base_data").is_dir(), "customers can be put there");
    assert!(said.contains("an administrator uploads the first workbook in the console"), "{said}");
    assert!(get(&address, "/healthz").starts_with("HTTP/1.1 200"));
    assert!(get_with(&address, "/", "Accept: text/html\r\n").contains("console/app.js"));
    let object = "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
    let upload = Form::new().file("a.csv", first_workbook().as_bytes());
    for answer in [
        get(&address, "/readyz"),
        get(&address, "/segments"),
        get(&address, "/map"),
        send(&address, "POST /generate-promo", object),
        send(&address, "POST /compare", &format!("{AS_ADMIN}Content-Length: 0\r\n\r\n")),
        upload.upload_to(&address),
    ] {
        let told = json(&answer);
        assert!(answer.starts_with("HTTP/1.1 503") && told["code"] == "no_model", "{answer}");
        assert!(told["error"].as_str().unwrap().contains("POST /retrain"), "{answer}");
    }
    let status = json(&get(&address, "/status"));
    assert_eq!((&status["status"], &status["model_version"]), (&"no_model".into(), &Value::Null));
    assert_eq!(status["writer"], "offline");
    let versions = json(&get_with(&address, "/models", AS_ADMIN));
    assert_eq!((&versions["live"], versions["versions"].as_array().unwrap().len()), (&Value::Null, 0));

    // The door is as closed as ever, and too few customers make no model.
    assert!(train(&address, &first_workbook(), "").starts_with("HTTP/1.1 401"));
    let few = json(&train(&address, &format!("{HEADER}{}", customers('A', 0, 20)), AS_ADMIN));
    assert_eq!(few["state"], "refused", "{few}");
    assert!(get(&address, "/readyz").starts_with("HTTP/1.1 503"));

    let job = json(&train(&address, &first_workbook(), AS_ADMIN));
    assert_eq!(job["state"], "published", "{job}");
    let taken = server.until("upload_taken");
    assert_eq!(taken["sent_by"], "ADMIN_KEY", "{taken}");
    assert!(folder.path("base_data").join(taken["file"].as_str().unwrap()).is_file(), "{taken}");
    let ready = json(&get(&address, "/readyz"));
    assert_eq!(ready["model_version"], job["version"]);
    let answer = json(&Form::new().file("a.csv", first_workbook().as_bytes()).upload_to(&address));
    assert_eq!(answer["rows"]["rows_used"], 240, "{answer}");
    server.signal("TERM");
    assert_eq!(server.ended().0, Some(0));
    let (mut server, _) = started(&folder, &[]);
    assert_eq!(server.until("ready")["model_version"], job["version"]);
}

#[test]
fn without_a_key_it_says_how_to_begin_and_takes_over_what_a_command_trained() {
    let folder = Folder::new();
    fs::create_dir(folder.path("base_data")).unwrap();
    fs::write(folder.path("base_data/.gitkeep"), "").unwrap();
    let (mut server, address) = started(&folder, &[]);
    let said = server.until("no_model")["message"].as_str().unwrap().to_owned();
    assert!(said.contains("put customers (.xlsx, .xls or .csv) into base_data and start again"), "{said}");
    assert!(said.contains("set ADMIN_KEY"), "{said}");
    let closed = train(&address, &first_workbook(), "");
    assert!(closed.starts_with("HTTP/1.1 403") && closed.contains("admin_closed"), "{closed}");
    fs::write(folder.path("base_data/first.csv"), first_workbook()).unwrap();
    folder.ok(&["retrain"]);
    let live = server.until("model_version_live")["model_version"].as_str().unwrap().to_owned();
    assert!(get(&address, "/readyz").contains(&live));
}

#[test]
fn a_service_manager_and_a_health_check_are_told_that_it_waits_for_a_workbook() {
    let folder = Folder::new();
    let path = folder.path("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let notify = path.to_str().unwrap().to_owned();
    let (_server, address) = started(&folder, &[("ADMIN_KEY", ADMIN_KEY), ("NOTIFY_SOCKET", &notify)]);
    let ready = loop {
        let mut message = [0; 512];
        let n_bytes = socket.recv(&mut message).unwrap();
        let message = String::from_utf8(message[..n_bytes].to_vec()).unwrap();
        if message.starts_with("READY=1") {
            break message;
        }
    };
    assert_eq!(ready.lines().nth(1), Some("STATUS=no model yet: waits for a first workbook"));
    let port = address.rsplit_once(':').unwrap().1;
    let health = |args: &[&str]| folder.command(args).env("PORT", port).output().unwrap();
    let not_ready = health(&["health"]);
    assert!(
        !not_ready.status.success() && shown(&not_ready).contains("There is no model yet"),
        "{}",
        shown(&not_ready)
    );
    assert!(health(&["health", "--live"]).status.success());
}

#[test]
fn check_says_that_the_first_workbook_is_uploaded_where_a_key_may_train() {
    let folder = Folder::new();
    let checked = |key: &str| folder.command(&["check"]).env("PORT", "0").env("ADMIN_KEY", key).output().unwrap();
    let with_key = checked(ADMIN_KEY);
    assert!(with_key.status.success(), "{}", shown(&with_key));
    assert!(shown(&with_key).contains("an administrator uploads the first workbook"), "{}", shown(&with_key));
    assert!(!checked("").status.success());
}
