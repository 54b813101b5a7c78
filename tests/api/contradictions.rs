//! Requests that say two things at once are refused, with both fields named: nothing is chosen silently.

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{TestApp, list, ok};
use crate::form::Form;
use crate::refusals::assert_refused;
use crate::sheets::{CUSTOMER, HEADER, csv};

/// Each problem as `field message`.
fn sentences(problem: &Value) -> Vec<String> {
    let text = |of: &Value, key: &str| of[key].as_str().unwrap().to_owned();
    list(&problem["details"]).iter().map(|of| format!("{} {}", text(of, "field"), text(of, "message"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_date_beside_its_parts_says_the_same_as_they_do() {
    let app = TestApp::spawn().await;
    let agreed = json!({ "date_joined": "2023-05-04", "join_year": "2023", "join_month": "May", "join_quarter": 2 });
    assert_eq!(app.generate("/generate-promo", &agreed).await["audience"], "customer");
    for (name, value) in [("join_year", json!(2022)), ("join_month", json!("June")), ("join_quarter", json!(3))] {
        let body = json!({ "date_joined": "2023-05-04", name: value });
        let problem = assert_refused(&app, app.post("/generate-promo", &body).await, 422, "invalid_fields").await;
        assert_eq!(sentences(&problem), [format!("{name} must be left out, or say the same as date_joined")]);
    }
    let body = json!({ "join_month": "May", "join_quarter": 4 });
    let problem = assert_refused(&app, app.post("/generate-promo", &body).await, 422, "invalid_fields").await;
    assert_eq!(sentences(&problem), ["join_quarter must be left out, or be the quarter of join_month"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_names_of_one_column_say_the_same() {
    let app = TestApp::spawn().await;
    app.generate("/generate-promo", &json!({ "gender": "Female", "sex": "FEMALE" })).await;
    let body = json!({ "gender": "Female", "sex": "Male" });
    let problem = assert_refused(&app, app.post("/generate-promo", &body).await, 422, "invalid_fields").await;
    assert_eq!(sentences(&problem), ["sex must be left out, or say the same as gender"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_text_in_two_encodings_and_one_quarter_in_several_spellings_say_the_same() {
    let app = TestApp::spawn().await;
    let (composed, apart) = ("More caf\u{e9} visits", "MORE CAFE\u{301} visits");
    let body = json!({ "cluster_id": 0, "objective": composed, "campaign_inputs": { "objective": apart } });
    app.generate("/generate-post", &body).await;
    for quarter in [json!(2), json!("2"), json!("Q2"), json!("quarter 2"), json!("Quarter 2"), json!("2nd quarter")] {
        let body = json!({ "join_month": "May", "join_year": 2023, "join_quarter": quarter });
        assert_eq!(app.generate("/generate-promo", &body).await["audience"], "customer", "{quarter}");
    }
    for quarter in ["Quarter", "quarter 5", "2nd", "Q"] {
        let body = json!({ "join_year": 2023, "join_quarter": quarter });
        assert_refused(&app, app.post("/generate-promo", &body).await, 422, "invalid_fields").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn content_is_for_a_segment_or_for_a_customer() {
    let app = TestApp::spawn().await;
    for (name, segment) in [("persona", json!({ "Top_Gender": "Male" })), ("cluster_id", json!(1))] {
        let mut body = json!({ "location": "Bedok", "loyalty_tier": "", "gender": null, "join_year": 2023 });
        body[name] = segment;
        for path in ["/generate-promo", "/generate-post", "/generate-editor-post"] {
            let problem = assert_refused(&app, app.post(path, &body).await, 422, "invalid_fields").await;
            let of = |field: &str| format!("{field} must be left out: send a customer's fields or {name}, not both");
            assert_eq!(sentences(&problem), [of("join_year"), of("location")]);
        }
        body["location"] = json!("");
        body["join_year"] = json!(null);
        app.generate("/generate-promo", &body).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_campaign_s_inputs_say_the_same_as_the_fields_beside_them() {
    let app = TestApp::spawn().await;
    let inputs = json!({ "objective": "More visits", "funnel_stage": "Loyalty" });
    let same = json!({
        "objective": "more visits", "marketing_funnel_stage": "LOYALTY", "tone": "Fun", "campaign_inputs": inputs,
    });
    app.generate("/generate-post", &same).await;
    let mut other = same.clone();
    other["objective"] = json!("Fewer visits");
    other["marketing_funnel_stage"] = json!("Decision");
    for path in ["/generate-promo", "/generate-post", "/generate-editor-post"] {
        let problem = assert_refused(&app, app.post(path, &other).await, 422, "invalid_fields").await;
        assert_eq!(
            sentences(&problem),
            [
                "campaign_inputs.objective must be left out, or say the same as objective",
                "campaign_inputs.funnel_stage must be left out, or say the same as marketing_funnel_stage"
            ]
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_persona_is_of_the_segment_beside_it_or_edited() {
    let app = TestApp::spawn().await;
    let segments = ok(app.get("/segments").await).await;
    let persona = |n: usize| segments["segments"][n]["persona"].clone();
    let ids = [0, 1].map(|n| segments["segments"][n]["cluster_id"].clone());
    let body = json!({ "persona": persona(1), "cluster_id": ids[0] });
    let problem = assert_refused(&app, app.post("/generate-post", &body).await, 422, "invalid_fields").await;
    assert_eq!(sentences(&problem), [format!("cluster_id must be left out, or be {}, whose persona it is", ids[1])]);
    let own = app.generate("/generate-post", &json!({ "persona": persona(1), "cluster_id": ids[1] })).await;
    assert_eq!(own["cluster_id"], ids[1]);
    let mut edited = persona(1);
    edited["Top_Locations"] = json!(["Bedok"]);
    let edited = app.generate("/generate-post", &json!({ "persona": edited, "cluster_id": ids[0] })).await;
    assert_eq!(edited["cluster_id"], ids[0], "whose an edited persona is, the id alone says");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_persona_says_nothing() {
    let app = TestApp::spawn().await;
    for (body, audience) in [
        (json!({ "persona": {}, "location": "Bedok" }), "customer"),
        (json!({ "persona": {}, "cluster_id": 1 }), "segment"),
        (json!({ "persona": {} }), "everyone"),
        (json!({ "persona": {}, "cluster_id": -1 }), "persona"),
    ] {
        assert_eq!(app.generate("/generate-promo", &body).await["audience"], audience, "{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_persona_has_months_and_quarters_of_a_year() {
    let app = TestApp::spawn().await;
    for (key, last, wrong) in [
        ("Top_Join_Months", 12, json!([5, 13])),
        ("Top_Join_Months", 12, json!(["0"])),
        ("Top_Join_Quarter", 4, json!(5)),
        ("Top_Join_Quarter", 4, json!(1.5)),
    ] {
        let body = json!({ "persona": { key: wrong } });
        let problem = assert_refused(&app, app.post("/generate-promo", &body).await, 422, "invalid_fields").await;
        assert_eq!(sentences(&problem), [format!("persona must have {key} from 1 to {last}")]);
    }
    for right in [json!([1, 12]), json!(["May", "12"]), json!(null), json!([])] {
        app.generate("/generate-promo", &json!({ "persona": { "Top_Join_Months": right } })).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_of_a_persona_is_in_the_quarter_beside_it() {
    let app = TestApp::spawn().await;
    let contradicts = [(json!([3]), json!(2)), (json!("March"), json!(2)), (json!(["12"]), json!("1"))];
    for (months, quarter) in contradicts {
        let body = json!({ "persona": { "Top_Join_Months": months, "Top_Join_Quarter": quarter } });
        let problem = assert_refused(&app, app.post("/generate-promo", &body).await, 422, "invalid_fields").await;
        let sentence = "persona must have Top_Join_Months in Top_Join_Quarter, or leave one of them out";
        assert_eq!(sentences(&problem), [sentence]);
    }
    // Of what is frequent, the most frequent quarter need not have the most frequent months.
    for months in [json!([5]), json!([3, 5]), json!([3, 1]), json!(null)] {
        app.generate("/generate-promo", &json!({ "persona": { "Top_Join_Months": months, "Top_Join_Quarter": 2 } }))
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_belongs_to_a_segment_is_listed_where_none_is_named() {
    let app = TestApp::spawn().await;
    let body = json!({ "members": [{ "Location": "Bedok" }], "distinguishing": [], "size": 60 });
    let answer = app.generate("/generate-post", &body).await;
    assert_eq!(
        (&answer["audience"], &answer["ignored"]),
        (&json!("everyone"), &json!(["members", "distinguishing", "size"]))
    );
    let mut named = body.clone();
    named["cluster_id"] = json!(0);
    assert_eq!(app.generate("/generate-post", &named).await.get("ignored"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_of_a_persona_that_no_marketer_added_are_listed_and_go_nowhere() {
    let app = TestApp::spawn().await;
    let persona = json!({ "Top_Gender": "Male", "interests": "Tea", "Full Name": "Ada Lovelace", "Mood": "calm" });
    let answer = app.generate("/generate-editor-post", &json!({ "persona": persona })).await;
    assert_eq!(answer["ignored"], json!(["persona.Full Name", "persona.Mood"]));
    assert_eq!(answer["persona"]["interests"], "Tea");
    let prompt = answer["prompt_used"].as_str().unwrap();
    assert!(prompt.contains("Tea") && !prompt.contains("Ada") && !prompt.contains("calm"), "{prompt}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_persona_s_entry_that_nothing_reads_is_listed() {
    let app = TestApp::spawn().await;
    let body = json!({ "persona": { "Top_Join_Month": [5], "Top_Gender": "Male", "Interests": "Tea" } });
    let answer = app.generate("/generate-editor-post", &body).await;
    assert_eq!(answer["ignored"], json!(["persona.Top_Join_Month"]));
    let sentence = answer["notes"][0]["sentence"].as_str().unwrap();
    assert_eq!(sentence, "persona.Top_Join_Month is not a field; did you mean Top_Join_Months?");
    assert_eq!(answer["persona"]["Interests"], "Tea");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_field_is_given_twice() {
    let app = TestApp::spawn().await;
    let cases = [
        (r#"{"tone": "Fun", "tone": "Casual"}"#, "tone is given twice; send it once"),
        (r#"{"location": "Bedok", "loc\u0061tion": "Bedok"}"#, "location is given twice; send it once"),
        (
            r#"{"persona": {"Top_Gender": "Male", "Top_Gender": "Female"}}"#,
            "persona has the key Top_Gender twice; send it once",
        ),
        (
            r#"{"campaign_inputs": {"tone": "Fun", "tone": "Casual"}}"#,
            "campaign_inputs has the key tone twice; send it once",
        ),
    ];
    for (body, sentence) in cases {
        let request = app.request(Method::POST, "/generate-promo").header("content-type", "application/json");
        let response = request.body(body).send().await.unwrap();
        let problem = assert_refused(&app, response, 422, "invalid_fields").await;
        assert_eq!(sentences(&problem), [sentence]);
    }
    let form = Form::new().text("tone", "Fun").text("tone", "Casual").file("a.csv", &csv([HEADER, CUSTOMER]));
    let problem = assert_refused(&app, app.send(form).await, 422, "invalid_fields").await;
    assert_eq!(sentences(&problem), ["tone is given twice; send it once"]);
    assert!(app.kept().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fields_that_do_not_place_a_customer_are_named() {
    let app = TestApp::spawn().await;
    let everything = json!({
        "gender": "Female", "location": "Bedok", "loyalty_tier": "Gold", "join_year": 2023, "join_month": "May",
    });
    let answer = app.generate("/generate-promo", &everything).await;
    let note = &answer["notes"][0];
    assert_eq!(note["code"], "placed_without");
    let sentence = note["sentence"].as_str().unwrap();
    assert!(sentence.starts_with("not used to find the segment: ") && sentence.contains("location"), "{sentence}");
    // What the text says of the customer is used all the same.
    assert!(list(&answer["fields_used"]["from_user_input"]).contains(&json!("location")));
    // Again, as it is remembered; and without those fields the customer is in the same place.
    assert_eq!(app.generate("/generate-promo", &everything).await["notes"], answer["notes"]);
    let names = sentence.trim_start_matches("not used to find the segment: ").split(';').next().unwrap();
    let mut fewer = everything.clone();
    names.split(", ").for_each(|name| fewer[name] = json!(""));
    let fewer = app.generate("/generate-promo", &fewer).await;
    assert_eq!(fewer.get("notes"), None);
    for same in ["cluster_id", "cluster_strength", "cluster_confidence"] {
        assert_eq!(fewer[same], answer[same], "{same}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_with_two_meanings_is_refused_where_no_column_decides() {
    let app = TestApp::spawn().await;
    let body = json!({ "date_joined": "03/04/2024" });
    let problem = assert_refused(&app, app.post("/generate-promo", &body).await, 422, "invalid_fields").await;
    let must_say = "date_joined must say which is the day and which the month, such as 2024-02-29";
    assert_eq!(sentences(&problem), [must_say]);
    for date in ["2024-04-03", "3 April 2024", "23/04/2024", "04/23/2024", "04/04/2024"] {
        app.generate("/generate-promo", &json!({ "date_joined": date })).await;
    }
    let response = app.post("/generate-promo", &json!({ "join_quarter": "QQ2" })).await;
    assert_refused(&app, response, 422, "invalid_fields").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_belongs_in_the_body_is_refused_in_the_query() {
    let app = TestApp::spawn().await;
    let response = app.post("/generate-promo?tone=Fun", &json!({})).await;
    let problem = assert_refused(&app, response, 422, "invalid_fields").await;
    assert_eq!(sentences(&problem), ["tone is not read: this route has no query parameters"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_of_a_training_is_given_once() {
    let app = TestApp::spawn().await;
    for (training, key) in [
        (r#"{"seed": 1, "seed": 2}"#, "seed"),
        (r#"{"columns": {"weights": {"Location": 1, "Location": 3}}}"#, "Location"),
    ] {
        let response = app.retrain("", Some(Form::new().text("training", training)), "*/*").await;
        let problem = assert_refused(&app, response, 422, "invalid_fields").await;
        assert_eq!(sentences(&problem), [format!("training has the key {key} twice; give it once")]);
    }
}
