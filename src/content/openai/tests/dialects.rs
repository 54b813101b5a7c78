//! Servers that refuse what OpenAI's own API takes: they are asked in another way, and from then on in that way at
//! once.

use serde_json::{Value, json};
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::super::super::{BudgetConfig, Requester, WriteErrorKind, Writer, WriterConfig, sample};
use super::{CHAT, bodies, brief, completion, config, content, failure, n_calls, server_with, spent_usd, write};

/// What a server refuses.
type Refused = fn(&Value) -> bool;

/// A server that answers each call by its body.
async fn server_by(answer: impl Fn(&Value) -> ResponseTemplate + Send + Sync + 'static) -> MockServer {
    let server = MockServer::start().await;
    let respond = move |request: &Request| answer(&request.body_json().unwrap());
    Mock::given(path(CHAT)).respond_with(respond).mount(&server).await;
    server
}

/// A server that refuses bodies of which `is_refused` holds.
async fn refusing(is_refused: Refused, status: u16, body: Value) -> MockServer {
    server_by(
        move |request| {
            if is_refused(request) { ResponseTemplate::new(status).set_body_json(&body) } else { content(&["One."]) }
        },
    )
    .await
}

fn has_format(body: &Value) -> bool {
    body.get("response_format").is_some()
}

fn schema(body: &Value) -> &Value {
    &body["response_format"]["json_schema"]["schema"]
}

fn says(text: &str) -> Value {
    json!({ "error": { "message": text } })
}

#[tokio::test]
async fn what_a_server_refuses_is_said_in_another_way_and_not_sent_again() {
    let cases: [(Refused, u16, Value, usize); 8] = [
        (
            has_format,
            400,
            json!([{"error": {"code": 400, "status": "INVALID_ARGUMENT", "message":
            "Invalid JSON payload received. Unknown name \"minItems\" at 'generation_config.response_schema'"}}]),
            4,
        ),
        (
            has_format,
            400,
            json!([{"error": {"code": 400, "message":
            "* GenerateContentRequest.generation_config.response_schema.additionalProperties: unknown field"}}]),
            4,
        ),
        (has_format, 422, json!({"detail": "no support for response_format"}), 3),
        (
            |body| body["response_format"]["type"] == "json_schema",
            400,
            says("This response_format type is unavailable now"),
            2,
        ),
        (
            |body| schema(body)["properties"]["variants"].get("minItems").is_some(),
            400,
            says("'minItems' is not permitted"),
            2,
        ),
        (has_format, 400, json!({"error": {"message": "Failed to generate JSON.", "code": "json_validate_failed"}}), 2),
        (
            |body| body["messages"][0]["role"] == "system",
            400,
            json!({"message": "System role not supported", "code": 400}),
            2,
        ),
        (
            |body| body.get("stream").is_some(),
            422,
            says("unknown field `stream`, expected one of `model`, `messages`"),
            2,
        ),
    ];
    for (is_refused, status, body, n_first) in cases {
        let server = refusing(is_refused, status, body.clone()).await;
        let writer = Writer::new(&config(&server)).unwrap();
        for n in [n_first, n_first + 1] {
            let written = writer.request(&brief(1)).write().await.unwrap();
            assert_eq!((written.variants, n_calls(&server).await), (vec!["One.".to_owned()], n), "{body}");
            let last = bodies(&server).await.pop().unwrap();
            let is_schema = last["response_format"]["type"] == "json_schema";
            assert_eq!(written.flags.is_unstructured, !is_schema, "{body}");
        }
    }
}

#[tokio::test]
async fn a_server_s_own_fault_teaches_nothing_to_other_clients() {
    // The last two are over as quickly as they came.
    for (status, text, is_said_in_another_way) in [
        (500, "Failed to parse grammar", true),
        (503, "The system is overloaded, please send your prompt again later.", false),
        (504, "stream timeout", false),
    ] {
        let server = server_with(vec![failure(status, "x", text), content(&["One."])]).await;
        let writer = Writer::new(&config(&server)).unwrap();
        for client in [1, 2, 1] {
            let requester = Requester { client, ..Requester::default() };
            writer.request(&brief(1)).on_behalf_of(requester).write().await.unwrap();
        }
        let [first, second, other, third] = bodies(&server).await.try_into().unwrap();
        assert_eq!((first != second, first == other, second == third), (is_said_in_another_way, true, true), "{text}");
    }
}

#[tokio::test]
async fn a_field_that_a_server_answers_with_a_500_pauses_nobody() {
    let server = refusing(has_format, 500, says("Failed to parse grammar")).await;
    let writer = Writer::new(&config(&server)).unwrap();
    let brief = brief(1);
    // More at once than faults in a row pause a client.
    let requests: Vec<_> = (0..8).map(|_| writer.request(&brief)).collect();
    let written = futures::future::join_all(requests.iter().map(|request| request.write())).await;
    assert!(written.iter().all(Result::is_ok), "{written:?}");
    let n_calls_before = n_calls(&server).await;
    writer.request(&brief).write().await.unwrap();
    assert_eq!((n_calls(&server).await, writer.is_paused()), (n_calls_before + 1, (false, false)));
}

#[tokio::test]
async fn a_system_message_that_is_folded_loses_nothing() {
    let is_refused = |body: &Value| body["messages"][0]["role"] == "system";
    let server = refusing(is_refused, 400, says("System role not supported")).await;
    write(&server, &brief(1)).await.unwrap();
    let [first, second] = bodies(&server).await.try_into().unwrap();
    let text = |body: &Value, index: usize| body["messages"][index]["content"].as_str().unwrap().to_owned();
    assert_eq!(text(&second, 0), format!("{}\n\n{}", text(&first, 0), text(&first, 1)));
    assert_eq!((second["messages"].as_array().unwrap().len(), &second["messages"][0]["role"]), (1, &json!("user")));
}

#[tokio::test]
async fn refusals_of_several_fields_are_learned_one_after_the_other_beside_the_tries() {
    let server = server_by(|body| {
        if body["messages"][0]["role"] == "system" {
            failure(400, "x", "System role not supported")
        } else if has_format(body) {
            failure(400, "x", "response_format json_schema is not supported")
        } else if body.get("stream").is_some() {
            failure(400, "x", "Unrecognized request argument supplied: stream")
        } else {
            content(&["One."])
        }
    })
    .await;
    write(&server, &brief(1)).await.unwrap();
    assert_eq!(n_calls(&server).await, 5);
}

#[tokio::test]
async fn a_server_that_refuses_for_ever_is_not_asked_for_ever() {
    for text in ["response_format", "System role not supported", "stream", "minItems of response_format", "max_tokens"]
    {
        let server = server_by(move |_| failure(400, "x", text)).await;
        let error = write(&server, &brief(1)).await.unwrap_err();
        assert_eq!(error.kind, WriteErrorKind::RefusedRequest, "{text}");
        assert!(n_calls(&server).await <= 5, "{text}: {}", n_calls(&server).await);
    }
}

#[tokio::test]
async fn what_one_model_refuses_is_still_sent_to_another() {
    let server = server_by(|body| {
        if body["model"] == "a" && has_format(body) {
            failure(400, "x", "response_format is not supported")
        } else if body["model"] == "a" {
            ResponseTemplate::new(500)
        } else {
            content(&["One."])
        }
    })
    .await;
    let config = WriterConfig { model: "a".into(), fallback_models: vec!["b".into()], ..config(&server) };
    let written = Writer::new(&config).unwrap().request(&brief(1)).write().await.unwrap();
    assert!(has_format(&bodies(&server).await.pop().unwrap()) && !written.flags.is_unstructured);
}

/// A writer at 10 and 100 USD for a million tokens, with a dollar a day; and what it has spent.
fn on_a_budget(server: &MockServer) -> (Writer, impl Fn() -> f64) {
    let dir = tempfile::tempdir().unwrap();
    let prices = dir.path().join("prices.json");
    let table = json!({"text": {"gpt-mock": {"prompt": 10, "completion": 100}}, "images": {"gpt-image-1": 0.5}});
    std::fs::write(&prices, table.to_string()).unwrap();
    let config = WriterConfig {
        model: "gpt-mock".to_owned(),
        prices: Some(prices),
        budget: Some(BudgetConfig { usd_per_day: 3.0, state_dir: dir.path().join("state") }),
        ..config(server)
    };
    let spent = move || spent_usd(dir.path());
    (Writer::new(&config).unwrap(), spent)
}

#[tokio::test]
async fn a_limit_goes_by_the_name_and_the_number_that_the_server_takes() {
    let extra = json!({"message": {"detail": [{"type": "extra_forbidden", "loc": ["body", "max_completion_tokens"],
        "msg": "Extra inputs are not permitted", "input": 8192}]}});
    let too_large =
        says("max_completion_tokens is too large: 8192. This model supports at most 4096 completion tokens.");
    let cases: [(Refused, Value, &str, u64); 2] = [
        (|body| body.get("max_completion_tokens").is_some(), extra, "max_tokens", 8_192),
        (|body| body["max_completion_tokens"].as_u64() > Some(4_096), too_large, "max_completion_tokens", 4_096),
    ];
    for (is_refused, body, name, number) in cases {
        let server = refusing(is_refused, 400, body).await;
        let (writer, spent) = on_a_budget(&server);
        for n in [2, 3] {
            writer.request(&brief(1)).write().await.unwrap();
            assert_eq!((n_calls(&server).await, &bodies(&server).await.pop().unwrap()[name]), (n, &json!(number)));
            assert!((spent() - (n - 1) as f64 * 0.003).abs() < 1e-9, "{}", spent());
        }
    }
}

#[tokio::test]
async fn a_server_that_only_streams_is_asked_for_the_tokens_that_it_counts() {
    let server = server_by(|body| {
        if body["stream"] != true {
            return failure(400, "x", "This model only support stream mode, please enable the stream parameter");
        }
        let text = json!({"variants": ["One."], "image_prompt": "p", "slogan": "s"}).to_string();
        let said = json!({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": "stop"}]});
        let usage = json!({"choices": [], "usage": {"prompt_tokens": 100, "completion_tokens": 20}});
        let is_counted = body["stream_options"]["include_usage"] == true;
        let counted = if is_counted { format!("data: {usage}\n\n") } else { String::new() };
        let events = format!("data: {said}\n\n{counted}data: [DONE]\n\n");
        ResponseTemplate::new(200).set_body_raw(events, "text/event-stream")
    })
    .await;
    let (writer, spent) = on_a_budget(&server);
    writer.request(&brief(1)).write().await.unwrap();
    assert!((spent() - 0.003).abs() < 1e-9, "{}", spent());
}

#[tokio::test]
async fn what_one_client_s_words_make_of_a_model_changes_no_other_client_s_requests() {
    let failed = json!({"error": {"message": "Failed to generate JSON.", "code": "json_validate_failed"}});
    let is_unfit = |body: &Value| has_format(body) && body["messages"].to_string().contains("In prose");
    let server = refusing(is_unfit, 400, failed).await;
    let writer = Writer::new(&config(&server)).unwrap();
    let in_prose = sample::brief(|input| input.objective = Some("In prose".into()));
    for (client, brief, n) in [(1, &in_prose, 2), (2, &brief(1), 3), (1, &in_prose, 4)] {
        let requester = Requester { client, ..Requester::default() };
        writer.request(brief).on_behalf_of(requester).write().await.unwrap();
        assert_eq!((n_calls(&server).await, has_format(&bodies(&server).await.pop().unwrap())), (n, client == 2));
    }
}

#[tokio::test]
async fn what_one_prompt_leaves_of_the_context_limits_no_other_request() {
    let is_refused = |body: &Value| {
        body["messages"].to_string().contains("A long story") && body["max_completion_tokens"].as_u64() > Some(1_079)
    };
    let text = "This model's maximum context length is 8192 tokens. However, you requested 15305 tokens (7113 in the \
                messages, 8192 in the completion).";
    let server = refusing(is_refused, 400, says(text)).await;
    let (writer, _spent) = on_a_budget(&server);
    let long = sample::brief(|input| input.objective = Some("A long story".into()));
    for (brief, limit) in [(&long, 1_079), (&brief(1), 8_192)] {
        writer.request(brief).write().await.unwrap();
        assert_eq!(bodies(&server).await.pop().unwrap()["max_completion_tokens"], limit);
    }
    assert_eq!(n_calls(&server).await, 3);
}

#[tokio::test]
async fn a_refusal_that_repeats_its_prompt_teaches_nothing_to_other_requests() {
    // A gateway that blocks some prompts and shows them.
    let server = server_by(|body| {
        let messages = body["messages"].to_string();
        let is_blocked = messages.contains("BLOCK");
        let text = format!("blocked by guardrail. Received messages={messages}");
        if is_blocked { failure(400, "400", &text) } else { content(&["One."]) }
    })
    .await;
    let (writer, _spent) = on_a_budget(&server);
    writer.request(&brief(1)).write().await.unwrap();
    let usual = bodies(&server).await.pop().unwrap();
    for words in [
        "BLOCK max_completion_tokens is too large: must be at most 300",
        "BLOCK unsupported parameter: response_format json_schema",
        "BLOCK system role is not supported, unknown system messages",
    ] {
        let brief = sample::brief(|input| input.objective = Some(words.into()));
        writer.request(&brief).write().await.unwrap_err();
    }
    let n_refused = n_calls(&server).await;
    writer.request(&brief(1)).write().await.unwrap();
    assert_eq!((bodies(&server).await.pop().unwrap(), n_calls(&server).await), (usual, n_refused + 1));
}

#[tokio::test]
async fn a_server_that_takes_no_limit_gets_no_call_that_a_budget_could_not_bound() {
    let is_limited = |body: &Value| body.get("max_completion_tokens").is_some() || body.get("max_tokens").is_some();
    let server = refusing(is_limited, 422, says("Unknown parameter: max_tokens / max_completion_tokens")).await;
    let (writer, spent) = on_a_budget(&server);
    assert_eq!(writer.request(&brief(1)).write().await.unwrap_err().kind, WriteErrorKind::RefusedRequest);
    assert!(bodies(&server).await.iter().all(is_limited));
    assert!(spent() < 1e-9, "{}", spent());
}

#[tokio::test]
async fn a_model_that_did_not_keep_to_the_format_may_have_been_charged() {
    let failed = json!({"error": {"message": "Failed to generate JSON.", "code": "json_validate_failed"}});
    let server = refusing(has_format, 400, failed).await;
    let (writer, spent) = on_a_budget(&server);
    writer.request(&brief(1)).write().await.unwrap();
    assert!(spent() > 0.8, "the first call's reservation stays spent: {}", spent());
}

#[tokio::test]
async fn a_budget_is_never_charged_less_than_an_odd_usage_may_mean() {
    let (prompt, completion_usd) = (100.0 * 10e-6, |tokens: f64| tokens * 100e-6);
    for (usage, least, most) in [
        (
            json!({"prompt_tokens": 100.0, "completion_tokens": 37.25}),
            prompt + completion_usd(37.25),
            prompt + completion_usd(38.0),
        ),
        (
            json!({"prompt_tokens": "100", "completion_tokens": "50"}),
            prompt + completion_usd(50.0),
            prompt + completion_usd(50.0),
        ),
        (
            json!({"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 950}),
            prompt + completion_usd(850.0),
            prompt + completion_usd(850.0),
        ),
        (json!({"prompt_tokens": 1151, "completion_tokens": -35, "total_tokens": 1116}), 0.8, 1.0),
        (json!({"prompt_tokens": 0, "completion_tokens": 0}), 0.8, 1.0),
        (json!({"prompt_tokens": 100}), 0.8, 1.0),
        (json!([100, 50]), 0.8, 1.0),
        (json!("150"), 0.8, 1.0),
    ] {
        let server = server_by({
            let usage = usage.clone();
            move |_| {
                let text = json!({"variants": ["One."], "image_prompt": "p", "slogan": "s"}).to_string();
                let mut answer = completion(&text);
                answer["usage"] = usage.clone();
                ResponseTemplate::new(200).set_body_json(answer)
            }
        })
        .await;
        let (writer, spent) = on_a_budget(&server);
        writer.request(&brief(1)).write().await.unwrap();
        assert!((least - 1e-9..=most + 1e-9).contains(&spent()), "{usage}: {}", spent());
    }
}
