//! Texts and pictures together, where the pictures fail: the texts are paid for, and stay.

use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use content_portal::content::{BreakerPolicy, Gallery, ImageRules, WriterConfig};
use content_portal::upload_store::UploadRules;
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::app::{Setup, TestApp, list, ok};
use crate::live;
use crate::upstream::{self, written_all};

/// A server that writes two texts and answers each call for a picture by its number.
async fn server(picture: impl Fn(usize) -> ResponseTemplate + Send + Sync + 'static) -> MockServer {
    writing(&["One.", "Two."], picture).await
}

/// The same, with these texts.
async fn writing(
    texts: &'static [&'static str],
    picture: impl Fn(usize) -> ResponseTemplate + Send + Sync + 'static,
) -> MockServer {
    let upstream = upstream::start(Box::new(move |_| written_all(texts))).await;
    let n = AtomicUsize::new(0);
    let respond = move |_: &Request| picture(n.fetch_add(1, Ordering::SeqCst));
    Mock::given(path("/v1/images/generations")).respond_with(respond).mount(&upstream).await;
    upstream
}

fn picture() -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({"data": [{"b64_json": "iVBORw0KGgpyZXN0"}]}))
}

async fn app(upstream: &MockServer) -> TestApp {
    // Each request is to meet the fault itself, however many came before it.
    let breaker = BreakerPolicy { max_faults: u32::MAX, ..BreakerPolicy::default() };
    let writer = WriterConfig { image_timeout: Duration::from_secs(1), breaker, ..upstream::writer(upstream) };
    TestApp::spawn_with(Setup { writer, ..Setup::default() }).await
}

fn asking(post_type: &str) -> Value {
    json!({"post_type": post_type, "num_variants": 2})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_fails_leaves_the_texts_in_every_shape_that_callers_read() {
    for (answer, code) in [
        (ResponseTemplate::new(500), "writer_unavailable"),
        (ResponseTemplate::new(401), "writer_refused"),
        (picture().set_delay(Duration::from_secs(600)), "writer_timed_out"),
    ] {
        let upstream = server(move |_| answer.clone()).await;
        let app = app(&upstream).await;
        for route in ["/generate-promo", "/generate-post", "/generate-editor-post"] {
            let answer = app.generate(route, &asking("Both")).await;
            let result = json!([{"text": "One.", "image": ""}, {"text": "Two.", "image": ""}]);
            assert_eq!((&answer["generated_result"], &answer["variants"]), (&result, &json!(["One.", "Two."])));
            assert_eq!((&answer["images"], &answer["image_url"]), (&json!(["", ""]), &Value::Null));
            assert_eq!((&answer["image_error"]["code"], answer.get("image_model")), (&json!(code), None));
        }
        let alone = app.post("/generate-promo", &asking("Image")).await;
        assert!(alone.status().is_server_error());
        assert_eq!(alone.json::<Value>().await.unwrap()["code"], code);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_that_were_drawn_beside_one_that_failed_are_shown_at_their_texts() {
    let upstream = server(|n| if n == 0 { picture() } else { ResponseTemplate::new(401) }).await;
    let app = app(&upstream).await;
    let answer = app.generate("/generate-promo", &asking("Both")).await;
    let images: Vec<&str> = list(&answer["images"]).iter().map(|image| image.as_str().unwrap()).collect();
    let drawn: Vec<&&str> = images.iter().filter(|image| !image.is_empty()).collect();
    assert_eq!((images.len(), drawn.len()), (2, 1), "{images:?}");
    assert_eq!((&answer["image_url"], &answer["image_error"]["code"]), (&json!(drawn[0]), &json!("writer_refused")));
    for (entry, image) in list(&answer["generated_result"]).iter().zip(&images) {
        assert_eq!(entry["image"], *image);
    }
    let served = app.get(drawn[0].strip_prefix(&app.url("")).unwrap()).await;
    assert_eq!(served.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_repeated_after_its_pictures_failed_gets_them() {
    let is_back = Arc::new(AtomicBool::new(false));
    let draws = is_back.clone();
    let answer = move |_| if draws.load(Ordering::SeqCst) { picture() } else { ResponseTemplate::new(429) };
    let upstream = server(answer).await;
    let app = app(&upstream).await;
    let request = || app.request(reqwest::Method::POST, "/generate-promo").json(&asking("Both"));
    let answered = async || request().header("idempotency-key", "a-key").send().await.unwrap();
    assert_eq!(ok(answered().await).await["image_error"]["code"], "writer_rate_limited");
    is_back.store(true, Ordering::SeqCst);
    let again = ok(answered().await).await;
    assert_eq!((list(&again["images"]).len(), &again["image_error"]), (2, &Value::Null));
    let replayed = answered().await;
    assert_eq!(replayed.headers()["idempotent-replayed"], "true");
    assert_eq!(ok(replayed).await, again);
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_beside_one_that_failed_are_shown_without_texts_and_at_segments_too() {
    let upstream = server(|n| if n % 2 == 0 { picture() } else { ResponseTemplate::new(401) }).await;
    let app = app(&upstream).await;
    let n_shown = |images: &Value| list(images).iter().filter(|image| **image != json!("")).count();
    let answer = app.generate("/generate-promo", &asking("Image")).await;
    assert_eq!((list(&answer["generated_result"]).len(), &answer["generated_result"][0]), (1, &answer["image_url"]));
    assert_eq!((list(&answer["images"]).len(), n_shown(&answer["images"])), (2, 1));
    assert_eq!(answer["image_error"]["code"], "writer_refused");

    let before = n_pictures_asked_for(&upstream).await;
    let file = std::fs::read(crate::app::root("tests/fixtures/customers_300.xls")).unwrap();
    let form = crate::form::Form::new().file("customers.xls", &file);
    let (content_type, body) = form.text("post_type", "Both").text("num_variants", "2").finish();
    let request = app.request(reqwest::Method::POST, "/upload-excel").header("content-type", content_type);
    let answer = ok(request.body(body).send().await.unwrap()).await;
    let shown: usize = list(&answer["segments"]).iter().map(|segment| n_shown(&segment["content"]["images"])).sum();
    assert_eq!(shown, (n_pictures_asked_for(&upstream).await - before) / 2, "every second one is drawn");
    assert!(shown > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_tells_the_texts_and_ends_with_the_whole_answer() {
    let upstream = server(|_| ResponseTemplate::new(500)).await;
    let app = app(&upstream).await;
    let events = live::events(live::generate_live(&app, &asking("Both")).await).await;
    let variants = live::named(&events, "variant");
    assert_eq!(variants.iter().map(|event| event["text"].as_str()).collect::<Vec<_>>(), [Some("One."), Some("Two.")]);
    assert_eq!(live::named(&events, "done")[0]["image_error"]["code"], "writer_unavailable");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_takes_no_picture_costs_no_text() {
    let app = TestApp::spawn().await;
    std::fs::write(app.images(), "").unwrap();
    let answer = ok(app.post("/generate-promo", &asking("Both")).await).await;
    assert_eq!((list(&answer["variants"]).len(), &answer["image_error"]["code"]), (2, &json!("storage")));
    assert_eq!(app.post("/generate-promo", &asking("Image")).await.status(), 507);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_could_not_be_stored_is_not_asked_for() {
    let upstream = server(|_| picture()).await;
    let upload_rules = UploadRules { min_free_bytes: 1 << 60, ..UploadRules::default() };
    let writer = upstream::writer(&upstream);
    let app = TestApp::spawn_with(Setup { writer, upload_rules, ..Setup::default() }).await;
    let answer = app.generate("/generate-promo", &asking("Both")).await;
    assert_eq!((&answer["variants"], &answer["images"]), (&json!(["One.", "Two."]), &json!(["", ""])));
    assert_eq!(n_pictures_asked_for(&upstream).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_picture_is_asked_for_where_the_folder_takes_no_file() {
    let upstream = server(|_| picture()).await;
    let app = app(&upstream).await;
    std::fs::write(app.images(), "").unwrap();
    let answer = app.generate("/generate-promo", &asking("Both")).await;
    assert_eq!((&answer["images"], &answer["image_error"]["code"]), (&json!(["", ""]), &json!("storage")));
    assert_eq!(n_pictures_asked_for(&upstream).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_picture_is_asked_for_whose_room_one_takes_that_is_being_drawn() {
    let upstream = server(|_| picture().set_delay(Duration::from_secs(600))).await;
    // Two of the usual size, of 4 MB.
    let image_rules = ImageRules { max_total_bytes: Some(9 << 20), ..ImageRules::default() };
    let writer = WriterConfig { image_rules, ..upstream::writer(&upstream) };
    let app = TestApp::spawn_with(Setup { writer, ..Setup::default() }).await;
    let asking = asking("Image");
    let first = app.post("/generate-promo", &asking);
    let second = async {
        app.until(async |_| n_pictures_asked_for(&upstream).await == 2).await;
        app.post("/generate-promo", &asking).await
    };
    let answer = tokio::select! {
        late = first => late,
        answer = second => answer,
    };
    assert_eq!((answer.status().as_u16(), n_pictures_asked_for(&upstream).await), (507, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_of_one_client_that_are_being_drawn_leave_room_for_those_of_others() {
    // Half of the places for pictures are one client's at most.
    const OF_ONE: usize = 16;
    let late = || picture().set_delay(Duration::from_secs(600));
    let upstream = writing(&["A text."; 10], move |n| if n < OF_ONE { late() } else { picture() }).await;
    // Room for twenty of the usual size, of 4 MB.
    let image_rules = ImageRules { max_total_bytes: Some(20 * (4 << 20)), ..ImageRules::default() };
    let image_timeout = Duration::from_secs(600);
    let writer = WriterConfig { image_rules, image_timeout, ..upstream::writer(&upstream) };
    let app = TestApp::spawn_with(Setup { writer, ..Setup::default() }).await;
    let ask = |from: &str, n_variants: usize| {
        let request = app.request(reqwest::Method::POST, "/generate-promo").header("x-forwarded-for", from);
        request.json(&json!({"post_type": "Image", "num_variants": n_variants})).send()
    };
    let greedy: Vec<_> = (0..8).map(|_| tokio::spawn(ask("198.51.100.7", 4))).collect();
    app.until(async |_| n_pictures_asked_for(&upstream).await >= OF_ONE).await;
    for n in 1..=2 {
        let other = ok(ask("198.51.100.8", 1).await.unwrap()).await;
        assert_eq!(list(&other["images"]).len(), 1);
        assert_eq!(n_pictures_asked_for(&upstream).await, OF_ONE + n, "the greedy one's others wait for their turn");
    }
    greedy.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_whose_turn_does_not_come_in_half_of_the_time_is_not_asked_for() {
    let upstream = writing(&["A text."; 8], |_| picture().set_delay(Duration::from_secs(600))).await;
    let writer = WriterConfig { image_timeout: Duration::from_secs(6), ..upstream::writer(&upstream) };
    let app = TestApp::spawn_with(Setup { writer, ..Setup::default() }).await;
    let asking = json!({"post_type": "Both", "num_variants": 8});
    // One client may have 16 drawn at a time, which two requests ask for.
    let first_two = futures::future::join_all((0..2).map(|_| app.generate("/generate-promo", &asking)));
    let third = async {
        app.until(async |_| n_pictures_asked_for(&upstream).await == 16).await;
        app.generate("/generate-promo", &asking).await
    };
    let (first_two, third) = tokio::join!(first_two, third);
    assert!(first_two.iter().all(|answer| answer["image_error"]["code"] == "writer_timed_out"), "{first_two:?}");
    assert_eq!(third["image_error"]["code"], "busy");
    assert_eq!(n_pictures_asked_for(&upstream).await, 16, "and nothing is paid for it");
}

/// A gallery that takes pictures once it is back.
#[derive(Debug, Default)]
struct Away {
    is_back: AtomicBool,
    n_taken: AtomicUsize,
}

impl Gallery for Away {
    fn put_new(&self, _: &str, _: &[u8]) -> std::io::Result<()> {
        if !self.is_back.load(Ordering::SeqCst) {
            return Err(std::io::ErrorKind::TimedOut.into());
        }
        self.n_taken.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    fn get(&self, _: &str) -> std::io::Result<Option<Vec<u8>>> {
        Ok(None)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_shared_store_takes_no_pictures_none_is_paid_for_but_the_first() {
    let upstream = server(|_| picture()).await;
    let gallery = Arc::new(Away::default());
    let shared: Arc<dyn Gallery> = gallery.clone();
    let writer = WriterConfig { gallery: Some(shared), ..upstream::writer(&upstream) };
    let app = TestApp::spawn_with(Setup { writer, ..Setup::default() }).await;
    for _ in 0..3 {
        let answer = app.generate("/generate-promo", &asking("Both")).await;
        assert_eq!((&answer["images"], &answer["image_error"]["code"]), (&json!(["", ""]), &json!("storage")));
        assert_eq!(n_pictures_asked_for(&upstream).await, 2);
    }
    gallery.is_back.store(true, Ordering::SeqCst);
    app.until(async |app| app.generate("/generate-promo", &asking("Both")).await["image_error"].is_null()).await;
    // The one that was paid before, and two more of the same bytes.
    assert_eq!((n_pictures_asked_for(&upstream).await, gallery.n_taken.load(Ordering::SeqCst)), (4, 3));
}

async fn n_pictures_asked_for(upstream: &MockServer) -> usize {
    let asked = upstream.received_requests().await.unwrap();
    asked.iter().filter(|request| request.url.path().ends_with("/images/generations")).count()
}
