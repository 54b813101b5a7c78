//! Connections that break, stall or never end, seen by texts and by pictures alike.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::super::super::{Brief, Content, WriteErrorKind, WriteStep, Writer, WriterConfig, WriterKind, sample};
use super::config_at;

/// What a server does after its bytes are sent.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Then {
    Close,
    KeepSilent,
    /// Sends this for as long as it is taken.
    Repeat(&'static [u8]),
    /// The same, a byte at a time with pauses in between.
    Drip(u8),
}

/// Starts a server that reads each request, sends these bytes and does this.
async fn serve(bytes: &'static [u8], then: Then) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            tokio::spawn(answer(connection, bytes, then));
        }
    });
    address
}

async fn answer(mut connection: TcpStream, bytes: &'static [u8], then: Then) {
    read_request(&mut connection).await;
    // A client that has seen enough hangs up, which is no fault of the test.
    let _ = connection.write_all(bytes).await;
    match then {
        Then::Close => {}
        Then::KeepSilent => std::future::pending().await,
        Then::Drip(byte) => {
            while connection.write_all(&[byte]).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        Then::Repeat(more) => while connection.write_all(more).await.is_ok() {},
    }
}

async fn read_request(connection: &mut TcpStream) {
    let mut request = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let n = connection.read(&mut chunk).await.unwrap_or(0);
        request.extend_from_slice(&chunk[..n]);
        let text = String::from_utf8_lossy(&request).to_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            if n == 0 {
                return;
            }
            continue;
        };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if n == 0 || body.len() >= length.map_or(0, |length| length.trim().parse().unwrap()) {
            return;
        }
    }
}

fn brief() -> Brief {
    sample::brief(|input| input.output = Some("Both".into()))
}

async fn some_content(brief: &Brief) -> Content {
    let config = WriterConfig { kind: WriterKind::Offline, ..WriterConfig::default() };
    Writer::new(&config).unwrap().request(brief).write().await.unwrap()
}

#[tokio::test]
async fn a_connection_that_breaks_or_stalls_is_told_for_what_it_is() {
    use WriteErrorKind::{BadAnswer, CutOff, TimedOut, Upstream};
    const CUT: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{\"choices\": [";
    const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"dat";
    const FAILED: &[u8] = b"HTTP/1.1 500 Oops\r\ncontent-length: 900\r\n\r\n<html>";
    const ENDLESS: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n";
    let brief = brief();
    let content = some_content(&brief).await;
    for (bytes, then, kind) in [
        (&b""[..], Then::Close, Upstream),
        (b"HTTP/1.1 2", Then::Close, Upstream),
        (b"SSH-2.0-OpenSSH_9.7\r\n", Then::Close, Upstream),
        (CUT, Then::Close, CutOff),
        (CHUNKED, Then::Close, CutOff),
        (FAILED, Then::Close, Upstream),
        (b"", Then::KeepSilent, TimedOut),
        (CUT, Then::KeepSilent, TimedOut),
        (b"HTTP/1.1 200 OK\r\nx-slow: ", Then::Drip(b'a'), TimedOut),
        (ENDLESS, Then::Drip(b' '), TimedOut),
        (ENDLESS, Then::Repeat(&[b' '; 1 << 16]), BadAnswer),
    ] {
        let like = config_at(&serve(bytes, then).await);
        let timeout =
            if matches!(then, Then::KeepSilent | Then::Drip(_)) { Duration::from_millis(60) } else { like.timeout };
        let writer = Writer::new(&WriterConfig { timeout, image_timeout: timeout, ..like }).unwrap();
        let request = writer.request(&brief);
        let failures = [request.write().await.unwrap_err(), request.draw(&content).await.unwrap_err()];
        for (error, step) in failures.iter().zip([WriteStep::Call, WriteStep::Draw]) {
            let case = format!("{then:?} after {}", String::from_utf8_lossy(bytes));
            assert_eq!((error.step, error.kind), (step, kind), "{case}");
            assert!(error.waited > Duration::ZERO, "{case}");
        }
    }
}
