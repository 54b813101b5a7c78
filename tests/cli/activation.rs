//! A socket that a service manager has bound: callers wait in its backlog until the server can answer them.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::Command;

use crate::folder::{Folder, Server, get};

/// A server to which `socket` is handed over as systemd does it: as the first descriptor after the standard ones.
fn activated(folder: &Folder, socket: TcpListener) -> Server {
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "exec 3<&0 0</dev/null; export LISTEN_FDS=1 LISTEN_PID=$$; exec \"$0\" serve"])
        .arg(env!("CARGO_BIN_EXE_content-portal"))
        .current_dir(folder.path(""))
        .env_clear()
        .stdin(OwnedFd::from(socket));
    Server::start(&mut shell)
}

#[test]
fn a_hundred_callers_who_wait_while_the_server_starts_are_all_answered() {
    let folder = Folder::with_data();
    folder.ok(&["retrain"]);
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let head = "Host: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 2";
    let waiting = ["POST /generate-promo", "GET /readyz", "POST /generate-post", "GET /healthz"].into_iter().cycle();
    let waiting = waiting.take(100).map(|request| {
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "{request} HTTP/1.1\r\n{head}\r\n\r\n{{}}").unwrap();
        stream
    });
    let waiting: Vec<TcpStream> = waiting.collect();
    let server = activated(&folder, socket);
    for mut stream in waiting {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    server.signal("TERM");
    assert_eq!(server.ended().0, Some(0));
}

#[test]
fn where_a_model_has_to_be_trained_first_callers_are_told_that_the_server_is_starting() {
    let folder = Folder::new();
    fs::create_dir_all(folder.path("base_data")).unwrap();
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/base_data/2026-01-01/customers.xlsx");
    fs::copy(sample, folder.path("base_data/customers.xlsx")).unwrap();
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap().to_string();
    let mut server = activated(&folder, socket);
    assert_eq!(server.until("listening")["address"], address.as_str());
    assert!(get(&address, "/healthz").starts_with("HTTP/1.1 200"));
    let ready = get(&address, "/readyz");
    assert!(ready.starts_with("HTTP/1.1 503") && ready.contains("\"starting\""), "{ready}");
    server.signal("TERM");
    assert_eq!(server.ended().0, Some(0));
}
