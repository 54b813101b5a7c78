//! Answers of status 200 that are not what the status says, or come in another form: failures, streams, thoughts.

use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use super::super::super::WriteErrorKind;
use super::{answer_in_turn, brief, completion, content, n_calls, server_with, write};

const TEXT: &str = r#"{"variants": ["One."], "image_prompt": "p", "slogan": "s"}"#;

fn answer(body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

fn message(message: Value, finish_reason: &str) -> ResponseTemplate {
    let mut body = completion("");
    body["choices"][0]["message"] = message;
    body["choices"][0]["finish_reason"] = json!(finish_reason);
    answer(&body)
}

#[tokio::test]
async fn a_failure_inside_an_answer_is_what_it_says() {
    use WriteErrorKind::{OutOfQuota, RateLimited, Refused, RefusedContent, Upstream};
    let limited = RateLimited { retry_after: None };
    for (body, kind, n) in [
        (json!({"id": "g", "error": {"message": "Provider returned error", "code": 429}}), limited, 3),
        (json!({"error": {"message": "Rate limit reached", "type": "requests"}}), limited, 3),
        (json!({"error": {"message": "Provider returned error", "code": 502}, "choices": null}), Upstream, 3),
        (json!({"error": "overloaded"}), Upstream, 3),
        (json!([{"error": {"code": 503, "message": "The model is overloaded."}}]), Upstream, 3),
        (
            json!({"error": {"message": "Input was flagged", "code": 403, "metadata": {"reasons": ["x"]}}}),
            RefusedContent,
            1,
        ),
        (json!({"error": {"message": "no credits", "code": 402}}), OutOfQuota, 1),
        (json!({"error": {"message": "Invalid API key", "code": "invalid_api_key"}}), Refused, 1),
        (json!({"base_resp": {"status_code": 1002, "status_msg": "rate limit"}, "choices": null}), limited, 3),
    ] {
        let server = server_with(vec![answer(&body)]).await;
        let error = write(&server, &brief(1)).await.unwrap_err();
        assert_eq!((error.kind, n_calls(&server).await), (kind, n), "{body}");
    }
}

#[tokio::test]
async fn a_failure_beside_half_a_text_is_no_text() {
    let mut of_choice = completion("{\"variants\": [\"Half a");
    of_choice["choices"][0]["error"] = json!({"code": 502, "message": "Provider disconnected"});
    let mut of_all = completion("{\"variants\": [\"Half a");
    of_all["error"] = json!({"code": 502, "message": "Provider disconnected"});
    for body in [of_choice, of_all] {
        let server = server_with(vec![answer(&body), content(&["One."])]).await;
        assert_eq!(write(&server, &brief(1)).await.unwrap().variants, ["One."]);
        assert_eq!(n_calls(&server).await, 2);
    }
}

#[tokio::test]
async fn an_error_that_is_none_is_passed_over() {
    for error in [json!(null), json!(""), json!({}), json!(false)] {
        let mut body = completion(TEXT);
        body["error"] = error.clone();
        assert!(write(&server_with(vec![answer(&body)]).await, &brief(1)).await.is_ok(), "{error}");
    }
}

#[tokio::test]
async fn a_failure_inside_an_answer_for_a_picture_is_what_it_says() {
    let server = server_with(vec![content(&["One."])]).await;
    let limited = answer(&json!({"error": {"message": "slow down", "code": 429}}));
    answer_in_turn(&server, "/v1/images/generations", vec![limited]).await;
    let writer = super::super::super::Writer::new(&super::config(&server)).unwrap();
    let brief = super::super::super::sample::brief(|input| input.output = Some("Image".into()));
    let request = writer.request(&brief);
    let error = request.draw(&request.write().await.unwrap()).await.unwrap_err();
    assert_eq!(error.kind, WriteErrorKind::RateLimited { retry_after: None });
}

fn stream(pieces: &[&str], end: &str) -> String {
    let chunk = |piece: &&str| json!({"model": "gpt-mock-1", "choices": [{"index": 0, "delta": {"content": piece}}]});
    let events: Vec<_> = pieces.iter().map(|piece| format!("data: {}\n\n", chunk(piece))).collect();
    format!("{}{end}", events.concat())
}

const DONE: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\
                    \"usage\":{\"prompt_tokens\":100,\"completion_tokens\":20}}\n\ndata: [DONE]\n\n";

#[tokio::test]
async fn a_stream_of_events_is_taken_whether_its_type_says_so_or_not() {
    let (one, two) = TEXT.split_at(30);
    for content_type in ["text/event-stream", "text/event-stream; charset=utf-8", "application/json"] {
        let body = stream(&[one, two], DONE).into_bytes();
        let server = server_with(vec![ResponseTemplate::new(200).set_body_raw(body, content_type)]).await;
        let written = write(&server, &brief(1)).await.unwrap();
        assert_eq!(
            (written.variants, written.spent.tokens.completion),
            (vec!["One.".to_owned()], 20),
            "{content_type}"
        );
    }
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_asked_for_again() {
    let (one, two) = TEXT.split_at(30);
    let failed = "data: {\"error\":{\"message\":\"Provider disconnected\",\"code\":502}}\n\n";
    for (body, kind) in [
        (stream(&[one], ""), WriteErrorKind::CutOff),
        (stream(&[one], failed), WriteErrorKind::Upstream),
        ("data: [DONE]\n\n".to_owned(), WriteErrorKind::BadAnswer),
    ] {
        let broken = || ResponseTemplate::new(200).set_body_raw(body.clone().into_bytes(), "text/event-stream");
        let whole =
            ResponseTemplate::new(200).set_body_raw(stream(&[one, two], DONE).into_bytes(), "text/event-stream");
        assert!(write(&server_with(vec![broken(), whole]).await, &brief(1)).await.is_ok());
        assert_eq!(write(&server_with(vec![broken()]).await, &brief(1)).await.unwrap_err().kind, kind, "{body}");
    }
}

#[tokio::test]
async fn an_answer_that_came_as_a_thought_is_taken_where_it_is_whole() {
    for thought in [json!({"content": null, "reasoning_content": TEXT}), json!({"content": "", "reasoning": TEXT})] {
        let server = server_with(vec![message(thought.clone(), "stop")]).await;
        assert_eq!(write(&server, &brief(1)).await.unwrap().variants, ["One."], "{thought}");
        let server = server_with(vec![message(thought, "length")]).await;
        assert_eq!(write(&server, &brief(1)).await.unwrap_err().kind, WriteErrorKind::BadAnswer);
    }
    let only_thinking = json!({"content": "", "reasoning_content": "Let me think about {coats}…"});
    let server = server_with(vec![message(only_thinking, "stop")]).await;
    assert_eq!(write(&server, &brief(1)).await.unwrap_err().kind, WriteErrorKind::BadAnswer);
    let both = json!({"content": TEXT, "reasoning_content": TEXT.replace("One", "Not")});
    let server = server_with(vec![message(both, "stop")]).await;
    assert_eq!(write(&server, &brief(1)).await.unwrap().variants, ["One."]);
}

#[tokio::test]
async fn members_of_any_type_spoil_no_answer() {
    for edit in [
        json!({"usage": {"prompt_tokens": 100.5, "completion_tokens": -1}}),
        json!({"usage": []}),
        json!({"usage": "many"}),
        json!({"model": 7}),
        json!({"choices": [{"finish_reason": 0, "message": {"content": TEXT}}]}),
        json!({"choices": [{"message": {"content": TEXT, "refusal": false, "reasoning": {"a": 1}}}]}),
    ] {
        let mut body = completion(TEXT);
        body.as_object_mut().unwrap().extend(edit.as_object().unwrap().clone());
        assert!(write(&server_with(vec![answer(&body)]).await, &brief(1)).await.is_ok(), "{edit}");
    }
}
