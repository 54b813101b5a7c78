//! Pictures: made, kept, served and downloaded; nothing else ever is.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use content_portal::content::{Gallery, ImageRules, WriterConfig, WriterKind};
use content_portal::shared_store::SharedStoreError;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::app::{Setup, TestApp};

async fn an_image(app: &TestApp) -> String {
    let answer = app.generate("/generate-promo", &json!({ "post_type": "Image" })).await;
    answer["image_url"].as_str().unwrap().to_owned()
}

async fn download(app: &TestApp, body: &Value) -> (u16, Value) {
    let response = app.post("/api/proxy-download", body).await;
    let status = response.status().as_u16();
    (status, if status == 200 { Value::Null } else { response.json().await.unwrap() })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_served_for_ever_under_its_own_hash() {
    let app = TestApp::spawn().await;
    let url = an_image(&app).await;
    assert_eq!(an_image(&app).await, url, "the same picture is stored once");
    let response = app.get(url.strip_prefix(&app.url("")).unwrap()).await;
    assert_eq!(response.headers()["cache-control"], "public, max-age=31536000, immutable");
    assert_eq!(response.headers()["x-content-type-options"], "nosniff");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_other_file_and_no_other_name_is_served() {
    let app = TestApp::spawn().await;
    let absent = format!("{}.png", "0".repeat(64));
    for name in ["", "x.png", "..%2f..%2fCargo.toml", "%2e%2e%2fsecret", "%ff", absent.as_str(), "a/b.png"] {
        let response = app.get(&format!("/images/{name}")).await;
        assert_eq!(response.status(), 404, "{name}");
        assert_eq!(response.headers()["content-type"], "application/problem+json", "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_of_anything_else_is_refused_without_a_connection_being_opened() {
    let app = TestApp::spawn().await;
    let elsewhere = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = an_image(&app).await;
    let path = url.strip_prefix(&app.url("")).unwrap();
    for wrong in [
        format!("http://{}{path}", elsewhere.local_addr().unwrap()),
        format!("http://{}/", elsewhere.local_addr().unwrap()),
        format!("http://user@{}{path}", app.address),
        app.url("/healthz"),
        app.url("/images/../readyz"),
        app.url(&format!("/images/{}.png", "0".repeat(64))),
        "file:///etc/passwd".to_owned(),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "not an address".to_owned(),
    ] {
        let (status, problem) = download(&app, &json!({ "url": wrong, "name": "x.png" })).await;
        assert_eq!((status, &problem["code"]), (403, &json!("not_our_image")), "{wrong}");
    }
    // Had a connection been opened, it would be waiting here.
    let waiting = futures::FutureExt::now_or_never(elsewhere.accept());
    assert!(waiting.is_none());
    assert_eq!(download(&app, &json!({ "url": url })).await.0, 200, "a name is not needed");
    let other_name = url.replace("127.0.0.1", "localhost");
    assert_eq!(download(&app, &json!({ "url": other_name })).await.0, 200, "the same place");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_without_an_address_is_told_what_is_missing() {
    let app = TestApp::spawn().await;
    for body in [json!({}), json!({ "url": "" }), json!({ "url": ["x"] }), json!({ "url": null, "name": "x" })] {
        let (status, problem) = download(&app, &body).await;
        assert_eq!((status, &problem["details"][0]["field"]), (422, &json!("url")), "{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_are_named_by_the_public_address_where_there_is_one() {
    let public_url = Some("https://content.example.com/api".to_owned());
    let app = TestApp::spawn_with(Setup { public_url, ..Setup::default() }).await;
    let url = an_image(&app).await;
    assert!(url.starts_with("https://content.example.com/api/images/"), "{url}");
    assert_eq!(download(&app, &json!({ "url": url })).await.0, 200);
    assert_eq!(download(&app, &json!({ "url": url.replace("/api/", "/") })).await.0, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_of_an_upload_has_pictures_where_the_caller_asks_for_them() {
    let app = TestApp::spawn().await;
    let sheet = b"Loyalty Tier,Date Joined,Location\nGold,2024-02-29,Bedok\n";
    let form = || crate::form::Form::new().file("a.csv", sheet);
    let plain = crate::app::ok(app.send(form()).await).await;
    assert_eq!(plain["segments"][0]["content"]["images"], json!([]));
    let both = crate::app::ok(app.send(form().text("post_type", "Both")).await).await;
    let url = both["segments"][0]["content"]["image_url"].as_str().unwrap();
    assert_eq!(app.get(url.strip_prefix(&app.url("")).unwrap()).await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_have_an_https_address_where_a_trusted_proxy_says_that_the_caller_has() {
    let allow_hosts = vec!["content.example.com"];
    let app = TestApp::spawn_with(Setup { allow_hosts, ..Setup::default() }).await;
    let request = |path: &str, body: &Value| {
        let request = app.request(reqwest::Method::POST, path).header("x-forwarded-proto", "https");
        request.header("host", "content.example.com:8443").json(body).send()
    };
    let answer = crate::app::ok(request("/generate-promo", &json!({ "post_type": "Image" })).await.unwrap()).await;
    let url = answer["image_url"].as_str().unwrap();
    assert!(url.starts_with("https://content.example.com:8443/images/"), "{url}");
    assert_eq!(request("/api/proxy-download", &json!({ "url": url })).await.unwrap().status(), 200);
    let plain = url.replace("https:", "http:");
    assert_eq!(request("/api/proxy-download", &json!({ "url": plain })).await.unwrap().status(), 403);
}

/// What servers share, in memory; and how often it was asked for something.
#[derive(Debug, Default)]
struct InMemory {
    pictures: Mutex<BTreeMap<String, Vec<u8>>>,
    n_asked: AtomicUsize,
    is_away: AtomicBool,
}

impl Gallery for InMemory {
    fn put_new(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.pictures.lock().unwrap().entry(name.to_owned()).or_insert_with(|| bytes.to_vec());
        Ok(())
    }

    fn get(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        self.n_asked.fetch_add(1, Ordering::SeqCst);
        if self.is_away.load(Ordering::SeqCst) {
            let url = format!("s3://ml/portal/images/{name}");
            return Err(io::Error::other(SharedStoreError::Deadline { url, seconds: 20 }));
        }
        Ok(self.pictures.lock().unwrap().get(name).cloned())
    }
}

async fn sharing(gallery: &Arc<InMemory>) -> TestApp {
    let shared: Option<Arc<dyn Gallery>> = Some(gallery.clone());
    let writer = WriterConfig { kind: WriterKind::Offline, gallery: shared, ..WriterConfig::default() };
    TestApp::spawn_with(Setup { writer, ..Setup::default() }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_has_the_pictures_of_another_and_asks_for_each_name_once_whether_it_is_there_or_not() {
    let gallery = Arc::new(InMemory::default());
    let (one, other) = (sharing(&gallery).await, sharing(&gallery).await);
    let url = an_image(&one).await;
    let poster = url.strip_prefix(&one.url("")).unwrap();
    let answers = [one.get(poster).await, other.get(poster).await].map(|answer| answer.bytes());
    let [drawn, drawn_there] = futures::future::join_all(answers).await.try_into().unwrap();
    assert_eq!(drawn.unwrap(), drawn_there.unwrap());
    // That of one who made a name up.
    let absent = format!("/images/{}.png", "0".repeat(64));
    let before = gallery.n_asked.load(Ordering::SeqCst);
    for _ in 0..5 {
        assert_eq!(other.get(&absent).await.status(), 404);
    }
    assert_eq!(gallery.n_asked.load(Ordering::SeqCst), before + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_of_another_server_is_sent_also_where_there_is_no_room_for_it() {
    let (gallery, png) = (Arc::new(InMemory::default()), b"\x89PNG\r\n\x1a\nrest");
    let hash: String = Sha256::digest(png).iter().map(|byte| format!("{byte:02x}")).collect();
    gallery.pictures.lock().unwrap().insert(format!("{hash}.png"), png.to_vec());
    let image_rules = ImageRules { max_total_bytes: Some(1), ..ImageRules::default() };
    let shared: Option<Arc<dyn Gallery>> = Some(gallery.clone());
    let writer = WriterConfig { kind: WriterKind::Offline, gallery: shared, image_rules, ..WriterConfig::default() };
    let app = TestApp::spawn_with(Setup { writer, ..Setup::default() }).await;
    // More than may be fetched at a time.
    for _ in 0..20 {
        let answer = app.get(&format!("/images/{hash}.png")).await;
        assert_eq!((answer.status().as_u16(), answer.headers()["content-type"].to_str().unwrap()), (200, "image/png"));
        assert_eq!(answer.bytes().await.unwrap(), png.as_slice());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_store_of_pictures_is_away_callers_are_told_to_try_again_and_what_is_here_is_served() {
    let gallery = Arc::new(InMemory::default());
    let (one, other) = (sharing(&gallery).await, sharing(&gallery).await);
    let url = an_image(&one).await;
    let poster = url.strip_prefix(&one.url("")).unwrap();
    gallery.is_away.store(true, Ordering::SeqCst);
    assert_eq!(one.get(poster).await.status(), 200);
    let before = gallery.n_asked.load(Ordering::SeqCst);
    let absent = format!("/images/{}.webp", "0".repeat(64));
    for (path, code) in [(poster, "shared_store"), (poster, "busy"), (absent.as_str(), "busy")] {
        let answer = other.get(path).await;
        assert_eq!((answer.status().as_u16(), &answer.headers()["retry-after"]), (503, &"5".parse().unwrap()));
        assert_eq!(answer.json::<Value>().await.unwrap()["code"], code, "{path}");
    }
    assert_eq!(gallery.n_asked.load(Ordering::SeqCst), before + 1, "it is not asked again by each");
}
