//! Who may call: keys with names, rights, budgets and rates, and what the audit log says of it.

use content_portal::content::WriterConfig;
use content_portal::http::Key;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use wiremock::MockServer;

use crate::app::{ADMIN_KEY, Setup, TestApp, ok};
use crate::problems;
use crate::trained::SAMPLE_MODEL;
use crate::upstream::{self, written};

/// The line of a key with this name, which is also the key's beginning.
fn line(name: &str, rights: &[&str], more: &Value) -> String {
    let mut line = json!({"name": name, "sha256": Key::new(&key(name)).to_hex(), "rights": rights});
    line.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    format!("{line}\n")
}

fn key(name: &str) -> String {
    format!("{name}-of-sixteen-letters")
}

async fn code(request: RequestBuilder) -> (u16, String) {
    problems::code(request.send().await.unwrap()).await
}

async fn problem(response: Response) -> Value {
    response.json().await.unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_right_opens_its_own_routes_and_no_other() {
    let rights = ["read", "upload", "generate", "train", "admin"];
    let keys: String = rights.iter().map(|right| line(right, &[right], &json!({}))).collect();
    let app = TestApp::spawn_with(Setup { keys: Some(keys), admin_key: None, ..Setup::default() }).await;
    let activate = format!("/models/{}/activate", SAMPLE_MODEL.id);
    let report = format!("/models/{}/report", SAMPLE_MODEL.id);
    for (needed, method, path) in [
        ("read", Method::GET, "/segments"),
        ("read", Method::GET, "/map"),
        ("read", Method::GET, "/status"),
        ("read", Method::GET, "/metrics"),
        ("read", Method::POST, "/api/proxy-download"),
        ("upload", Method::POST, "/upload-excel"),
        ("upload", Method::POST, "/segments/export"),
        ("generate", Method::POST, "/generate-post"),
        ("generate", Method::POST, "/generate-promo"),
        ("generate", Method::POST, "/generate-editor-post"),
        ("train", Method::GET, "/models"),
        ("train", Method::GET, report.as_str()),
        ("train", Method::GET, "/retrain"),
        ("train", Method::GET, "/retrain/none"),
        ("admin", Method::GET, "/uploads"),
        ("admin", Method::PUT, "/segments/0/extras"),
        ("admin", Method::POST, activate.as_str()),
    ] {
        for right in rights {
            let request = app.request(method.clone(), path).bearer_auth(key(right)).send().await.unwrap();
            let refused = request.status() == StatusCode::FORBIDDEN && problem(request).await["code"] == "no_right";
            assert_eq!(refused, right != needed && right != "admin", "{method} {path} by {right}");
        }
        let nobody = app.request(method, path).send().await.unwrap();
        assert_eq!(nobody.status(), 401, "{path}");
    }
    let unknown = app.request(Method::GET, "/no-such-route").bearer_auth(key("generate"));
    assert_eq!(code(unknown).await, (404, "no_such_route".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_come_and_go_with_their_file_while_the_server_runs() {
    let keys = line("portal", &["generate"], &json!({}));
    let app = TestApp::spawn_with(Setup { keys: Some(keys.clone()), ..Setup::default() }).await;
    let status = async |name: &str| {
        app.request(Method::POST, "/generate-post")
            .bearer_auth(key(name))
            .json(&json!({}))
            .send()
            .await
            .unwrap()
            .status()
    };
    let reload = |lines: &str| {
        std::fs::write(app.keys_file(), lines).unwrap();
        app.key_ring.reload().map(|reloaded| reloaded.n_keys).map_err(|error| error.to_string())
    };
    assert_eq!([status("portal").await, status("crm").await], [200, 401]);
    assert_eq!(
        reload(&(keys.clone() + &line("crm", &["generate"], &json!({})))),
        Ok(3),
        "the administrators' among them"
    );
    assert_eq!([status("portal").await, status("crm").await], [200, 200]);
    assert!(reload("nonsense").unwrap_err().contains("line 1"));
    assert_eq!([status("portal").await, status("crm").await], [200, 200], "the keys before stay");
    let with_budget = line("portal", &["generate"], &json!({"budget_usd_per_day": 1.0}));
    assert_eq!(reload(&with_budget), Ok(2), "what costs nothing has any budget");
    assert_eq!([status("portal").await, status("crm").await], [200, 401]);
    assert_eq!(reload(""), Ok(1));
    assert_eq!([status("portal").await, status("crm").await], [401, 401], "without a key in it nobody may call");
    let admin = app.request(Method::GET, "/models").bearer_auth(ADMIN_KEY).send().await.unwrap();
    assert_eq!(admin.status(), 200);
}

/// A server whose writer asks a model server, with these keys, and the folder of what is spent.
async fn with_model_server(keys: String, model: &str) -> (TestApp, MockServer, TempDir) {
    let (upstream, state) = (upstream::start(Box::new(|_| written("A text."))).await, tempfile::tempdir().unwrap());
    let state_dir = state.path().to_owned();
    let writer = WriterConfig { state_dir, model: model.to_owned(), ..upstream::writer(&upstream) };
    let app = TestApp::spawn_with(Setup { keys: Some(keys), writer, ..Setup::default() }).await;
    (app, upstream, state)
}

fn text_by(app: &TestApp, name: &str) -> RequestBuilder {
    app.request(Method::POST, "/generate-post").bearer_auth(key(name)).json(&json!({"postType": "Text"}))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_budget_of_a_key_counts_from_the_reload_on() {
    let lines = |budget: &Value| line("portal", &["generate"], budget) + &line("crm", &["generate"], &json!({}));
    let (app, upstream, state) = with_model_server(lines(&json!({})), WriterConfig::DEFAULT_MODEL).await;
    ok(text_by(&app, "portal").send().await.unwrap()).await;
    assert!(!state.path().join("budget.json").exists(), "without a budget nothing is kept");
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let ledger = json!({"days": {today.to_string(): {"spent_usd": 1.0, "keys": {"portal": 1.0}}}});
    std::fs::write(state.path().join("budget.json"), ledger.to_string()).unwrap();
    std::fs::write(app.keys_file(), lines(&json!({"budget_usd_per_day": 1.0}))).unwrap();
    assert!(app.key_ring.reload().unwrap().refused.is_none());
    assert_eq!(code(text_by(&app, "portal")).await, (503, "budget_spent".to_owned()));
    ok(text_by(&app, "crm").send().await.unwrap()).await;
    assert_eq!(upstream.received_requests().await.unwrap().len(), 2);
    assert!(std::fs::read_to_string(state.path().join("budget.json")).unwrap().contains("crm"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_below_the_price_of_a_call_is_refused_and_a_call_beyond_it_says_so() {
    let lines = |budget: Value| line("portal", &["generate"], &json!({"budget_usd_per_day": budget}));
    let (app, upstream, _state) = with_model_server(lines(json!(null)), WriterConfig::DEFAULT_MODEL).await;
    std::fs::write(app.keys_file(), lines(json!(0.003))).unwrap();
    let refused = app.key_ring.reload().unwrap_err().to_string();
    assert!(refused.contains("the key portal could never make a call: its budget of 0.003 USD a day"), "{refused}");
    ok(text_by(&app, "portal").send().await.unwrap()).await;

    // Enough for one variant, and not for three.
    std::fs::write(app.keys_file(), lines(json!(0.007))).unwrap();
    app.key_ring.reload().unwrap();
    ok(text_by(&app, "portal").send().await.unwrap()).await;
    let many = json!({"postType": "Text", "num_variants": 3});
    let many = app.request(Method::POST, "/generate-post").bearer_auth(key("portal")).json(&many).send().await.unwrap();
    assert_eq!((many.status().as_u16(), many.headers().get("retry-after")), (503, None), "no wait helps");
    let many: Value = many.json().await.unwrap();
    assert_eq!(many["code"], "budget_too_small");
    let said = many["error"].as_str().unwrap();
    let says = "This key's budget of 0.007 USD a day is less than one call may cost (0.0";
    assert!(said.starts_with(says) && said.ends_with("USD); tell the operator."), "{said}");
    assert_eq!(upstream.received_requests().await.unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_key_can_have_a_budget_everything_else_of_the_file_is_taken_over() {
    let budget = json!({"budget_usd_per_day": 1.0});
    let keys = ["portal", "gone", "less"].map(|name| line(name, &["generate"], &json!({}))).concat();
    let (app, _upstream, _state) = with_model_server(keys, "a-model-without-a-price").await;
    let lines = [
        line("portal", &["generate"], &budget),
        line("less", &["read"], &json!({})),
        line("new", &["generate"], &json!({})),
        line("spends", &["generate"], &budget),
    ];
    std::fs::write(app.keys_file(), lines.concat()).unwrap();
    let reloaded = app.key_ring.reload().unwrap();
    let refused = reloaded.refused.unwrap();
    assert_eq!(
        (reloaded.n_keys, refused.without, refused.left_out),
        (4, vec!["portal".to_owned()], vec!["spends".to_owned()])
    );
    let mut codes = Vec::new();
    for name in ["portal", "gone", "less", "new", "spends"] {
        codes.push(text_by(&app, name).send().await.unwrap().status().as_u16());
    }
    assert_eq!(codes, [200, 401, 403, 200, 401]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_has_an_end_and_a_rate_of_its_own() {
    let keys = line("old", &["generate"], &json!({"expires": "2020-01-01"}))
        + &line("slow", &["generate"], &json!({"requests_per_minute": 2, "expires": "2999-12-31"}));
    let app =
        TestApp::spawn_with(Setup { keys: Some(keys), requests_per_minute: Some(1_000), ..Setup::default() }).await;
    let ask = |name: &str| app.request(Method::POST, "/generate-post").bearer_auth(key(name)).json(&json!({}));
    assert_eq!(code(ask("old")).await, (401, "key_expired".to_owned()));
    for _ in 0..2 {
        ok(ask("slow").send().await.unwrap()).await;
    }
    assert_eq!(code(ask("slow")).await, (429, "too_often".to_owned()));
    // A reload gives nobody a second minute.
    app.key_ring.reload().unwrap();
    assert_eq!(code(ask("slow")).await, (429, "too_often".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_sends_many_wrong_keys_is_slowed_and_good_keys_beside_it_are_not() {
    let keys = line("portal", &["generate"], &json!({}));
    let app = TestApp::spawn_with(Setup { keys: Some(keys), ..Setup::default() }).await;
    let ask = |key: &str, from: &str| {
        let request = app.request(Method::POST, "/generate-post").bearer_auth(key).header("x-forwarded-for", from);
        request.json(&json!({}))
    };
    for n in 0..20 {
        assert_eq!(code(ask(&format!("a-guess-{n}"), "198.51.100.7")).await, (401, "no_key".to_owned()));
    }
    let slowed = ask("a-guess", "198.51.100.7").send().await.unwrap();
    let wait: u64 = slowed.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(problem(slowed).await["code"], "too_many_wrong_keys");
    assert_eq!(code(ask("a-guess", "198.51.100.8")).await.0, 401, "another address");
    ok(ask(&key("portal"), "198.51.100.7").send().await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_log_says_who_asked_for_what_from_where_and_with_which_version() {
    let keys =
        line("portal", &["generate"], &json!({})) + &line("old", &["generate"], &json!({"expires": "2020-01-01"}));
    let app = TestApp::spawn_with(Setup { keys: Some(keys), ..Setup::default() }).await;
    let ask = async |path: &str, sent: Option<String>, id: &str, accept: &str| {
        let request =
            app.request(Method::POST, path).json(&json!({})).header("x-request-id", id).header("accept", accept);
        let request = request.header("x-forwarded-for", "203.0.113.77");
        let request = if let Some(sent) = sent { request.bearer_auth(sent) } else { request };
        request.send().await.unwrap().text().await.unwrap();
        app.audited(id).await
    };
    for (id, accept) in [("good-1", "application/json"), ("good-2", "text/event-stream")] {
        let noted = ask("/generate-post", Some(key("portal")), id, accept).await;
        let expected = json!({
            "time": noted["time"], "request_id": id, "key": "portal", "key_state": "good", "address": "203.0.113.0",
            "method": "POST", "route": "/generate-post", "status": 200, "model_version": SAMPLE_MODEL.id.as_str(),
            "took_ms": noted["took_ms"],
        });
        assert_eq!(noted, expected);
    }
    for (sent, id, key_name, state) in [
        (None, "none-1", Value::Null, "none"),
        (Some("a-guess-that-is-wrong".to_owned()), "wrong-1", Value::Null, "wrong"),
        (Some(key("old")), "old-1", json!("old"), "expired"),
    ] {
        let noted = ask("/generate-post", sent, id, "application/json").await;
        assert_eq!((&noted["status"], &noted["key"], &noted["key_state"]), (&json!(401), &key_name, &json!(state)));
        assert!(!noted.to_string().contains("guess"), "{noted}");
    }
    let noted = ask("/models/20260101T000000Z-00000000/activate", Some(key("portal")), "path-1", "*/*").await;
    assert_eq!((&noted["status"], &noted["route"]), (&json!(403), &json!("/models/{version}/activate")));
    assert_eq!(noted["path"], "/models/20260101T000000Z-00000000/activate");
    // Of what is open to everybody nothing is noted that has no key, and never the path.
    for (id, sent) in [("open-1", None), ("open-2", Some(key("portal")))] {
        let request = app.request(Method::GET, "/images/a-slogan.jpg").header("x-request-id", id);
        let request = if let Some(sent) = sent { request.bearer_auth(sent) } else { request };
        assert_eq!(request.send().await.unwrap().status(), 404);
    }
    let noted = app.audited("open-2").await;
    assert!(noted["route"].as_str().unwrap().starts_with("/images/") && noted.get("path").is_none(), "{noted}");
    assert!(!app.is_audited("open-1"), "lines are written in their order");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_without_a_key_fills_the_audit_log() {
    let app =
        TestApp::spawn_with(Setup { keys: Some(line("portal", &["read"], &json!({}))), ..Setup::default() }).await;
    let ask = async |from: &str, id: &str, sent: &str| {
        let request = app.request(Method::GET, "/segments").header("x-request-id", id).header("x-forwarded-for", from);
        request.bearer_auth(sent).send().await.unwrap().status().as_u16()
    };
    for n in 0..200 {
        // A subscriber with many networks is one.
        let from = format!("2001:db8:1:{n:x}::1");
        assert_eq!(ask(&from, &format!("flood-{n}-"), "a-guess-that-is-wrong").await, 401);
    }
    assert_eq!(ask("2001:db8:1::1", "good-1", &key("portal")).await, 200);
    assert_eq!(ask("2001:db8:2::1", "other-1", "a-guess-that-is-wrong").await, 401);
    app.audited("good-1").await;
    app.audited("other-1").await;
    let noted = (0..200).filter(|n| app.is_audited(&format!("flood-{n}-"))).count();
    assert_eq!(noted, 30);
    let lines = app.audited_until_the_end().await;
    let counted: Vec<_> = lines.iter().filter(|line| line.get("n_not_noted").is_some()).collect();
    assert_eq!(counted.len(), 1, "{counted:?}");
    let expected = json!({
        "time": counted[0]["time"], "since": counted[0]["since"], "key": null, "address": "2001:db8:1::",
        "n_not_noted": 170,
    });
    assert_eq!(*counted[0], expected);
}
