//! What the offline writer makes of marketers' own words: names, offers, interests, and what it does not understand.

use serde_json::{Value, json};

use crate::app::{TestApp, list};

/// The post of a campaign for everyone, and the codes of its notes.
async fn post(app: &TestApp, body: Value) -> (String, Vec<String>) {
    let answer = app.generate("/generate-promo", &body).await;
    let codes = answer["notes"].as_array().into_iter().flatten().filter_map(|note| note["code"].as_str());
    (answer["post"][0].as_str().unwrap().to_owned(), codes.map(str::to_owned).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_said_as_it_was_written_and_an_offer_is_posted() {
    let app = TestApp::spawn().await;
    for (objective, said) in [
        ("Promote Dr. Oetker pizza", "our Dr. Oetker pizza"),
        ("Sell our No. 1 mattress", "our No. 1 mattress"),
        ("Promote .NET training", "our .NET training"),
        ("Promote $9.99 pizzas", "our $9.99 pizzas"),
        ("Increase awareness of climate change", "climate change."),
        ("Buy 2, get 1 free", ": Buy 2, get 1 free."),
        ("winter coats - 20% off", ": winter coats - 20% off."),
    ] {
        let (text, notes) = post(&app, json!({ "objective": objective, "industry": "Retail" })).await;
        assert!(text.contains(said) && notes.is_empty(), "{objective}: {text} {notes:?}");
        assert!(!text.contains("our climate"), "{text}");
    }
    let (text, _) = post(&app, json!({ "objective": "Sell Levi's 501 jeans", "industry": "Retail" })).await;
    assert!(!text.contains("#Levi"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_objective_that_is_not_understood_is_quoted_whole_or_left_out_with_a_note() {
    let app = TestApp::spawn().await;
    for objective in ["Recruit drivers", "Mehr Wintermäntel verkaufen"] {
        let (text, notes) = post(&app, json!({ "objective": objective, "industry": "Retail" })).await;
        assert!(text.contains(&format!("“{objective}”")), "{text}");
        assert_eq!(notes, ["objective_quoted"]);
    }
    let (text, notes) =
        post(&app, json!({ "objective": "Announce our new opening hours", "industry": "Retail" })).await;
    assert!(
        text.contains("our new opening hours") && !text.contains("Announce") && notes.is_empty(),
        "{text} {notes:?}"
    );
    for objective in ["Sell more coffee than tea", "Promote Mother's Day brunch", "Launch {offering} today"] {
        let (text, notes) = post(&app, json!({ "objective": objective, "industry": "Retail" })).await;
        assert_eq!(notes, ["objective_left_out"]);
        for word in ["tea", "Mother", "{"] {
            assert!(!text.contains(&format!("{word} ")) && !text.contains('{'), "{text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_marketers_add_is_said_as_it_was_written_and_what_is_left_out_is_named() {
    let app = TestApp::spawn().await;
    let of = |interests: &str, offer: &str| json!({ "persona": { "Interests": interests, "Special_Offer": offer }, "objective": "Sell tea" });
    let (text, notes) = post(&app, of("C++, golf (18 holes)\nbooks by J.K. Rowling", "20% off\nfree gift")).await;
    assert!(text.contains("C++, golf (18 holes) and books by J.K. Rowling"), "{text}");
    assert!(text.contains(": 20% off, free gift.") && notes.is_empty(), "{text} {notes:?}");

    let answer = app.generate("/generate-post", &of("They like hiking.", "10% off our {offering}")).await;
    let text = answer["post"][0].as_str().unwrap();
    assert!(!text.contains("hiking") && !text.contains('{'), "{text}");
    assert_eq!(answer["flags"]["is_without_offer"], true);
    let sentences: Vec<&str> = list(&answer["notes"]).iter().filter_map(|n| n["sentence"].as_str()).collect();
    assert!(sentences[0].contains("braces") && sentences[1].contains("“They like hiking.”"), "{sentences:?}");
}
