//! Answers in shapes that are not OpenAI's own.

use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use super::super::super::WriteErrorKind;
use super::{brief, completion, n_calls, server_with, write};

const TEXT: &str = r#"{"variants": ["One."], "image_prompt": "p", "slogan": "s"}"#;

fn with(edit: impl FnOnce(&mut Value)) -> ResponseTemplate {
    let mut answer = completion(TEXT);
    edit(&mut answer);
    ResponseTemplate::new(200).set_body_json(answer)
}

#[tokio::test]
async fn a_text_in_parts_is_put_together_and_thinking_is_left_out() {
    let (first, second) = TEXT.split_at(20);
    let thinking = "<think>Should {name} be in it, as {\"slogan\": \"t\"}?</think>";
    for content in [
        json!([{"type": "text", "text": TEXT}]),
        json!([{"type": "text", "text": first}, {"type": "output_text", "text": second}]),
        json!([first, {"text": second}]),
        json!([{"type": "thinking", "thinking": [{"type": "text", "text": "{"}]}, {"type": "text", "text": TEXT}]),
        json!([{"type": "reasoning", "text": TEXT.replace("One", "Not")}, {"type": "text", "text": TEXT}]),
        json!(format!("{thinking}{TEXT}")),
    ] {
        let server = server_with(vec![with(|a| a["choices"][0]["message"]["content"] = content.clone())]).await;
        let written = write(&server, &brief(1)).await.unwrap();
        assert_eq!((written.variants, written.slogan.as_deref()), (vec!["One.".to_owned()], Some("s")), "{content}");
        assert_eq!(n_calls(&server).await, 1, "{content}");
    }
}

#[tokio::test]
async fn the_name_that_a_model_gives_itself_is_cleaned_and_cut() {
    let long = format!("gpt\u{202e}-\u{0}4\n{}", "x".repeat(400_000));
    for (name, shown) in
        [(long, format!("gpt- 4 {}", "x".repeat(93))), ("\u{200b} ".to_owned(), "gpt-4o-mini".to_owned())]
    {
        let server = server_with(vec![with(|a| a["model"] = json!(name))]).await;
        assert_eq!(write(&server, &brief(1)).await.unwrap().model, shown);
    }
}

#[tokio::test]
async fn content_of_no_known_shape_is_an_answer_without_text() {
    let server = server_with(vec![with(|a| a["choices"][0]["message"]["content"] = json!({"a": 1}))]).await;
    assert_eq!(write(&server, &brief(1)).await.unwrap_err().kind, WriteErrorKind::BadAnswer);
}

#[tokio::test]
async fn tokens_that_are_not_counted_are_no_fault_and_leave_the_cost_unknown() {
    for usage in [
        json!({"prompt_tokens": null, "completion_tokens": null}),
        json!({"prompt_tokens": null, "completion_tokens": 20}),
        json!(null),
    ] {
        let server = server_with(vec![with(|a| {
            a["usage"] = usage.clone();
            a["model"] = json!("gpt-4o-mini");
        })])
        .await;
        let written = write(&server, &brief(1)).await.unwrap();
        assert_eq!((written.spent.tokens.prompt, written.spent.cost_usd), (0, None), "{usage}");
    }
}

#[tokio::test]
async fn a_model_that_declines_is_not_asked_again() {
    let declines = with(|a| a["choices"][0]["message"] = json!({"content": null, "refusal": "I cannot do that."}));
    for answer in [declines, with(|a| a["choices"][0]["finish_reason"] = json!("content_filter"))] {
        let server = server_with(vec![answer]).await;
        let error = write(&server, &brief(1)).await.unwrap_err();
        assert_eq!((error.kind, n_calls(&server).await), (WriteErrorKind::RefusedContent, 1));
    }
}
