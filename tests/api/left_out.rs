//! Values of a form that too few customers of the training have: they are written nowhere, and the answer says so.

use serde_json::{Value, json};

use crate::app::{Setup, TestApp};
use crate::upstream::{self, prompt_of, written};

fn note(field: &str) -> Value {
    let sentence =
        format!("{field} is left out: fewer than 10 customers of the training have the value that was given");
    json!({ "code": "value_left_out", "sentence": sentence })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_town_that_nobody_lives_in_is_written_nowhere_and_the_others_are() {
    let upstream = upstream::start(Box::new(|_| written("A text."))).await;
    let by_model = TestApp::spawn_with(Setup { writer: upstream::writer(&upstream), ..Setup::default() }).await;
    let offline = TestApp::spawn().await;
    let body = json!({"location": "Atlantis", "loyalty_tier": "Gold", "join_year": "2001", "join_month": "May"});
    let without = json!({"loyalty_tier": "Gold", "join_month": "May"});
    for app in [&by_model, &offline] {
        let (answer, expected) =
            (app.generate("/generate-promo", &body).await, app.generate("/generate-promo", &without).await);
        assert_eq!(answer["notes"], json!([note("location"), note("join_year")]));
        assert_eq!(expected["notes"], Value::Null);
        assert_eq!(answer["fields_used"]["from_user_input"], json!(["join_month", "loyalty_tier"]));
        for same in ["text", "prompt_used", "image_prompt", "persona", "persona_summary", "fields_used"] {
            assert_eq!(answer[same], expected[same], "{same}");
        }
        for nobody in ["Atlantis", "2001"] {
            assert!(!answer.to_string().contains(nobody), "{answer}");
        }
    }
    let sent = upstream.received_requests().await.unwrap();
    let prompts: Vec<String> = sent.iter().map(prompt_of).collect();
    assert_eq!(prompts.len(), 2);
    assert_eq!(prompts[0], prompts[1]);
    assert!(prompts[0].contains("Gold") && prompts[0].contains("May"), "{}", prompts[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_town_that_nobody_lives_in_alone_is_everyone_with_a_note() {
    let upstream = upstream::start(Box::new(|_| written("A text."))).await;
    let app = TestApp::spawn_with(Setup { writer: upstream::writer(&upstream), ..Setup::default() }).await;
    let alone = app.generate("/generate-promo", &json!({"location": "Atlantis"})).await;
    let everyone = app.generate("/generate-promo", &json!({})).await;
    assert_eq!((&alone["audience"], &alone["notes"]), (&json!("everyone"), &json!([note("location")])));
    assert_eq!(alone["fields_used"]["from_user_input"], json!([]));
    assert_eq!(alone["prompt_used"], everyone["prompt_used"]);
    let sent = upstream.received_requests().await.unwrap();
    assert_eq!(prompt_of(&sent[0]), prompt_of(&sent[1]));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_date_the_part_alone_is_left_out_that_nobody_shares() {
    let app = TestApp::spawn().await;
    let answer = app.generate("/generate-promo", &json!({"date_joined": "2001-05-03"})).await;
    assert_eq!(answer["notes"], json!([note("a part of date_joined")]));
    assert_eq!(answer["fields_used"]["from_user_input"], json!(["date_joined"]));
    let prompt = answer["prompt_used"].as_str().unwrap();
    assert!(prompt.contains("May") && !prompt.contains("2001"), "{prompt}");
}
