//! An upstream that keeps failing, models that stand in for another, and a day's budget.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use wiremock::matchers::body_partial_json;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::super::super::{
    BreakerPolicy, BudgetConfig, WriteErrorKind, WriteStep, Writer, WriterConfig, WriterConfigError, sample,
};
use super::{
    answer_in_turn, brief, completion, config, content, failure, n_calls, priced, server_with, spent_usd, until,
};

/// The models that were asked, in order.
async fn asked(server: &MockServer) -> Vec<String> {
    let requests = server.received_requests().await.unwrap();
    let model = |body: Value| body["model"].as_str().unwrap().to_owned();
    requests.iter().map(|request| model(request.body_json().unwrap())).collect()
}

/// A server that answers calls for model `a` so, and writes for every other one, which names itself.
async fn server_of_a(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(body_partial_json(json!({"model": "a"}))).respond_with(answer).mount(&server).await;
    for model in ["b", "c"] {
        let text = json!({"variants": ["One."], "image_prompt": "p", "slogan": "s"});
        let mut answer = completion(&text.to_string());
        answer["model"] = json!(format!("{model}-2026"));
        let mock = Mock::given(body_partial_json(json!({"model": model})));
        mock.respond_with(ResponseTemplate::new(200).set_body_json(answer)).mount(&server).await;
    }
    server
}

fn with_models(server: &MockServer, fallbacks: &[&str]) -> WriterConfig {
    let fallback_models = fallbacks.iter().map(|&name| name.to_owned()).collect();
    WriterConfig { model: "a".to_owned(), fallback_models, ..config(server) }
}

#[tokio::test]
async fn an_upstream_that_keeps_failing_is_left_alone_and_told_at_once() {
    for fault in [ResponseTemplate::new(500), ResponseTemplate::new(200).set_body_string("<html>Oops</html>")] {
        let server = server_with(vec![fault]).await;
        let writer = Writer::new(&config(&server)).unwrap();
        let brief = brief(1);
        for n_sent in [3, 5] {
            assert!(writer.request(&brief).write().await.is_err());
            assert_eq!(n_calls(&server).await, n_sent, "the fifth fault in a row ends the tries");
        }
        let error = writer.request(&brief).write().await.unwrap_err();
        let WriteErrorKind::Paused { retry_after } = error.kind else { panic!("{error:?}") };
        assert!(retry_after > Duration::ZERO && retry_after <= BreakerPolicy::default().cool_down);
        assert_eq!((n_calls(&server).await, error.waited, writer.is_paused()), (5, Duration::ZERO, (true, false)));
    }
}

#[tokio::test]
async fn refusals_and_rate_limits_are_no_faults_of_the_upstream() {
    for answer in [ResponseTemplate::new(429), failure(401, "x", "no"), failure(400, "x", "too long")] {
        let server = server_with(vec![answer]).await;
        let breaker = BreakerPolicy { max_faults: 1, ..BreakerPolicy::default() };
        let writer = Writer::new(&WriterConfig { breaker, ..config(&server) }).unwrap();
        writer.request(&brief(1)).write().await.unwrap_err();
        assert_eq!(writer.is_paused(), (false, false));
    }
}

#[tokio::test]
async fn what_a_model_makes_of_one_prompt_is_no_fault_of_the_upstream() {
    let failed = failure(400, "json_validate_failed", "Failed to generate JSON.");
    let server = server_with(vec![failed, content(&["One."])]).await;
    let breaker = BreakerPolicy { max_faults: 1, ..BreakerPolicy::default() };
    let writer = Writer::new(&WriterConfig { breaker, ..config(&server) }).unwrap();
    writer.request(&brief(1)).write().await.unwrap();
    assert_eq!(writer.is_paused(), (false, false));
}

#[tokio::test]
async fn a_fault_counts_also_where_the_client_has_left() {
    let server = server_with(vec![ResponseTemplate::new(503).set_delay(Duration::from_millis(200))]).await;
    let dir = tempfile::tempdir().unwrap();
    let breaker = BreakerPolicy { max_faults: 1, ..BreakerPolicy::default() };
    let writer = Writer::new(&WriterConfig { breaker, ..on_a_budget(&server, dir.path()) }).unwrap();
    let brief = brief(1);
    let request = writer.request(&brief);
    tokio::select! {
        _ = request.write() => panic!("the client leaves before the answer"),
        () = until(&server, |n_calls| n_calls == 1) => {}
    }
    let paused = until(&server, |_| writer.is_paused().0);
    tokio::time::timeout(Duration::from_secs(60), paused).await.expect("the fault is counted");
}

#[tokio::test]
async fn pictures_that_keep_failing_leave_texts_alone() {
    let server = server_with(vec![content(&["One."])]).await;
    answer_in_turn(&server, "/v1/images/generations", vec![ResponseTemplate::new(503)]).await;
    let writer = Writer::new(&config(&server)).unwrap();
    let brief = sample::brief(|input| input.output = Some("Both".into()));
    for is_paused in [false, true] {
        let request = writer.request(&brief);
        let content = request.write().await.unwrap();
        assert_eq!(request.draw(&content).await.unwrap_err().kind, WriteErrorKind::Upstream);
        assert_eq!(writer.is_paused(), (false, is_paused));
    }
    let request = writer.request(&brief);
    let content = request.write().await.unwrap();
    let sent = n_calls(&server).await;
    assert!(matches!(request.draw(&content).await.unwrap_err().kind, WriteErrorKind::Paused { .. }));
    assert_eq!(n_calls(&server).await, sent);
}

#[tokio::test]
async fn another_model_writes_where_the_first_one_fails_by_itself() {
    for (fault, expected) in [
        (failure(404, "model_not_found", "no such model"), vec!["a", "b"]),
        (failure(403, "model_not_found", "no access"), vec!["a", "b"]),
        (ResponseTemplate::new(503), vec!["a", "a", "b"]),
        (ResponseTemplate::new(429), vec!["a", "a", "b"]),
        (ResponseTemplate::new(429).insert_header("retry-after", "86400"), vec!["a", "b"]),
        (ResponseTemplate::new(503).insert_header("retry-after", "86400"), vec!["a", "b"]),
        (ResponseTemplate::new(200).set_body_json(json!({"choices": []})), vec!["a", "a", "b"]),
    ] {
        let server = server_of_a(fault).await;
        let writer = Writer::new(&with_models(&server, &["b"])).unwrap();
        let written = writer.request(&brief(1)).write().await.unwrap();
        assert_eq!(
            (written.model.as_str(), asked(&server).await),
            ("b-2026", expected.into_iter().map(str::to_owned).collect())
        );
    }
}

#[tokio::test]
async fn a_model_that_is_late_is_not_waited_for_twice_where_there_is_another() {
    let server = server_of_a(ResponseTemplate::new(200).set_delay(Duration::from_secs(600))).await;
    let timeout = Duration::from_secs(1);
    let writer = Writer::new(&WriterConfig { timeout, ..with_models(&server, &["b"]) }).unwrap();
    assert_eq!(writer.request(&brief(1)).write().await.unwrap().model, "b-2026");
    assert_eq!(asked(&server).await, ["a", "b"]);
}

#[tokio::test]
async fn no_other_model_is_asked_where_key_account_or_request_are_refused() {
    for fault in [
        failure(401, "invalid_api_key", "no"),
        failure(402, "x", "no"),
        failure(400, "invalid", "too long"),
        failure(400, "content_filter", "no"),
    ] {
        let server = server_of_a(fault).await;
        let writer = Writer::new(&with_models(&server, &["b"])).unwrap();
        writer.request(&brief(1)).write().await.unwrap_err();
        assert_eq!(asked(&server).await, ["a"]);
    }
}

#[tokio::test]
async fn all_models_together_get_three_tries_and_a_paused_one_none() {
    let server = server_of_a(ResponseTemplate::new(500)).await;
    let breaker = BreakerPolicy { max_faults: 1, ..BreakerPolicy::default() };
    let like = with_models(&server, &["x", "b", "c"]);
    Mock::given(body_partial_json(json!({"model": "x"}))).respond_with(ResponseTemplate::new(500)).mount(&server).await;
    let writer = Writer::new(&WriterConfig { breaker, ..like }).unwrap();
    for _ in 0..2 {
        assert_eq!(writer.request(&brief(1)).write().await.unwrap().model, "b-2026");
    }
    assert_eq!(asked(&server).await, ["a", "x", "b", "b"]);
}

/// A writer at 10 and 100 USD for a million tokens and 0.5 USD for a picture, with a dollar a day.
fn on_a_budget(server: &MockServer, dir: &Path) -> WriterConfig {
    let table = json!({"text": {"gpt-mock": {"prompt": 10, "completion": 100}}, "images": {"gpt-image-1": 0.5}});
    WriterConfig { model: "gpt-mock".to_owned(), ..priced(server, dir, &table, 1.0) }
}

#[tokio::test]
async fn a_text_costs_the_budget_what_it_used_and_the_call_says_how_much_it_may_use() {
    let (server, dir) = (server_with(vec![content(&["One."])]).await, tempfile::tempdir().unwrap());
    for n in [1.0, 2.0] {
        // A new writer each time: what was spent survives it.
        let writer = Writer::new(&on_a_budget(&server, dir.path())).unwrap();
        writer.request(&brief(1)).write().await.unwrap();
        assert!((spent_usd(dir.path()) - n * 0.003).abs() < 1e-9, "{}", spent_usd(dir.path()));
    }
    let body: Value = server.received_requests().await.unwrap()[0].body_json().unwrap();
    assert_eq!(body["max_completion_tokens"], 8_192);
}

#[tokio::test]
async fn a_failure_costs_nothing_and_an_answer_that_counts_nothing_costs_the_worst() {
    let uncounted = || {
        let mut answer = completion(r#"{"variants": ["One."], "image_prompt": "p", "slogan": "s"}"#);
        answer["usage"] = Value::Null;
        ResponseTemplate::new(200).set_body_json(answer)
    };
    let server = server_with(vec![ResponseTemplate::new(500), ResponseTemplate::new(429), uncounted()]).await;
    let dir = tempfile::tempdir().unwrap();
    let writer = Writer::new(&on_a_budget(&server, dir.path())).unwrap();
    writer.request(&brief(1)).write().await.unwrap();
    assert!(spent_usd(dir.path()) > 0.8, "{}", spent_usd(dir.path()));

    let error = writer.request(&brief(1)).write().await.unwrap_err();
    let WriteErrorKind::BudgetSpent { until_reset } = error.kind else { panic!("{error:?}") };
    assert!(until_reset > Duration::ZERO && until_reset <= Duration::from_secs(86_400));
    assert_eq!(n_calls(&server).await, 3, "nothing is sent past the budget");
}

#[tokio::test]
async fn no_more_pictures_are_asked_for_than_the_budget_covers() {
    let server = server_with(vec![content(&["One.", "Two.", "Three."])]).await;
    let picture = ResponseTemplate::new(200).set_body_json(json!({"data": [{"url": "http://127.0.0.1:1/a.png"}]}));
    answer_in_turn(&server, "/v1/images/generations", vec![picture]).await;
    let dir = tempfile::tempdir().unwrap();
    // Of three variants, the text may cost 1.3 dollars at the most.
    let budget = Some(BudgetConfig { usd_per_day: 1.4, state_dir: dir.path().join("state") });
    let writer = Writer::new(&WriterConfig { budget, ..on_a_budget(&server, dir.path()) }).unwrap();
    let brief = sample::brief(|input| {
        input.output = Some("Both".into());
        input.n_variants = Some(3);
    });
    let request = writer.request(&brief);
    let content = request.write().await.unwrap();
    assert!(matches!(request.draw(&content).await.unwrap_err().step, WriteStep::Draw));
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests.iter().filter(|request| request.url.path().ends_with("/generations")).count(), 2);
    assert!((spent_usd(dir.path()) - 1.003).abs() < 1e-9, "{}", spent_usd(dir.path()));
}

#[tokio::test]
async fn a_budget_needs_the_price_of_every_model() {
    let (server, dir) = (MockServer::start().await, tempfile::tempdir().unwrap());
    let config = || on_a_budget(&server, dir.path());
    for (unpriced, config) in [
        ("llama", WriterConfig { model: "llama".into(), ..config() }),
        ("qwen", WriterConfig { fallback_models: vec!["qwen".into()], ..config() }),
        ("flux", WriterConfig { image_model: "flux".into(), ..config() }),
    ] {
        let error = Writer::new(&config).unwrap_err();
        assert!(matches!(&error, WriterConfigError::NoPrice { model } if model == unpriced), "{error}");
    }
}
