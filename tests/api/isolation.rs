//! What one caller does must not take the service away from others: limits hold until what they limit is gone.

use std::fmt::Write as _;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use content_portal::content::WriterConfig;
use content_portal::upload_store::UploadRules;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::watch;

use crate::app::{ADMIN_KEY, Setup, TestApp, ok};
use crate::form::Form;
use crate::refusals::assert_refused;
use crate::sheets::{CUSTOMER, HEADER, csv};
use crate::upstream::{self, Held, writer_at, written};

/// A form as it is written, with the boundary `B`.
async fn send_form(app: &TestApp, body: String) -> reqwest::Response {
    let request = app.request(reqwest::Method::POST, "/upload-excel");
    request.header("content-type", "multipart/form-data; boundary=B").body(body).send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_is_refused_for_what_is_long_beside_its_file() {
    let app = TestApp::spawn().await;
    let long = "x".repeat(40 << 10);
    let field = |n: usize, text: &str| {
        format!("--B\r\nContent-Disposition: form-data; name=\"nobody-reads-{n}\"\r\n\r\n{text}\r\n")
    };
    let nameless = "--B\r\n\r\nx\r\n";
    let text = |n: usize| format!("--B\r\nContent-Disposition: form-data; name=\"t{n}\"\r\n\r\nx\r\n");
    let texts = |n: usize| (0..n).map(text).collect::<String>();
    for (form, status, code) in [
        (format!("{long}\r\n--B--"), 400, "form_preamble_too_long"),
        ("\r\n--".repeat(10_000), 400, "form_preamble_too_long"),
        (format!("--B\r\nX: {long}\r\n\r\n\r\n--B--"), 400, "form_head_too_long"),
        (format!("--B\r\n{}", "X: y\r\n".repeat(10_000)), 400, "form_head_too_long"),
        (format!("{}--B--", texts(65)), 400, "too_many_fields"),
        (format!("{nameless}--B--"), 400, "broken_form"),
        (format!("--B\r\n\r\n{}\r\n--B--", "x".repeat(2 << 20)), 400, "broken_form"),
        (field(0, &long), 422, "invalid_fields"),
        (format!("{}--B", texts(3)), 400, "broken_form"),
    ] {
        assert_refused(&app, send_form(&app, form).await, status, code).await;
    }
    let name = "n".repeat(4 << 10);
    let field = format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{long}\r\n--B--");
    let answer = send_form(&app, field).await;
    assert_eq!(answer.status(), 422);
    let answer = answer.text().await.unwrap();
    assert!(answer.contains("nnn…") && answer.len() < 1_000, "a long name comes back shortened: {answer}");
    assert!(app.kept().is_empty());
    let sheet = String::from_utf8(csv([HEADER, CUSTOMER])).unwrap();
    let file = format!("--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\n{sheet}\r\n");
    ok(send_form(&app, format!("ignored\r\n{}{file}--B--\r\nignored", texts(32))).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn json_has_a_limit_on_keys_and_bodies_come_as_they_are() {
    let app = TestApp::spawn().await;
    let keys = |n: usize| Value::Object((0..n).map(|n| (format!("k{n}"), json!(n))).collect::<Map<_, _>>());
    for body in [keys(257), json!({ "persona": keys(256) })] {
        assert_refused(&app, app.post("/generate-promo", &body).await, 400, "too_many_keys").await;
    }
    let members: Vec<Value> = (0..2_000).map(|_| keys(5)).collect();
    let kept_segment = json!({ "cluster_id": 0, "members": members, "objective": "More visits" });
    app.generate("/generate-promo", &kept_segment).await;
    for path in ["/generate-promo", "/upload-excel", "/segments/export"] {
        let request = app.request(reqwest::Method::POST, path).header("content-encoding", "gzip");
        assert_refused(&app, request.body("x").send().await.unwrap(), 415, "encoded_body").await;
    }
    let plain = app.request(reqwest::Method::POST, "/generate-promo").header("content-encoding", "identity");
    ok(plain.json(&json!({})).send().await.unwrap()).await;
}

/// An upload of enough rows that the system cannot hold its answer, of which nothing is read but the first bytes.
async fn unread_upload(app: &TestApp, from: &str) -> TcpStream {
    let mut sheet = HEADER.join(",");
    for n in 0..8_000 {
        write!(sheet, "\nA{n},2024-02-29,Bedok,Female,Gold").unwrap();
    }
    let (content_type, body) = Form::new().file("a.csv", sheet.as_bytes()).finish();
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4 << 10).unwrap();
    let mut stream = socket.connect(app.address).await.unwrap();
    let head = format!(
        "POST /upload-excel HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: {from}\r\nContent-Type: {content_type}\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&body).await.unwrap();
    let mut status = [0; 12];
    stream.read_exact(&mut status).await.unwrap();
    assert_eq!(&status, b"HTTP/1.1 200");
    stream
}

/// A workbook of so many customers of many kinds.
fn many_kinds(n: usize) -> Vec<u8> {
    let mut sheet = HEADER.join(",");
    for n in 0..n {
        let (town, month) = (["Bedok", "Tampines", "Yishun", "Punggol"][n % 4], 1 + n / 4 % 12);
        let (gender, tier) = (["Female", "Male"][n / 48 % 2], ["Silver", "Gold", "Platinum"][n / 96 % 3]);
        write!(sheet, "\nA{n},2024-{month:02}-05,{town},{gender},{tier}").unwrap();
    }
    sheet.into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_has_no_room_is_refused_before_anything_is_paid_and_a_paid_one_is_given() {
    let (release, released) = watch::channel(false);
    let upstream = Held::start(released).await;
    let patience = Duration::from_secs(60);
    let writer = WriterConfig { timeout: patience, deadline: patience, ..writer_at(&upstream.uri) };
    let setup = Setup { writer, max_members: 200_000, writers_at_once: 1, ..Setup::default() };
    let app = Arc::new(TestApp::spawn_with(setup).await);
    let (mine, sheet) = (app.clone(), many_kinds(70_000));
    let first = tokio::spawn(async move { ok(mine.send(Form::new().file("a.csv", &sheet)).await).await });
    // The first of its segments is written, the second is under way.
    app.until(async |_| upstream.n_calls() == 2).await;
    // Two answers of some 15 MB are more than one client may have on their way.
    let second = app.send(Form::new().file("a.csv", &many_kinds(70_001))).await;
    assert_refused(&app, second, 503, "too_many_answers").await;
    // The first is kept while its texts are written.
    app.until(async |app| app.kept().len() == 1).await;
    assert_eq!(upstream.n_calls(), 2);
    release.send(true).unwrap();
    assert_eq!(first.await.unwrap()["rows"]["rows_used"], 70_000);
}

/// The answer to an empty form, which needs a slot to be refused.
async fn empty_form(app: &TestApp, from: &str, key: Option<&str>) -> u16 {
    let request = app.request(reqwest::Method::POST, "/upload-excel").header("x-forwarded-for", from);
    let request = request.header("content-type", "multipart/form-data; boundary=B").body("--B--");
    let request = if let Some(key) = key { request.bearer_auth(key) } else { request };
    request.send().await.unwrap().status().as_u16()
}

/// A large body of JSON of which the last byte does not come.
async fn stalled_json(app: &TestApp, from: &str) -> TcpStream {
    let head = format!(
        "POST /generate-promo HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: {from}\r\n\
         Content-Type: application/json\r\nContent-Length: 8000000\r\n\r\n{{\"members\": \"{}",
        "x".repeat(128 << 10)
    );
    let mut stream = TcpStream::connect(app.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn large_bodies_that_do_not_come_keep_no_other_out() {
    let app = TestApp::spawn().await;
    let mut stalled = Vec::new();
    for n in 0..24 {
        stalled.push(stalled_json(&app, &format!("198.51.100.{}", n % 6)).await);
    }
    let members: Vec<Value> = (0..40_000).map(|n| json!({ "row": n, "Location": "Bedok" })).collect();
    let body = json!({ "cluster_id": 0, "members": members, "objective": "More visits" });
    assert!(body.to_string().len() > 1 << 20);
    let request = app.request(reqwest::Method::POST, "/generate-promo").header("x-forwarded-for", "203.0.113.9");
    ok(request.json(&body).send().await.unwrap()).await;
}

/// An upload whose body does not come.
async fn stalled_upload(app: &TestApp, from: &str) -> TcpStream {
    let head = format!(
        "POST /upload-excel HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: {from}\r\n\
         Content-Type: multipart/form-data; boundary=B\r\nContent-Length: 9\r\n\r\n"
    );
    let mut stream = TcpStream::connect(app.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

/// Four such uploads from each of so many addresses: as many as a client has of its own, however many others wait.
async fn four_stalled_uploads_each(app: &TestApp, n: usize, address: impl Fn(usize) -> String) -> Vec<TcpStream> {
    let mut stalled = Vec::new();
    for from in (0..n).flat_map(|n| std::iter::repeat_n(address(n), 4)) {
        stalled.push(stalled_upload(app, &from).await);
    }
    stalled
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_is_taken_until_the_answer_s_last_byte_has_left_or_its_reader_is_gone() {
    let app = TestApp::spawn().await;
    let mine = "198.51.100.7";
    for is_read_in_the_end in [true, false] {
        let mut unread = unread_upload(&app, mine).await;
        let mut stalled = Vec::new();
        for _ in 0..15 {
            stalled.push(stalled_upload(&app, mine).await);
        }
        // With fifteen more, a client has all it may have: the answer that is made and has not left counts.
        app.until(async |app| empty_form(app, mine, None).await == 429).await;
        assert_eq!(empty_form(&app, "198.51.100.8", None).await, 400);
        if is_read_in_the_end {
            let mut piece = vec![0; 64 << 10];
            let mut last = Vec::new();
            while !last.ends_with(b"}") {
                let n_bytes = unread.read(&mut piece).await.unwrap();
                assert_ne!(n_bytes, 0);
                last.clear();
                last.extend_from_slice(&piece[..n_bytes]);
            }
        }
        drop(unread);
        app.until(async |app| empty_form(app, mine, None).await == 400).await;
        drop(stalled);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_with_many_networks_leaves_half_of_the_slots_to_others() {
    let app = TestApp::spawn().await;
    // A site has up to 65,536 networks of 64 bits.
    let of_the_site = four_stalled_uploads_each(&app, 10, |n| format!("2001:db8:1:{n:x}::1")).await;
    app.until(async |app| empty_form(app, "2001:db8:1:ff::1", None).await == 429).await;
    let of_others = four_stalled_uploads_each(&app, 3, |n| format!("198.51.100.{n}")).await;
    for newcomer in ["198.51.100.200", "2001:db8:2::1"] {
        assert_eq!(empty_form(&app, newcomer, None).await, 400, "{newcomer}");
    }
    drop((of_the_site, of_others));
    app.until(async |app| empty_form(app, "2001:db8:1:ff::1", None).await == 400).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn administrators_come_in_where_every_slot_is_taken() {
    let app = TestApp::spawn().await;
    let stalled = four_stalled_uploads_each(&app, 8, |n| format!("198.51.100.{n}")).await;
    let newcomer = "198.51.100.200";
    app.until(async |app| empty_form(app, newcomer, None).await == 503).await;
    assert_eq!(empty_form(&app, newcomer, Some(ADMIN_KEY)).await, 400);
    drop(stalled);
    app.until(async |app| empty_form(app, newcomer, None).await == 400).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_without_a_model_take_no_room_on_the_disk() {
    let app = TestApp::spawn().await;
    let mut urls = Vec::new();
    for n in 0..8 {
        let body = json!({ "post_type": "Image", "objective": format!("More visits {n}"), "num_variants": 3 });
        let answer = app.generate("/generate-promo", &body).await;
        urls.extend(answer["images"].as_array().unwrap().iter().map(|url| url.as_str().unwrap().to_owned()));
    }
    assert_eq!(urls.len(), 24);
    let files: Vec<_> = fs::read_dir(app.images()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(files, [".posters.key"]);
    let path = urls[0].strip_prefix(&app.url("")).unwrap();
    let (first, again) = (app.get(path).await, app.get(path).await);
    assert_eq!((first.status().as_u16(), &first.headers()["content-type"]), (200, &"image/png".parse().unwrap()));
    assert_eq!(first.bytes().await.unwrap(), again.bytes().await.unwrap());
    // Another slogan under the same signature.
    let changed = path.replacen("poster-AQ", "poster-AR", 1);
    assert_ne!(changed, path);
    assert_refused(&app, app.get(&changed).await, 404, "no_such_image").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_uploads_hold_as_much_as_they_may_the_next_is_refused_and_none_is_removed() {
    // These come without a key, and have half of the limit; each takes 8 KB with its note.
    let upload_rules = UploadRules { min_free_bytes: 0, max_total_bytes: Some(40 << 10), ..UploadRules::default() };
    let upstream = upstream::start(Box::new(|_| written("A text."))).await;
    let writer = upstream::writer(&upstream);
    let app = TestApp::spawn_with(Setup { upload_rules, writer, ..Setup::default() }).await;
    let sheet = |n: usize| {
        let mut sheet = HEADER.join(",");
        for row in 0..40 {
            write!(sheet, "\nA{n}-{row},2024-02-29,Bedok,Female,Gold").unwrap();
        }
        sheet.into_bytes()
    };
    let first = sheet(1);
    app.upload("a.csv", &first).await;
    let kept = app.kept();
    app.upload("a.csv", &sheet(2)).await;
    let n_calls = async || upstream.received_requests().await.unwrap().len();
    let paid = n_calls().await;
    assert_refused(&app, app.send(Form::new().file("a.csv", &sheet(3))).await, 507, "uploads_full").await;
    assert_eq!(n_calls().await, paid, "nothing is paid for that is not answered");
    assert_eq!(app.kept().len(), 2);
    assert!(kept.iter().all(|file| file.exists()), "the first is still there");
}
