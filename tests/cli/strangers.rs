//! Files by strangers, sent to the real server: each has its answer, and the server stays as small as it was.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::folder::{Folder, Server, fixture};
use crate::form::Form;
use crate::hostile::{Expected, strangers};
use crate::problems::code;

/// By how much the server may have grown at any moment, in kilobytes.
const MAX_GROWTH_KB: u64 = 64 << 10;

/// The most memory that a process has had so far, in kilobytes.
fn peak_kb(pid: u32) -> u64 {
    let status = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Status and code of the answer to an upload.
async fn upload(client: &reqwest::Client, address: &str, file: &[u8]) -> (u16, String) {
    let (content_type, body) = Form::new().file("a.xlsx", file).finish();
    let request = client.post(format!("http://{address}/upload-excel")).header("content-type", content_type);
    code(request.timeout(Duration::from_secs(120)).body(body).send().await.unwrap()).await
}

#[test]
fn the_server_answers_every_stranger_and_grows_by_none() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = Folder::with_data();
    let mut command = folder.command(&["serve"]);
    // A busy machine is no reason to fail, and some of these files are only ended by the clock.
    command.env("PORT", "0").env("READER_TIMEOUT_S", "60");
    let mut server = Server::start(&mut command);
    let address = server.until("listening")["address"].as_str().unwrap().to_owned();
    server.until("ready");
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let good = fs::read(fixture("customers_300.xls")).unwrap();
    assert_eq!(runtime.block_on(upload(&client, &address, &good)).0, 200);
    let before_kb = peak_kb(server.pid());
    for stranger in strangers(&good) {
        let (status, code) = runtime.block_on(upload(&client, &address, &stranger.bytes));
        let is_refused = [400, 413, 415, 422].contains(&status) && !code.is_empty();
        let is_expected = match stranger.expected {
            Expected::Rows(_) => status == 200,
            Expected::Refused(_) => is_refused,
            Expected::Either(_) => status == 200 || is_refused,
        };
        assert!(is_expected, "{}: {status} {code}", stranger.name);
        let grown_kb = peak_kb(server.pid()).saturating_sub(before_kb);
        assert!(grown_kb <= MAX_GROWTH_KB, "{}: the server grew by {grown_kb} KB", stranger.name);
    }
}
