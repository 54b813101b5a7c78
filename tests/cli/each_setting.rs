//! Settings that nothing else sets, each by what it changes in the real binary.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::folder::{Folder, Server, fixture, get_with, send, shown};
use crate::lasting::{upload, workbook};

/// Runs a command with these variables; its exit code, and what it printed.
fn run(folder: &Folder, args: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let output = folder.command(args).envs(variables.iter().copied()).output().unwrap();
    (output.status.code(), shown(&output))
}

#[test]
fn limits_of_a_file_bound_what_segment_reads_and_lists() {
    let folder = Folder::with_data();
    folder.ok(&["retrain"]);
    let file = fixture("upload_2000.xlsx");
    let args = ["segment", file.to_str().unwrap(), "--json"];
    let (code, said) = run(&folder, &args, &[("MAX_ROWS", "1999")]);
    assert!(code == Some(1) && said.contains("more than 1999 rows"), "{said}");
    let mut command = folder.command(&args);
    let output = command.env("MAX_ROWS", "2000").env("MAX_MEMBERS", "7").env("WRITERS_AT_ONCE", "1").output().unwrap();
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let listed =
        answer["clusters"].as_array().unwrap().iter().map(|cluster| cluster["members"].as_array().unwrap().len());
    assert_eq!(listed.sum::<usize>(), 7);

    // A bit more than three megabytes once it is unpacked.
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    for (column, header) in ["Location", "Date Joined", "Loyalty Tier", "Note"].iter().enumerate() {
        sheet.write_string(0, column as u16, *header).unwrap();
    }
    for row in 1..=200_u32 {
        sheet.write_row(row, 0, ["Bedok", "2024-03-05", "Gold"]).unwrap();
        let note: String = (0..1_000_u64)
            .map(|n| format!("{:016x}", (n + (u64::from(row) << 20)).wrapping_mul(0x9e37_79b9_7f4a_7c15)))
            .collect();
        sheet.write_string(row, 3, note).unwrap();
    }
    book.save(folder.path("wide.xlsx")).unwrap();
    let (code, said) = run(&folder, &["segment", "wide.xlsx"], &[("MAX_UNPACKED_MB", "3")]);
    assert!(code == Some(1) && said.contains("unpack"), "{said}");
    let (code, said) = run(&folder, &["segment", "wide.xlsx"], &[("MAX_UNPACKED_MB", "4")]);
    assert_eq!(code, Some(0), "{said}");
    fs::write(folder.path("large.csv"), workbook(1).repeat(40_000)).unwrap();
    let mut cat = Command::new("cat").arg(folder.path("large.csv")).stdout(Stdio::piped()).spawn().unwrap();
    let mut command = folder.command(&["segment", "-"]);
    let output = command.env("MAX_UPLOAD_MB", "1").stdin(cat.stdout.take().unwrap()).output().unwrap();
    // The command holds the pipe's other end open, and cat would wait for it for good.
    drop(command);
    cat.wait().unwrap();
    assert!(!output.status.success() && shown(&output).contains("more than 1 MB"), "{}", shown(&output));
}

#[test]
fn retrain_keep_is_how_many_versions_a_training_leaves() {
    let folder = Folder::with_data();
    for _ in 0..4 {
        let (code, said) = run(&folder, &["retrain", "--force"], &[("RETRAIN_KEEP", "3")]);
        assert_eq!(code, Some(0), "{said}");
    }
    assert_eq!(folder.versions().len(), 3);
    let (_, said) = run(&folder, &["models", "prune"], &[("RETRAIN_KEEP", "2")]);
    assert!(said.contains("pruned          1 version"), "{said}");
}

#[test]
fn each_folder_is_the_one_that_its_setting_names() {
    let folder = Folder::with_data();
    fs::rename(folder.path("base_data"), folder.path("the-data")).unwrap();
    let variables = [("MODEL_DIR", "the-models"), ("BASE_DATA_DIR", "the-data"), ("UPLOAD_DIR", "the-uploads")];
    let (code, said) = run(&folder, &["retrain"], &variables);
    assert_eq!(code, Some(0), "{said}");
    assert!(folder.path("the-models/current").exists() && !folder.path("models").exists());
    let mut server = Server::start(folder.command(&["serve"]).env("PORT", "0").envs(variables));
    let address = server.until("listening")["address"].as_str().unwrap().to_owned();
    server.until("ready");
    assert!(upload(&address, &workbook(1)).starts_with("HTTP/1.1 200"));
    let kept = fs::read_dir(folder.path("the-uploads")).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(kept.filter(|name| !name.as_encoded_bytes().starts_with(b".")).count(), 1);
}

#[test]
fn a_rate_and_a_trusted_proxy_decide_who_is_turned_away() {
    let folder = Folder::with_data();
    let mut command = folder.command(&["serve"]);
    let mut server =
        Server::start(command.env("PORT", "0").env("RATE_LIMIT_PER_MINUTE", "1").env("TRUSTED_PROXIES", "127.0.0.1"));
    let address = server.until("listening")["address"].as_str().unwrap().to_owned();
    server.until("ready");
    let from = |client: &str| get_with(&address, "/models", &format!("X-Forwarded-For: {client}\r\n"));
    assert!(!from("10.0.0.1").starts_with("HTTP/1.1 429"));
    assert!(from("10.0.0.1").starts_with("HTTP/1.1 429"));
    assert!(!from("10.0.0.2").starts_with("HTTP/1.1 429"), "the proxy was not believed");
}

#[test]
fn a_connection_beyond_the_limit_waits_until_another_ends() {
    let folder = Folder::with_data();
    // One address has a share of them, and a trusted proxy all.
    let variables = [("PORT", "0"), ("MAX_CONNECTIONS", "2"), ("TRUSTED_PROXIES", "127.0.0.1")];
    let mut server = Server::start(folder.command(&["serve"]).envs(variables));
    let address = server.until("listening")["address"].as_str().unwrap().to_owned();
    server.until("ready");
    let open = || {
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n").unwrap();
        stream
    };
    // In a head that does not end.
    let held = [open(), open()];
    let mut late = open();
    late.write_all(b"\r\n").unwrap();
    late.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    assert!(late.read(&mut [0; 1]).is_err(), "it was answered beyond the limit");
    drop(held);
    late.set_read_timeout(None).unwrap();
    let mut answer = String::new();
    late.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn pictures_are_named_by_the_public_url() {
    let folder = Folder::with_data();
    let mut server =
        Server::start(folder.command(&["serve"]).env("PORT", "0").env("PUBLIC_URL", "https://content.example/"));
    let address = server.until("listening")["address"].as_str().unwrap().to_owned();
    server.until("ready");
    let body = r#"{"prefer_output": "Image"}"#;
    let lines = format!("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let answer = send(&address, "POST /generate-promo", &lines);
    assert!(answer.contains("\"https://content.example/images/"), "{answer}");
}

#[test]
fn one_address_has_a_share_of_the_connections_and_trusted_proxies_have_none() {
    let folder = Folder::with_data();
    folder.ok(&["retrain"]);
    for (trusted, is_shared) in [("", true), ("127.0.0.1", false)] {
        let mut command = folder.command(&["serve"]);
        command.env("PORT", "0").env("WRITER", "offline").env("MAX_CONNECTIONS", "40").env("TRUSTED_PROXIES", trusted);
        let mut server = Server::start(&mut command);
        let address = server.until("listening")["address"].as_str().unwrap().to_owned();
        server.until("ready");
        // A quarter of forty would be less than a browser needs.
        let held: Vec<TcpStream> = (0..16).map(|_| TcpStream::connect(&address).unwrap()).collect();
        let answer = get_with(&address, "/healthz", "");
        assert_eq!(answer.contains("too_many_connections"), is_shared, "{answer}");
        assert_eq!(answer.starts_with("HTTP/1.1 503"), is_shared, "{answer}");
        drop(held);
        while is_shared && !get_with(&address, "/healthz", "").starts_with("HTTP/1.1 200") {}
    }
}
