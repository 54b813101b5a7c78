//! A schema's own names are said like any other, also those that mean nothing elsewhere; a blank is never said.

use std::sync::LazyLock;

use content_portal::customer::Schema;
use content_portal::pipeline::FitParams;
use serde_json::{Value, json};
use umap::UmapParams;

use crate::app::{Setup, TestApp, list};
use crate::sheets::csv;
use crate::trained::TrainedVersion;

const SCHEMA: &str = r#"{
  "columns": [
    { "title": "Channel", "required": true, "kind": "category", "weight": 0, "persona": { "key": "Channels", "top": 2 } },
    { "title": "Plan", "required": true, "kind": "ordinal", "levels": ["None", "Unknown", "Other", "Family"],
      "score_title": "Plan_Rank", "persona": { "key": "Top_Plan", "top": 1 } },
    { "title": "Region", "required": false, "kind": "category", "synonyms": { "N. America": "NA" }, "weight": 0,
      "persona": { "key": "Top_Region", "top": 1 } },
    { "title": "Referral", "required": false, "kind": "category", "weight": 0,
      "persona": { "key": "Top_Referral", "top": 1 } },
    { "title": "Visits", "required": true, "kind": "number", "persona": { "key": "Mean_Visits", "top": 1 } }
  ]
}"#;
const PLANS: [&str; 4] = ["None", "Unknown", "Other", "Family"];
/// The region and the referral of the customers with each plan; a blank, as sheets write one, says nothing.
const BESIDE: [[&str; 2]; 4] = [["NA", "n/a"], ["Asia", "Unknown"], ["", "None"], ["Europe", "Friends"]];

fn customers() -> Vec<[String; 5]> {
    let customer = |n: usize| {
        let [region, referral] = BESIDE[n % 4];
        let channel = ["Shop", "App", "Web"][(n / 4) % 3];
        let visits = (50 * (n % 4) + n % 23).to_string();
        [channel, PLANS[n % 4], region, referral, &visits].map(str::to_owned)
    };
    let header = ["Channel", "Plan", "Region", "Referral", "Visits"].map(str::to_owned);
    std::iter::once(header).chain((0..960).map(customer)).collect()
}

static MODEL: LazyLock<TrainedVersion> = LazyLock::new(|| {
    let params = FitParams { umap: UmapParams::default().n_neighbors(15), ..FitParams::default() };
    let schema = Schema::from_json(SCHEMA.as_bytes()).unwrap();
    TrainedVersion::train_on("plans.csv", &csv(customers()), schema.into(), &params, true)
});

/// The segments of which a plan is told, each with its prompt.
async fn said_of(app: &TestApp, plan: &str) -> Vec<(String, Value)> {
    let answer = app.upload("plans.csv", &csv(customers())).await;
    let of_plan = list(&answer["clusters"]).iter().filter(|cluster| {
        let told = list(&cluster["distinguishing"]);
        told.iter().any(|told| told["key"] == "Top_Plan" && told["value"] == plan)
    });
    of_plan.map(|cluster| (cluster["prompt_used"].as_str().unwrap().to_owned(), cluster.clone())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_level_that_the_schema_names_is_said_in_prompts_and_personas_whatever_it_is_called() {
    let app = TestApp::spawn_on(Setup::default(), &MODEL).await;
    for plan in PLANS {
        let said = said_of(&app, plan).await;
        assert!(!said.is_empty(), "no segment is told by {plan}");
        for (prompt, cluster) in said {
            assert!(prompt.contains(&format!("Plan: {plan}")), "{plan}: {prompt}");
            let unmentioned = prompt.lines().find(|line| line.contains("Do not mention")).unwrap_or_default();
            assert!(!unmentioned.contains("Plan"), "{plan}: {unmentioned}");
            assert!(cluster["persona_summary"].as_str().unwrap().contains(&format!("Plan: {plan}")), "{cluster}");
            assert_eq!(cluster["persona"]["Top_Plan"], plan);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_s_level_is_a_fact_whatever_it_is_called() {
    let app = TestApp::spawn_on(Setup::default(), &MODEL).await;
    for plan in PLANS {
        let answer = app.generate("/generate-promo", &json!({"plan": plan.to_lowercase(), "channel": "shop"})).await;
        assert_eq!(answer["persona"]["Top_Plan"], plan, "{answer}");
        let prompt = answer["prompt_used"].as_str().unwrap();
        assert!(prompt.contains(&format!("Plan: {plan}")), "{plan}: {prompt}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_synonym_s_word_for_nothing_is_said_and_a_blank_is_not() {
    let app = TestApp::spawn_on(Setup::default(), &MODEL).await;
    let (prompt, cluster) = said_of(&app, "None").await.remove(0);
    assert!(prompt.contains("Region: NA"), "{prompt}");
    assert!(!cluster.to_string().contains("n/a"), "{cluster}");
    for plan in ["Unknown", "Other"] {
        for (prompt, cluster) in said_of(&app, plan).await {
            let summary = cluster["persona_summary"].as_str().unwrap();
            for text in [&prompt, summary] {
                assert!(!text.contains("Referral:"), "{text}");
            }
        }
    }
}
