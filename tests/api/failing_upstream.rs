//! An upstream that is down: what callers are told, how soon it is left alone, and how a segment is had later.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use content_portal::content::{BreakerPolicy, BudgetConfig, Lease, Lessor, RetryPolicy, WriterConfig};
use content_portal::http::Key;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::sync::watch;
use wiremock::ResponseTemplate;

use crate::app::{Setup, TestApp, list, ok};
use crate::form::Form;
use crate::live::{events, named};
use crate::sheets::{CUSTOMER, HEADER, csv};
use crate::upstream::{self, Held, prompt_of, written};

fn down() -> ResponseTemplate {
    ResponseTemplate::new(500)
}

async fn served_by(writer: WriterConfig) -> TestApp {
    TestApp::spawn_with(Setup { writer, ..Setup::default() }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_the_upstream_is_a_502_503_or_504_after_three_tries_at_most() {
    let tiny = Duration::from_millis(1);
    let retry = RetryPolicy { max_tries: 3, base: tiny };
    for (answer, expected) in [
        (down(), 502),
        (written("late").set_delay(Duration::from_secs(600)), 504),
        (ResponseTemplate::new(429).insert_header("retry-after", "86400"), 503),
        (ResponseTemplate::new(200).set_body_string("<html>garbage"), 502),
        (ResponseTemplate::new(200).set_body_string("{\"choices\": [{\"mess"), 502),
        (ResponseTemplate::new(200).set_body_json(json!({"choices": []})), 502),
    ] {
        let upstream = upstream::start(Box::new(move |_| answer.clone())).await;
        let [timeout, deadline] =
            if expected == 504 { [300, 700] } else { [20_000, 60_000] }.map(Duration::from_millis);
        let app = served_by(WriterConfig { retry, timeout, deadline, ..upstream::writer(&upstream) }).await;
        assert_eq!(app.post("/generate-post", &json!({})).await.status(), expected);
        let n_calls = upstream.received_requests().await.unwrap().len();
        assert!((1..=3).contains(&n_calls), "{n_calls} calls");
    }
    let app = served_by(WriterConfig { retry, ..upstream::writer_at("http://127.0.0.1:1") }).await;
    assert_eq!(app.post("/generate-post", &json!({})).await.status(), 502);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_upstream_is_told_at_once_with_how_long_to_wait_and_shown_to_operators() {
    let upstream = upstream::start(Box::new(|_| down())).await;
    let breaker = BreakerPolicy { max_faults: 2, ..BreakerPolicy::default() };
    let app = served_by(WriterConfig { breaker, ..upstream::writer(&upstream) }).await;
    for _ in 0..2 {
        assert_eq!(app.post("/generate-post", &json!({})).await.status(), 502);
    }
    let response = app.post("/generate-post", &json!({})).await;
    assert_eq!(response.status(), 503);
    let wait: u64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=30).contains(&wait), "{wait}");
    assert_eq!(response.json::<Value>().await.unwrap()["code"], "writer_paused");
    assert_eq!(upstream.received_requests().await.unwrap().len(), 2);

    let metrics = app.get("/metrics").await.text().await.unwrap();
    for line in ["upstream_paused{endpoint=\"texts\"} 1", "upstream_paused{endpoint=\"pictures\"} 0"] {
        assert!(metrics.lines().any(|counted| counted == format!("content_portal_{line}")), "{line} in {metrics}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_of_years_is_told_callers_as_one_of_a_day() {
    for (asked, told) in [("20", "20"), ("999999999", "86400"), ("1e18", "86400")] {
        let upstream =
            upstream::start(Box::new(move |_| ResponseTemplate::new(429).insert_header("retry-after", asked)));
        let upstream = upstream.await;
        let app = TestApp::spawn_with(Setup { writer: upstream::writer(&upstream), ..Setup::default() }).await;
        let answer = app.post("/generate-post", &json!({})).await;
        assert_eq!(answer.headers()["retry-after"], told, "{asked}");
        assert_eq!(answer.json::<Value>().await.unwrap()["code"], "writer_rate_limited");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn past_the_day_s_budget_nothing_is_sent_and_midnight_is_what_to_wait_for() {
    let upstream = upstream::start(Box::new(|_| written("A text."))).await;
    let state = tempfile::tempdir().unwrap();
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let ledger = json!({"days": {today.to_string(): {"spent_usd": 1.0, "keys": {}}}});
    std::fs::write(state.path().join("budget.json"), ledger.to_string()).unwrap();
    let budget = Some(BudgetConfig { usd_per_day: 1.0, state_dir: state.path().to_owned() });
    let app = served_by(WriterConfig { budget, ..upstream::writer(&upstream) }).await;
    let response = app.post("/generate-post", &json!({})).await;
    assert_eq!(response.status(), 503);
    let wait: u64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=86_400).contains(&wait), "{wait}");
    assert_eq!(response.json::<Value>().await.unwrap()["code"], "budget_spent");
    assert_eq!(upstream.received_requests().await.unwrap().len(), 0);
}

/// A text by a key with the right to have it written.
fn text_by(app: &TestApp, name: &str) -> RequestBuilder {
    app.request(Method::POST, "/generate-post").bearer_auth(key(name)).json(&json!({"postType": "Text"}))
}

fn key(name: &str) -> String {
    format!("{name}-of-sixteen-letters")
}

/// Status, code and `Retry-After` of a refusal.
async fn refusal(request: RequestBuilder) -> (u16, String, String) {
    let response = request.send().await.unwrap();
    let (status, wait) = (response.status().as_u16(), response.headers()["retry-after"].to_str().unwrap().to_owned());
    (status, response.json::<Value>().await.unwrap()["code"].as_str().unwrap().to_owned(), wait)
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_under_way_of_one_key_leave_the_others_half_of_the_budget_and_are_waited_for_in_seconds() {
    let (release, released) = watch::channel(false);
    let upstream = Held::start(released).await;
    let state = tempfile::tempdir().unwrap();
    // A call may cost about half a cent, and costs a hundredth of that.
    let budget = Some(BudgetConfig { usd_per_day: 0.03, state_dir: state.path().to_owned() });
    let [timeout, deadline] = [60, 60].map(Duration::from_secs);
    let writer = WriterConfig { budget, timeout, deadline, ..upstream::writer_at(&upstream.uri) };
    let line = |name: &str| json!({"name": name, "sha256": Key::new(&key(name)).to_hex(), "rights": ["generate"]});
    let keys = Some(["greedy", "other", "third"].map(|name| format!("{}\n", line(name))).concat());
    let app = TestApp::spawn_with(Setup { keys, writer, ..Setup::default() }).await;
    ok(text_by(&app, "other").send().await.unwrap()).await;

    let mut under_way = Vec::new();
    let a_moment = (503, "busy".to_owned(), "5".to_owned());
    for name in ["greedy", "other"] {
        for _ in 0..2 {
            let n_calls = upstream.n_calls();
            under_way.push(tokio::spawn(text_by(&app, name).send()));
            app.until(async |_| upstream.n_calls() > n_calls).await;
        }
        assert_eq!(refusal(text_by(&app, name)).await, a_moment, "a third would hold more than half");
    }
    let last = tokio::spawn(text_by(&app, "third").send());
    app.until(async |_| upstream.n_calls() == 6).await;
    assert_eq!(refusal(text_by(&app, "third")).await, a_moment, "all is held, and hardly anything is spent");
    release.send(true).unwrap();
    under_way.push(last);
    for call in under_way {
        ok(call.await.unwrap().unwrap()).await;
    }
    for name in ["greedy", "third"] {
        ok(text_by(&app, name).send().await.unwrap()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn segments_of_one_upload_wait_for_each_other_s_share_of_the_budget() {
    let upstream = upstream::start(Box::new(|_| written("A text.").set_delay(Duration::from_millis(50)))).await;
    let state = tempfile::tempdir().unwrap();
    // Two calls of one key at a time.
    let budget = Some(BudgetConfig { usd_per_day: 0.03, state_dir: state.path().to_owned() });
    let writer = WriterConfig { budget, ..upstream::writer(&upstream) };
    let line = json!({"name": "portal", "sha256": Key::new(&key("portal")).to_hex(), "rights": ["upload"]});
    let setup = Setup { keys: Some(format!("{line}\n")), writer, writers_at_once: 8, ..Setup::default() };
    let app = TestApp::spawn_with(setup).await;
    let file = std::fs::read(crate::app::root("tests/fixtures/upload_2000.xlsx")).unwrap();
    let (content_type, body) = Form::new().file("a.xlsx", &file).finish();
    let upload = app.request(Method::POST, "/upload-excel").bearer_auth(key("portal"));
    let answer = ok(upload.header("content-type", content_type).body(body).send().await.unwrap()).await;
    let segments = list(&answer["segments"]);
    assert!(segments.len() > 2);
    for segment in segments {
        assert!(segment["content"]["error"].is_null(), "{}", segment["content"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_whose_client_left_hold_its_places_and_are_settled_by_what_they_cost() {
    /// What one client may have of the places for generations.
    const OF_ONE: usize = 256;
    let (release, released) = watch::channel(false);
    let upstream = Held::start(released).await;
    let state = tempfile::tempdir().unwrap();
    let budget = Some(BudgetConfig { usd_per_day: 100.0, state_dir: state.path().to_owned() });
    let [timeout, deadline] = [60, 60].map(Duration::from_secs);
    let app = served_by(WriterConfig { budget, timeout, deadline, ..upstream::writer_at(&upstream.uri) }).await;
    let text = || app.request(Method::POST, "/generate-post").json(&json!({"postType": "Text"})).send();
    ok(text().await.unwrap()).await;
    let left: Vec<_> = (0..OF_ONE).map(|_| tokio::spawn(text())).collect();
    app.until(async |_| upstream.n_calls() == 1 + OF_ONE).await;
    left.iter().for_each(tokio::task::JoinHandle::abort);
    for call in left {
        assert!(call.await.is_err_and(|error| error.is_cancelled()));
    }
    let refused = text().await.unwrap();
    assert_eq!((refused.status().as_u16(), upstream.n_calls()), (429, 1 + OF_ONE), "its calls are still under way");
    release.send(true).unwrap();
    // A call may cost about half a cent, and costs a two-hundredth of that.
    app.until(async |app| spent_usd(app).await < 0.008).await;
    ok(text().await.unwrap()).await;
}

async fn spent_usd(app: &TestApp) -> f64 {
    let metrics = app.get("/metrics").await.text().await.unwrap();
    let spent = metrics.lines().find_map(|line| line.strip_prefix("content_portal_budget_spent_usd "));
    spent.unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn long_requests_that_time_out_pause_nobody_while_others_are_answered() {
    let answer = |prompt: &str| {
        let is_slow = prompt.contains("Slow visits");
        if is_slow { written("late").set_delay(Duration::from_secs(600)) } else { written("A text.") }
    };
    let upstream = upstream::start(Box::new(answer)).await;
    let breaker = BreakerPolicy { max_faults: 2, ..BreakerPolicy::default() };
    let app = served_by(WriterConfig { breaker, ..upstream::writer(&upstream) }).await;
    let n_calls = async || upstream.received_requests().await.unwrap().len();
    let slow = json!({"objective": "Slow visits", "postType": "Text"});
    for is_answered_meanwhile in [true, false] {
        let before = n_calls().await;
        let slow = futures::future::join_all((0..3).map(|_| app.post("/generate-post", &slow)));
        let quick = async {
            app.until(async |_| n_calls().await == before + 3).await;
            if is_answered_meanwhile {
                ok(app.post("/generate-post", &json!({"postType": "Text"})).await).await;
            }
        };
        let (slow, ()) = tokio::join!(slow, quick);
        assert!(slow.iter().all(|response| response.status() == 504));
        let after = app.post("/generate-post", &json!({"postType": "Text"})).await.status();
        assert_eq!(after, if is_answered_meanwhile { 200 } else { 503 }, "a server that answers nobody is paused");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_whose_requests_hang_keeps_texts_paused_for_nobody_else() {
    let answer = |prompt: &str| {
        let is_slow = prompt.contains("Slow visits");
        if is_slow { written("late").set_delay(Duration::from_secs(600)) } else { written("A text.") }
    };
    let upstream = upstream::start(Box::new(answer)).await;
    let breaker = BreakerPolicy { max_faults: 1, cool_down: Duration::from_secs(1) };
    let app = served_by(WriterConfig { breaker, ..upstream::writer(&upstream) }).await;
    let ask = |from: &str, objective: &str| {
        let request = app.request(Method::POST, "/generate-post").header("x-forwarded-for", from);
        request.json(&json!({"objective": objective, "postType": "Text"})).send()
    };
    let (slow, other) = ("198.51.100.7", "198.51.100.8");
    let hang = async || ask(slow, "Slow visits").await.unwrap().status().as_u16();
    let is_paused = async |app: &TestApp| {
        let metrics = app.get("/metrics").await.text().await.unwrap();
        metrics.contains("upstream_paused{endpoint=\"texts\"} 1")
    };
    for _ in 0..2 {
        assert_eq!((hang().await, hang().await, is_paused(&app).await), (504, 503, true));
        ok(ask(other, "Visits").await.unwrap()).await;
        assert!(!is_paused(&app).await, "an answer ends its pause");
    }
    // Time-outs of two without an answer between them pause all.
    assert_eq!(hang().await, 504);
    assert_eq!(ask(other, "Slow visits").await.unwrap().status(), 504);
    assert_eq!(ask("198.51.100.9", "Visits").await.unwrap().status(), 503);
    app.until(async |app| !is_paused(app).await).await;
    // It probes first, and fails: it waits again, and the other does not.
    assert_eq!((hang().await, hang().await), (504, 503));
    ok(ask(other, "Visits").await.unwrap()).await;
    assert!(!is_paused(&app).await);
}

/// A store of leases that does not answer, and how often it was asked.
#[derive(Debug, Default)]
struct Away(AtomicUsize);

impl Lessor for Away {
    fn lease(&self, _: &Lease) -> std::io::Result<f64> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Err(std::io::ErrorKind::TimedOut.into())
    }

    fn give_again(&self, _: jiff::civil::Date, _: Option<&str>, _: f64) {}

    fn returnable_usd(&self, _: jiff::civil::Date, _: Option<&str>) -> f64 {
        0.0
    }

    fn give_back(&self, _: jiff::civil::Date, _: Option<&str>, _: f64) -> std::io::Result<()> {
        Err(std::io::ErrorKind::TimedOut.into())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_it_is_not_known_what_other_servers_have_left_of_the_budget_calls_are_told_to_try_again() {
    let upstream = upstream::start(Box::new(|_| written("A text."))).await;
    let (state, away) = (tempfile::tempdir().unwrap(), Arc::new(Away::default()));
    let budget = Some(BudgetConfig { usd_per_day: 5.0, state_dir: state.path().to_owned() });
    let lessor: Option<Arc<dyn Lessor>> = Some(away.clone());
    let app = served_by(WriterConfig { budget, lessor, ..upstream::writer(&upstream) }).await;
    for _ in 0..3 {
        let response = app.post("/generate-post", &json!({})).await;
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()["retry-after"], "5");
        assert_eq!(response.json::<Value>().await.unwrap()["code"], "budget_unknown");
    }
    assert_eq!(upstream.received_requests().await.unwrap().len(), 0);
    assert!((1..=3).contains(&away.0.load(Ordering::SeqCst)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_that_failed_is_written_by_sending_what_its_answer_says() {
    let is_down = Arc::new(AtomicBool::new(true));
    let now = is_down.clone();
    let upstream =
        upstream::start(Box::new(move |_| if now.load(Ordering::SeqCst) { down() } else { written("Later.") })).await;
    let app = served_by(upstream::writer(&upstream)).await;
    let mut rows = vec![HEADER.map(str::to_owned)];
    rows.push(CUSTOMER.map(str::to_owned));
    rows.push(["A2", "2023-11-03", "Atlantis", "Other", "Platinum"].map(str::to_owned));
    let inputs = [("objective", "Sell lamps"), ("funnelStage", "Decision"), ("platform", "Email"), ("tone", "Fun")];
    let form =
        inputs.into_iter().fold(Form::new().file("a.csv", &csv(&rows)), |form, (name, text)| form.text(name, text));
    let upload = ok(app.send(form).await).await;
    assert!(!list(&upload["segments"]).is_empty());

    is_down.store(false, Ordering::SeqCst);
    for segment in list(&upload["segments"]) {
        assert_eq!(segment["content"]["error"]["code"], "writer_unavailable");
        let how = &segment["content"]["regenerate"];
        assert_eq!(how["method"], "POST");
        let answer = app.generate(how["path"].as_str().unwrap(), &how["body"]).await;
        assert_eq!((&answer["cluster_id"], &answer["text"]), (&segment["cluster_id"], &json!("Later.")));
        assert_eq!(answer["persona"], segment["persona"]);
        for same in ["persona_summary", "distinguishing", "not_distinguishing", "as_everywhere"] {
            assert_eq!(answer[same], segment[same], "{same}");
        }
        assert_eq!(answer.get("notes"), None);
        let requests = upstream.received_requests().await.unwrap();
        let prompt = prompt_of(requests.last().unwrap());
        for told in ["<data>Sell lamps</data>", "an email", "bright, quick and upbeat", "about to act"] {
            assert!(prompt.contains(told), "{told} in {prompt}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_customers_outside_every_segment_are_written_again_by_what_they_have_in_common() {
    let app = TestApp::spawn().await;
    let upload = app.upload_file("tests/fixtures/upload_2000.xlsx").await;
    let outside = list(&upload["segments"]).iter().find(|segment| segment["cluster_id"] == -1);
    let persona = outside.map_or(json!({"Top_Locations": ["Bedok"]}), |segment| segment["persona"].clone());
    let answer = app.generate("/generate-post", &json!({"cluster_id": -1, "persona": persona})).await;
    assert_eq!((&answer["cluster_id"], &answer["audience"]), (&json!(-1), &json!("persona")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_that_does_not_exist_is_refused_with_those_that_do() {
    let app = TestApp::spawn().await;
    let known = app.upload_file("tests/fixtures/upload_2000.xlsx").await;
    for id in [json!(77), json!(-1), json!("99999999999")] {
        let response = app.post("/generate-post", &json!({"cluster_id": id})).await;
        assert_eq!(response.status(), 422);
        let problem: Value = response.json().await.unwrap();
        let allowed = list(&problem["details"][0]["allowed"]);
        for segment in list(&known["segments"]).iter().filter(|segment| segment["cluster_id"] != -1) {
            assert!(allowed.contains(&json!(segment["cluster_id"].to_string())), "{problem}");
        }
    }
}

/// Faults of an upstream, each where it is and the codes that what it leaves unwritten may have.
async fn faulty_upstreams() -> [(&'static str, String, &'static [&'static str]); 8] {
    let tells = async |answer: ResponseTemplate| {
        let server = upstream::start(Box::new(move |_| answer.clone())).await;
        let uri = server.uri();
        // It ends with the process.
        std::mem::forget(server);
        uri
    };
    let garbage = ResponseTemplate::new(200).set_body_string("<html>garbage");
    let empty = ResponseTemplate::new(200).set_body_json(json!({"choices": []}));
    let long_wait = ResponseTemplate::new(429).insert_header("retry-after", "86400");
    [
        ("refused", "http://127.0.0.1:1".to_owned(), &["writer_unavailable"]),
        ("a black hole", tells(written("late").set_delay(Duration::from_secs(600))).await, &["writer_timed_out"]),
        ("a byte a second", upstream::dripping().await, &["writer_timed_out"]),
        ("asks to wait a day", tells(long_wait).await, &["writer_rate_limited"]),
        ("500", tells(down()).await, &["writer_unavailable"]),
        // Before or after its head.
        ("cut off", upstream::cutting_off().await, &["writer_bad_answer", "writer_unavailable"]),
        ("garbage", tells(garbage).await, &["writer_bad_answer"]),
        ("no choices", tells(empty).await, &["writer_bad_answer"]),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_the_upstream_leaves_an_upload_its_segments_and_a_way_to_have_them_written() {
    let file = std::fs::read(crate::app::root("tests/fixtures/upload_2000.xlsx")).unwrap();
    let tiny = Duration::from_millis(1);
    for (fault, uri, codes) in faulty_upstreams().await {
        let retry = RetryPolicy { max_tries: 3, base: tiny };
        let [timeout, deadline] = [300, 700].map(Duration::from_millis);
        let app = served_by(WriterConfig { retry, timeout, deadline, ..upstream::writer_at(&uri) }).await;
        let form = || Form::new().file("a.xlsx", &file);
        let plain = ok(app.send(form()).await).await;
        let heard = events(crate::live::upload_live(&app, form()).await).await;
        let [done] = named(&heard, "done")[..] else { panic!("{fault}: no whole answer") };
        for answer in [&plain, done] {
            let segments = list(&answer["segments"]);
            assert!(segments.len() > 1, "{fault}");
            for segment in segments {
                let content = &segment["content"];
                let found = content["error"]["code"].as_str().unwrap();
                // After five faults in a row it is left alone.
                assert!(codes.contains(&found) || found == "writer_paused", "{fault}: {content}");
                assert_eq!(content["regenerate"]["path"], "/generate-post", "{fault}");
            }
        }
        assert_eq!(named(&heard, "segment").len(), list(&done["segments"]).len(), "{fault}");
        assert_eq!(app.kept().len(), 1, "{fault}: what was accepted is kept");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_the_upstream_ends_a_generation_s_stream_with_its_problem() {
    let tiny = Duration::from_millis(1);
    for (fault, uri, codes) in faulty_upstreams().await {
        let retry = RetryPolicy { max_tries: 3, base: tiny };
        let [timeout, deadline] = [300, 700].map(Duration::from_millis);
        let app = served_by(WriterConfig { retry, timeout, deadline, ..upstream::writer_at(&uri) }).await;
        let heard = events(crate::live::generate_live(&app, &json!({})).await).await;
        assert_eq!(heard.last().unwrap().name, "error", "{fault}");
        let found = named(&heard, "error")[0]["code"].as_str().unwrap();
        assert!(codes.contains(&found), "{fault}: {found}");
    }
}
