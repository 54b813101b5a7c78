//! `POST /generate-post` and `/generate-promo`: every body that the contract's callers send.

use content_portal::pipeline::SegmentId;
use serde_json::{Value, json};

use crate::app::{Setup, TestApp, list};
use crate::trained::SAMPLE_MODEL;
use crate::writers::quarter_in_words;

/// The smart form, as the portal sends it.
fn smart_form() -> Value {
    json!({
        "gender": "Female", "location": "Bedok", "loyalty_tier": "Gold", "join_year": 2023, "join_month": "May",
        "objective": "More visits on weekdays", "industry": "Bakery", "marketing_funnel_stage": "Consideration",
        "past_engagement": "Moderate", "platform": "Facebook", "post_type": "Text", "tone": "Fun", "num_variants": 2,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_smart_form_gets_as_many_texts_as_it_asks_for() {
    let app = TestApp::spawn().await;
    let answer = app.generate("/generate-promo", &smart_form()).await;
    let texts = list(&answer["generated_result"]);
    assert_eq!(texts.len(), 2);
    assert!(texts.iter().all(|text| text.as_str().is_some_and(|text| text.len() > 40)), "{texts:?}");
    assert_ne!(texts[0], texts[1]);
    assert_eq!(answer["audience"], "customer");
    assert!(answer["prompt_used"].as_str().unwrap().contains("Bakery"));
    let used = &answer["fields_used"];
    let from_user = list(&used["from_user_input"]);
    for name in ["gender", "location", "loyalty_tier", "join_year", "join_month", "marketing_funnel_stage"] {
        assert!(from_user.contains(&json!(name)), "{name} in {from_user:?}");
    }
    assert_eq!(used["optional_inputs"], json!(["num_variants", "platform", "tone"]));
    // Each of the cluster's traits is told by the form; none is left to the cluster.
    assert_eq!(used["from_cluster"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_summary_of_other_customers_is_said_to_be_unread() {
    let app = TestApp::spawn().await;
    let of_the_segment = json!({"cluster_id": 0, "persona_summary": "From Woodlands (all)."});
    let answer = app.generate("/generate-post", &of_the_segment).await;
    assert_eq!(answer["notes"][0]["code"], "written_as_trained", "{answer}");
    assert!(!answer["prompt_used"].as_str().unwrap().contains("Woodlands (all)"));
    let own = json!({"cluster_id": 0, "persona_summary": answer["persona_summary"]});
    let again = app.generate("/generate-post", &own).await;
    assert_eq!((&again["notes"], &again["default_post"]), (&Value::Null, &answer["default_post"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_that_is_gone_is_said_to_be_and_its_persona_is_written_from() {
    let app = TestApp::spawn().await;
    let persona = json!({ "Top_Locations": ["Bedok"], "Top_Loyalty_Tier": "Gold" });
    let body = json!({ "cluster_id": 77, "persona": persona, "persona_summary": "From Bedok (all)." });
    let answer = app.generate("/generate-post", &body).await;
    let codes: Vec<&Value> = list(&answer["notes"]).iter().map(|note| &note["code"]).collect();
    assert_eq!(codes, ["unknown_segment", "summary_not_read"]);
    assert_eq!((&answer["cluster_id"], &answer["distinguishing"]), (&json!(77), &json!([])));
    // A trained persona under the id of another segment says two things.
    let other = app.generate("/generate-post", &json!({ "cluster_id": 1 })).await;
    let body = json!({ "cluster_id": 0, "persona": other["persona"] });
    assert_eq!(app.post("/generate-post", &body).await.status(), 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_speaks_to_the_customer_of_the_form_and_leaves_the_rest_to_the_segment() {
    let app = TestApp::spawn().await;
    let mut form = smart_form();
    form["gender"] = json!("");
    form["join_year"] = json!("");
    let answer = app.generate("/generate-promo", &form).await;
    let prompt = answer["prompt_used"].as_str().unwrap();
    assert!(prompt.contains("Gold") && prompt.contains("Bedok"), "{prompt}");
    assert!(!prompt.contains("Silver") && !prompt.contains("Punggol"), "{prompt}");
    let from_cluster = list(&answer["fields_used"]["from_cluster"]);
    assert!(from_cluster.contains(&json!("Top_Gender")) && !from_cluster.contains(&json!("Top_Locations")));
    // Without the month the segment is a guess, and says nothing.
    form["join_month"] = json!("");
    let unsure = app.generate("/generate-promo", &form).await;
    assert!(unsure["cluster_strength"].as_f64() < Some(0.6), "{unsure}");
    assert_eq!((&unsure["fields_used"]["from_cluster"], &unsure["distinguishing"]), (&json!([]), &json!([])));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_larger_than_any_use_of_it_is_refused_and_members_are_passed_over() {
    let app = TestApp::spawn().await;
    let towns = vec!["Bedok"; 20_000];
    let huge = json!({ "persona": { "Top_Locations": towns } });
    let problem: Value = app.post("/generate-post", &huge).await.json().await.unwrap();
    assert_eq!((&problem["code"], &problem["details"][0]["field"]), (&json!("invalid_fields"), &json!("persona")));
    let members: Vec<Value> = (0..20_000).map(|_| json!({ "Location": "Bedok", "cluster_id": 0 })).collect();
    let regenerate = json!({ "persona": { "Top_Locations": ["Bedok"] }, "cluster_id": 0, "members": members });
    assert_eq!(app.generate("/generate-post", &regenerate).await["audience"], "persona");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blank_input_does_not_hide_the_one_among_the_campaign_inputs() {
    let app = TestApp::spawn().await;
    let body = json!({ "objective": null, "industry": "", "campaign_inputs": { "objective": "Sell coats", "industry": "Retail" } });
    let answer = app.generate("/generate-post", &body).await;
    let prompt = answer["prompt_used"].as_str().unwrap();
    assert!(prompt.contains("Sell coats") && prompt.contains("Retail"), "{prompt}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_form_sends_its_numbers_as_text_and_means_the_same() {
    let app = TestApp::spawn().await;
    let mut edited = smart_form();
    edited["join_year"] = json!("2023");
    edited["num_variants"] = json!("2");
    let (first, again) =
        (app.generate("/generate-promo", &smart_form()).await, app.generate("/generate-promo", &edited).await);
    assert_eq!(first, again);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_of_an_upload_can_be_written_again_from_what_the_portal_kept() {
    let app = TestApp::spawn().await;
    let upload = app.upload_file("tests/fixtures/customers_300.xls").await;
    let cluster = &upload["clusters"][0];
    let body = json!({
        "persona_summary": cluster["persona_summary"], "persona": cluster["persona"],
        "cluster_id": cluster["cluster_id"], "members": cluster["members"],
        "campaign_inputs": {"objective": "More visits", "industry": "Bakery", "funnel_stage": "Loyalty", "past_engagement": "High"},
    });
    let answer = app.generate("/generate-post", &body).await;
    assert_eq!(list(&answer["post"]).len(), 1);
    assert_eq!(answer["cluster_id"], cluster["cluster_id"]);
    assert_eq!(answer["persona"], cluster["persona"]);
    let trained = app.generate("/generate-post", &json!({"cluster_id": cluster["cluster_id"]})).await;
    for of_the_segment in ["persona_summary", "distinguishing", "not_distinguishing", "as_everywhere"] {
        assert_eq!(answer[of_the_segment], trained[of_the_segment]);
    }
    assert_eq!(answer["image_url"], Value::Null);
    let prompt = answer["prompt_used"].as_str().unwrap();
    assert!(prompt.contains("Bakery") && prompt.contains(quarter_in_words(&cluster["persona"])), "{prompt}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_can_be_named_by_its_id_alone_as_a_number_or_as_text() {
    let app = TestApp::spawn().await;
    let answer = app.generate("/generate-post", &json!({"cluster_id": 1})).await;
    assert_eq!((&answer["audience"], &answer["cluster_id"]), (&json!("segment"), &json!(1)));
    assert_eq!(app.generate("/generate-post", &json!({"cluster_id": "1"})).await, answer);
    assert_ne!(app.generate("/generate-post", &json!({"cluster_id": 0})).await["persona"], answer["persona"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_out_makes_the_segment_less_sure() {
    let app = TestApp::spawn().await;
    let strength = async |body: Value| {
        let answer = app.generate("/generate-promo", &body).await;
        assert!(answer["cluster_id"].as_i64().unwrap() >= 0, "{answer}");
        answer["cluster_strength"].as_f64().unwrap()
    };
    // The sample's segments are the quarters of joining, of a quarter of the customers each.
    for little in [json!({"gender": "Male"}), json!({"loyalty_tier": "Gold"}), json!({"join_year": 2023})] {
        let sure = strength(little.clone()).await;
        assert!((0.2..0.5).contains(&sure), "{little}: {sure}");
    }
    for enough in [json!({"join_month": "May"}), json!({"join_month": 5, "gender": "Male"}), smart_form()] {
        assert!(strength(enough.clone()).await > 0.9, "{enough}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_at_all_is_written_for_everyone() {
    let app = TestApp::spawn().await;
    for body in [json!({}), json!({"objective": "", "platform": "", "tone": null, "location": "  "})] {
        let answer = app.generate("/generate-post", &body).await;
        assert_eq!(answer["audience"], "everyone");
        assert_eq!((&answer["cluster_id"], &answer["cluster_strength"]), (&Value::Null, &Value::Null));
        assert_eq!(answer["cluster_confidence"], Value::Null);
        assert!(answer["text"].as_str().is_some_and(|text| !text.is_empty()));
        assert_eq!(answer["model_version"], SAMPLE_MODEL.id.as_str());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_outside_its_set_is_refused_under_the_caller_s_name_with_the_set() {
    let app = TestApp::spawn().await;
    for (field, value, allowed) in [
        ("platform", "Radio", json!(["Instagram", "Facebook", "LinkedIn", "TikTok", "Email", "Website"])),
        ("marketing_funnel_stage", "Later", json!(["Awareness", "Consideration", "Decision", "Loyalty"])),
        ("funnel_stage", "Later", json!(["Awareness", "Consideration", "Decision", "Loyalty"])),
        ("post_type", "Video", json!(["Text", "Image", "Both", "ImagePrompt", "TextAndPrompt"])),
        ("loyalty_tier", "Bronze", json!(["Silver", "Gold", "Platinum"])),
    ] {
        let response = app.post("/generate-promo", &json!({ field: value })).await;
        assert_eq!(response.status(), 422);
        let problem: Value = response.json().await.unwrap();
        assert_eq!(problem["details"][0]["field"], field);
        assert_eq!(problem["details"][0]["allowed"], allowed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_whom_training_never_saw_still_gets_a_text() {
    let app = TestApp::spawn().await;
    let body = json!({"location": "Atlantis", "gender": "Other", "loyalty_tier": "platinum", "join_year": 2001});
    let answer = app.generate("/generate-promo", &body).await;
    assert_eq!(answer["audience"], "customer");
    assert!(answer["cluster_id"].is_i64());
    assert!(answer["text"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_marketers_add_to_a_persona_is_shown_and_written_from() {
    let entry = json!({"Special_Offer": "A free loaf with every tenth", "Top_Gender": "Male"});
    let personas = [(SegmentId::new(0), entry.as_object().unwrap().clone())].into();
    let app = TestApp::spawn_with(Setup { personas, ..Setup::default() }).await;
    let answer = app.generate("/generate-post", &json!({"cluster_id": 0})).await;
    assert_eq!(answer["persona"]["Special_Offer"], "A free loaf with every tenth");
    assert_eq!(answer["persona"]["Top_Gender"], "Male");
    assert!(answer["prompt_used"].as_str().unwrap().contains("A free loaf with every tenth"));
    let other = app.generate("/generate-post", &json!({"cluster_id": 1})).await;
    assert_eq!(other["persona"].get("Special_Offer"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_nobody_reads_is_listed_and_a_slip_gets_a_sentence() {
    let app = TestApp::spawn().await;
    let body = json!({"objectve": "A secret plan", "temperature": 0.7, "campaign_inputs": {"industy": "Bakery"}});
    for path in ["/generate-post", "/generate-promo", "/generate-editor-post"] {
        let answer = app.generate(path, &body).await;
        assert_eq!(answer["ignored"], json!(["objectve", "temperature", "campaign_inputs.industy"]));
        let note = |sentence: &str| json!({ "code": "unknown_field", "sentence": sentence });
        let sentences = [
            note("objectve is not a field; did you mean objective?"),
            note("campaign_inputs.industy is not a field; did you mean industry?"),
        ];
        assert_eq!(answer["notes"], json!(sentences));
        assert!(!answer.to_string().contains("A secret plan"));
    }
    let answer = app.generate("/generate-promo", &smart_form()).await;
    let notes: Vec<&Value> = list(&answer["notes"]).iter().map(|note| &note["code"]).collect();
    assert!(answer.get("ignored").is_none() && notes == ["placed_without"], "{answer}");
}
