//! Settings of the model API, each by what its server hears.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};

use serde_json::{Value, json};

use crate::folder::{Folder, Server, send, shown};

const TEXTS: &str = r#"{"variants": ["One."], "image_prompt": "A coat.", "slogan": "Warm up"}"#;

/// One request as the model server heard it.
struct Heard {
    path: String,
    head: String,
    body: Value,
}

/// A model server that answers texts, and never a picture.
fn model_server() -> (String, Receiver<Heard>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, heard) = channel();
    std::thread::spawn(move || {
        let mut held = Vec::new();
        for stream in listener.incoming().map_while(Result::ok) {
            // A test that has ended hears no more.
            if let Some(unanswered) = answer(stream, &sender) {
                held.push(unanswered);
            }
        }
    });
    (format!("http://{address}/v1"), heard)
}

/// Answers one request; a connection that gets no answer is handed back.
fn answer(stream: TcpStream, heard: &Sender<Heard>) -> Option<TcpStream> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let head = head.to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?.parse().ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let path = head.split(' ').nth(1)?.to_owned();
    let is_picture = path.ends_with("/images/generations");
    heard.send(Heard { path, head, body: serde_json::from_slice(&body).ok()? }).ok()?;
    if is_picture {
        return Some(stream);
    }
    let message = json!({"role": "assistant", "content": TEXTS});
    let answer = json!({"choices": [{"index": 0, "finish_reason": "stop", "message": message}], "model": "writes",
                        "usage": {"prompt_tokens": 10, "completion_tokens": 5}})
    .to_string();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close";
    let mut stream = stream;
    write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{answer}", answer.len()).ok()?;
    None
}

#[test]
fn the_key_is_in_the_header_that_the_settings_name() {
    let folder = Folder::with_data();
    folder.ok(&["retrain"]);
    for (name, expected) in [("", "authorization: bearer sk-a-key"), ("api-key", "api-key: sk-a-key")] {
        let (url, heard) = model_server();
        let variables =
            [("OPENAI_BASE_URL", url.as_str()), ("OPENAI_API_KEY", "sk-a-key"), ("OPENAI_AUTH_HEADER", name)];
        let output = folder.command(&["check"]).env("PORT", "0").envs(variables).output().unwrap();
        let Heard { head, .. } = heard.try_recv().unwrap_or_else(|_| panic!("{}", shown(&output)));
        assert!(head.lines().any(|line| line == expected), "{head}");
        assert_eq!(head.contains("bearer"), name.is_empty(), "{head}");
    }
}

#[test]
fn pictures_come_from_the_model_that_the_settings_name_or_are_given_up_in_time() {
    let folder = Folder::with_data();
    let (url, heard) = model_server();
    let variables =
        [("OPENAI_BASE_URL", url.as_str()), ("OPENAI_IMAGE_MODEL", "draws"), ("OPENAI_IMAGE_TIMEOUT_S", "1")];
    let mut server = Server::start(folder.command(&["serve"]).env("PORT", "0").envs(variables));
    let address = server.until("listening")["address"].as_str().unwrap().to_owned();
    server.until("ready");
    let body = r#"{"prefer_output": "Both", "num_variants": 1}"#;
    let lines = format!("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    // By default it would wait for three minutes.
    let answer = send(&address, "POST /generate-promo", &lines);
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("One."), "{answer}");
    assert_eq!(server.until("picture_failed")["kind"], "TimedOut");
    let picture = heard.try_iter().find(|heard| heard.path.ends_with("/images/generations")).unwrap();
    assert_eq!(picture.body["model"], "draws");
}
