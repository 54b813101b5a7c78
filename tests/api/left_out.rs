//! Values of a form that too few customers of the training have: they are written nowhere, and the answer says so.

use serde_json::{Value, json};

use crate::app::{Setup, TestApp};
use crate::second_schema;
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
async fn a_word_for_nothing_is_left_out_with_a_note_also_beside_other_fields() {
    let app = TestApp::spawn().await;
    for body in [json!({"location": "NULL"}), json!({"location": "n/a", "loyalty_tier": "Gold"})] {
        let answer = app.generate("/generate-promo", &body).await;
        let notes = answer["notes"].as_array().unwrap();
        assert_eq!((notes.len(), &notes[0]["code"]), (1, &json!("value_empty")), "{answer}");
        assert!(notes[0]["sentence"].as_str().unwrap().starts_with("location is left out"), "{answer}");
    }
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

#[tokio::test(flavor = "multi_thread")]
async fn a_persona_s_values_that_training_does_not_know_are_written_nowhere() {
    let app = TestApp::spawn().await;
    let persona = json!({
        "Top_Loyalty_Tier": "Diamond", "Top_Join_Years": [1800, "2024"], "Top_Locations": ["Atlantis", "bedok"],
        "Top_Join_Months": ["May"], "Interests": "yoga",
    });
    let answer = app.generate("/generate-editor-post", &json!({ "persona": persona })).await;
    let expected = ["a part of persona.Top_Locations", "a part of persona.Top_Join_Years", "persona.Top_Loyalty_Tier"];
    let mut notes: Vec<Value> = expected.map(note).to_vec();
    let mut found = answer["notes"].as_array().unwrap().clone();
    let order = |notes: &mut Vec<Value>| notes.sort_by_key(ToString::to_string);
    order(&mut notes);
    order(&mut found);
    assert_eq!(found, notes);
    for nobody in ["Diamond", "1800", "Atlantis"] {
        let told = answer.as_object().unwrap().iter().filter(|(key, _)| *key != "notes");
        assert!(told.clone().all(|(_, value)| !value.to_string().contains(nobody)), "{answer}");
    }
    let (towns, months) = (&answer["persona"]["Top_Locations"], &answer["persona"]["Top_Join_Months"]);
    assert_eq!((towns, months, &answer["persona"]["Top_Join_Years"]), (&json!(["Bedok"]), &json!([5]), &json!([2024])));
    let prompt = answer["prompt_used"].as_str().unwrap();
    assert!(prompt.contains("Bedok") && prompt.contains("in May") && prompt.contains("yoga"), "{prompt}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_more_values_than_a_text_takes_the_answer_says_how_many_are_used() {
    let app = TestApp::spawn().await;
    let months: Vec<u32> = (1..=12).collect();
    let answer = app.generate("/generate-editor-post", &json!({ "persona": { "Top_Join_Months": months } })).await;
    let sentence = "of persona.Top_Join_Months the first 5 values are used";
    assert_eq!(answer["notes"], json!([{ "code": "values_cut", "sentence": sentence }]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_beyond_those_of_the_training_is_written_nowhere() {
    let app = TestApp::spawn_on(Setup::default(), &second_schema::MODEL).await;
    for visits in [json!(1_000_000), json!(-40), json!("97")] {
        let answer = app.generate("/generate-promo", &json!({ "plan": "Basic", "visits": visits })).await;
        assert_eq!(answer["notes"], json!([note("visits")]), "{visits}");
        assert!(!answer["prompt_used"].as_str().unwrap().contains("Visits a Month: "), "{answer}");
    }
    let within = app.generate("/generate-promo", &json!({ "plan": "Basic", "visits": 41 })).await;
    assert!(within["prompt_used"].as_str().unwrap().contains("41"), "{within}");
    let persona = json!({ "persona": { "Mean_Visits": 1e9, "Main_Plan": "basic" } });
    let answer = app.generate("/generate-editor-post", &persona).await;
    assert_eq!(answer["notes"], json!([note("persona.Mean_Visits")]));
    assert_eq!(answer["persona"]["Main_Plan"], "Basic");
}
