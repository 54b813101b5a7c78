//! `serve`: starting, refusing to, and ending.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::customers::HEADER;
use crate::folder::{Folder, Server, get, get_with, shown};
use crate::form::Form;

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
fn a_service_manager_is_told_of_readiness_of_life_and_of_the_end() {
    let folder = Folder::with_data();
    let path = folder.path("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    let mut command = folder.command(&["serve"]);
    command.env("PORT", "0").env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "100000");
    let mut server = Server::start(&mut command);
    // Each message as its lines, up to the one that begins so.
    let until = |first: &str| loop {
        let mut message = [0; 512];
        let n_bytes = socket.recv(&mut message).unwrap();
        let message = String::from_utf8(message[..n_bytes].to_vec()).unwrap();
        if message.starts_with(first) {
            return message.lines().map(str::to_owned).collect::<Vec<_>>();
        }
    };
    let serving = |line: &str| line.starts_with("STATUS=serving model ") && line.contains("the offline writer");
    assert!(until("STATUS=")[0].starts_with("STATUS=starting"));
    let ready = until("READY=1");
    assert!(ready.len() == 2 && serving(&ready[1]), "{ready:?}");
    until("WATCHDOG=1");
    until("WATCHDOG=1");
    server.until("ready");

    let before = monotonic_us();
    server.signal("HUP");
    let reloading = until("RELOADING=1");
    let at: u64 = reloading[1].strip_prefix("MONOTONIC_USEC=").unwrap().parse().unwrap();
    assert!((before..=monotonic_us()).contains(&at), "{reloading:?}");
    assert!(serving(&until("READY=1")[1]));

    server.signal("TERM");
    assert_eq!(until("STOPPING=1")[1], "STATUS=finishing the requests under way");
    assert_eq!(server.ended().0, Some(0));
}

/// CLOCK_MONOTONIC, in microseconds.
fn monotonic_us() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    u64::try_from(now.tv_sec).unwrap() * 1_000_000 + u64::try_from(now.tv_nsec).unwrap() / 1_000
}

#[test]
fn probes_are_not_in_the_log() {
    let folder = Folder::with_data();
    let mut server = Server::start(folder.command(&["serve"]).env("PORT", "0"));
    let address = server.until("listening")["address"].as_str().unwrap().to_owned();
    for path in ["/readyz", "/healthz", "/metrics"] {
        get(&address, path);
    }
    server.until("ready");
    for path in ["/readyz", "/healthz", "/metrics", "/no-such-route"] {
        get(&address, path);
    }
    assert_eq!(server.until("answered")["route"], "none", "a probe was logged");
    server.signal("TERM");
    let (_, log) = server.ended();
    assert!(!log.contains("request answered with 503"), "{log}");
}

#[test]
fn times_in_the_logs_are_utc_whatever_the_time_zone_is() {
    let folder = Folder::with_data();
    let mut command = folder.command(&["serve"]);
    command.env("PORT", "0").env("TZ", "Asia/Singapore").env("AUDIT_LOG", "audit.jsonl");
    let before = Timestamp::now();
    let mut server = Server::start(&mut command);
    let listening = server.until("listening");
    server.until("ready");
    get(listening["address"].as_str().unwrap(), "/segments");
    server.signal("TERM");
    assert_eq!(server.ended().0, Some(0));
    let audited = fs::read_to_string(folder.path("audit.jsonl")).unwrap();
    let audited: Value = serde_json::from_str(audited.lines().next().unwrap()).unwrap();
    for entry in [listening, audited] {
        let time = entry["timestamp"].as_str().or(entry["time"].as_str()).unwrap_or_else(|| panic!("{entry}"));
        let at: Timestamp = time.parse().unwrap();
        assert!(time.ends_with('Z') && before <= at && at <= Timestamp::now(), "{entry}");
    }
}

#[test]
fn an_unexpected_error_is_told_in_one_sentence_and_logged_with_its_causes() {
    let folder = Folder::with_data();
    let mut server = Server::start(folder.command(&["serve"]).env("PORT", "0"));
    let address = server.until("listening")["address"].as_str().unwrap().to_owned();
    server.until("ready");
    let name = format!("{}.png", "a".repeat(64));
    fs::create_dir_all(folder.path("images").join(&name)).unwrap();
    let answer = get(&address, &format!("/images/{name}"));
    assert!(answer.starts_with("HTTP/1.1 500") && answer.contains(r#""code":"unreadable_image""#), "{answer}");
    let failed = server.until("request_failed");
    let causes = failed["causes"].as_str().unwrap().strip_prefix("an image could not be read: ").unwrap();
    assert!(!causes.is_empty() && !answer.contains(causes), "{failed}: {answer}");
    assert!(answer.contains(failed["request_id"].as_str().unwrap()), "{failed}: {answer}");
}

#[test]
fn secrets_come_from_files_where_a_variable_or_a_service_manager_names_them() {
    let folder = Folder::with_data();
    fs::write(folder.path("key"), "a-key-of-the-portal\n").unwrap();
    fs::create_dir(folder.path("credentials")).unwrap();
    fs::write(folder.path("credentials/admin_key"), "a-key-of-the-administrators\n").unwrap();
    let mut command = folder.command(&["serve"]);
    command.env("PORT", "0").env("API_KEYS_FILE", "key").env("CREDENTIALS_DIRECTORY", folder.path("credentials"));
    let mut server = Server::start(&mut command);
    let address = server.until("listening")["address"].as_str().unwrap().to_owned();
    server.until("ready");
    let status =
        |key: &str| get_with(&address, "/models", &format!("Authorization: Bearer {key}\r\n"))[..12].to_owned();
    assert_eq!(status("a-key-of-somebody-else"), "HTTP/1.1 401");
    assert_eq!(status("a-key-of-the-administrators"), "HTTP/1.1 200");
    assert!(get_with(&address, "/models", "Authorization: Bearer a-key-of-the-portal\r\n").contains("no_right"));
    drop(server);
    let output = folder.command(&["serve"]).env("ADMIN_KEY_FILE", "nowhere").output().unwrap();
    assert!(shown(&output).contains("ADMIN_KEY_FILE: nowhere cannot be read"), "{}", shown(&output));
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
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = folder.command(&["serve"]).env("PORT", &port).output().unwrap();
    assert!(!output.status.success());
    let next: u16 = port.parse::<u16>().unwrap().checked_add(1).unwrap_or(5001);
    let error = shown(&output);
    assert!(error.contains(&format!("cannot listen on 127.0.0.1:{port}: another program has taken")), "{error}");
    assert!(error.contains(&format!("PORT={next} content-portal")), "{error}");
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

#[test]
fn a_log_that_nobody_reads_stalls_no_request_and_what_is_lost_of_it_is_told() {
    let folder = Folder::with_data();
    let mut server = Server::start(folder.command(&["serve"]).env("PORT", "0"));
    let address = server.until("listening")["address"].as_str().unwrap().to_owned();
    server.until("ready");
    let mut stream = TcpStream::connect(&address).unwrap();
    // A server that waits for its log's reader would never answer: the pipe holds some hundred lines.
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut answer = vec![0; 64 << 10];
    let request = format!("GET /no-such-route HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0\r\n\r\n");
    for n in 0..6_000 {
        stream.write_all(request.as_bytes()).unwrap();
        let n_bytes = stream.read(&mut answer).unwrap_or_else(|error| panic!("request {n}: {error}"));
        assert!(answer[..n_bytes].starts_with(b"HTTP/1.1 404"));
    }
    server.signal("TERM");
    let (code, log) = server.ended();
    assert_eq!(code, Some(0));
    assert!(log.contains("\"event\":\"log_lines_lost\""), "{}", log.lines().count());
}

#[test]
fn a_server_takes_all_file_descriptors_that_it_may_have_and_leaves_some_to_its_files() {
    let folder = Folder::with_data();
    let mut shell = Command::new("bash");
    let script = format!("ulimit -Sn 100; ulimit -Hn 300; exec {} serve", env!("CARGO_BIN_EXE_content-portal"));
    shell.args(["-c", &script]).current_dir(folder.path("")).env_clear().env("PATH", "/usr/bin:/bin");
    let mut server = Server::start(shell.env("PORT", "0").env("WRITER", "offline").env("MIN_FREE_MB", "0"));
    let told = server.until("connections_limited");
    assert_eq!((&told["descriptors"], &told["connections"]), (&300.into(), &150.into()));
    let address = server.until("listening")["address"].as_str().unwrap().to_owned();
    server.until("ready");
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.pid())).unwrap();
    let of_files = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    assert_eq!(of_files.split_whitespace().nth(3), Some("300"), "{of_files}");

    // More than it may have, all at rest: one that was let in among the first still has its upload kept.
    let first = TcpStream::connect(&address).unwrap();
    let _others: Vec<_> = (0..400).map(|_| TcpStream::connect(&address).unwrap()).collect();
    let customer = format!("{HEADER}A1,2024-02-29,Bedok,Female,Gold\n");
    let answer = Form::new().file("a.csv", customer.as_bytes()).upload_over(first, &address);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// A connection that the server has accepted and waits for a request on.
fn accepted(address: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "HEAD /healthz HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    assert!(head.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&head));
    stream
}

#[test]
fn a_server_that_can_open_nothing_more_says_that_it_is_busy_and_goes_on_once_it_can() {
    let folder = Folder::with_data();
    folder.ok(&["retrain"]);
    let mut command = folder.command(&["serve"]);
    let mut server = Server::start(command.env("PORT", "0").env("WRITER", "offline").env("MIN_FREE_MB", "0"));
    let address = server.until("listening")["address"].as_str().unwrap().to_owned();
    server.until("ready");
    let pid = server.pid().to_string();
    // The limit is that of numbers: what is open stays open, and nothing else gets a number below it.
    let may_open = |limit: &str| {
        let status = Command::new("prlimit").args(["--pid", &pid, &format!("--nofile={limit}:")]).status().unwrap();
        assert!(status.success());
    };
    let upload = |stream: TcpStream| {
        let customer = format!("{HEADER}A1,2024-02-29,Bedok,Female,Gold\n");
        Form::new().file("a.csv", customer.as_bytes()).upload_over(stream, &address)
    };
    let ask = |mut stream: TcpStream, path: &str| {
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
        stream
    };
    let heard = |mut stream: TcpStream| {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let (first, second) = (accepted(&address), accepted(&address));
    may_open("3");
    let refused = upload(first);
    assert!(refused.starts_with("HTTP/1.1 503") && refused.contains("\"busy\""), "{refused}");
    assert!(refused.to_lowercase().contains("\r\nretry-after: "), "{refused}");
    assert!(heard(ask(second, "/healthz")).starts_with("HTTP/1.1 200"), "what opens nothing goes on");
    let waiting = ask(TcpStream::connect(&address).unwrap(), "/healthz");
    server.until("accept_failed");
    may_open("256");
    assert!(heard(waiting).starts_with("HTTP/1.1 200"));
    let answer = upload(TcpStream::connect(&address).unwrap());
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let kept = fs::read_dir(folder.path("uploads")).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(kept.filter(|name| !name.as_encoded_bytes().starts_with(b".")).count(), 1);
}
