//! Nobody is singled out: what a stranger is answered tells of no customer whether training had one like this.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use content_portal::customer::Schema;
use content_portal::pipeline::FitParams;
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Setup, TestApp, list, ok};
use crate::sheets::{HEADER, csv};
use crate::told_apart::told_apart;
use crate::trained::TrainedVersion;
use crate::upstream::{self, prompt_of, written};

const TOWNS: [&str; 12] = [
    "Bedok",
    "Bishan",
    "Clementi",
    "Geylang",
    "Hougang",
    "Kallang",
    "Novena",
    "Punggol",
    "Sengkang",
    "Tampines",
    "Woodlands",
    "Yishun",
];
const TIERS: [&str; 3] = ["Silver", "Gold", "Platinum"];
const GENDERS: [&str; 2] = ["Female", "Male"];

/// What a profile of these customers is: positions in the lists above, a year and a month.
type Kind = (usize, usize, usize, u32, u32);

/// Every combination of values.
fn every_kind() -> Vec<Kind> {
    let months = (0..24).map(|month| (2023 + month / 12, 1 + month % 12));
    let dated = months.flat_map(|when| (0..TOWNS.len()).map(move |town| (town, when)));
    let tiered = dated.flat_map(|(town, when)| (0..TIERS.len()).map(move |tier| (town, tier, when)));
    let gendered = tiered.flat_map(|(town, tier, when)| (0..2).map(move |gender| (town, tier, gender, when.0, when.1)));
    gendered.collect()
}

fn row(number: usize, (town, tier, gender, year, month): Kind) -> [String; 5] {
    let day = format!("{year}-{month:02}-15");
    [number.to_string(), day, TOWNS[town].into(), GENDERS[gender].into(), TIERS[tier].into()]
}

fn sheet(kinds: &[Kind]) -> Vec<u8> {
    csv(std::iter::once(HEADER.map(str::to_owned)).chain(kinds.iter().enumerate().map(|(n, kind)| row(n, *kind))))
}

/// The customers that are trained on.
fn customers() -> Vec<Kind> {
    let mut all = draw(7);
    // One kind that many have.
    all.extend(std::iter::repeat_n((0, 0, 0, 2023, 1), 15));
    all
}

/// 1,200 customers of one population: towns, tiers and seasons go together, so that there are segments, and most of
/// them are alone in what they are.
fn draw(seed: u64) -> Vec<Kind> {
    let mut state = seed;
    let mut below = |n: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % n
    };
    let customer = |_| {
        let season = below(4);
        let town = if below(10) < 7 { season * 3 + below(3) } else { below(TOWNS.len()) };
        let tier = if below(10) < 6 { season % 3 } else { below(3) };
        let month = if below(10) < 8 { season * 3 + below(3) } else { below(12) };
        (town, tier, below(2), 2023 + below(2) as u32, 1 + month as u32)
    };
    (0..1_200).map(customer).collect()
}

static MODEL: LazyLock<TrainedVersion> = LazyLock::new(|| {
    let schema = Schema::built_in().unwrap().into();
    TrainedVersion::train_on("customers.csv", &sheet(&customers()), schema, &FitParams::default(), true)
});

/// What is told of each customer of a sheet, by what the customer is: the numbers of `keys`, 0 where there is none.
fn told(answer: &Value, keys: [&str; 4]) -> BTreeMap<Kind, [f64; 4]> {
    let members = list(&answer["clusters"]).iter().flat_map(|cluster| list(&cluster["members"]));
    let place = |names: &[&str], name: &Value| names.iter().position(|own| name == own).unwrap();
    let whole = |value: &Value| value.as_u64().unwrap() as u32;
    let rows = members.map(|member| {
        let (town, tier) = (place(&TOWNS, &member["Location"]), place(&TIERS, &member["Loyalty Tier"]));
        let gender = place(&GENDERS, &member["Gender"]);
        let kind = (town, tier, gender, whole(&member["Join_Year"]), whole(&member["Join_Month"]));
        (kind, keys.map(|key| member[key].as_f64().unwrap_or(0.0)))
    });
    rows.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_of_every_combination_does_not_tell_which_of_them_training_had() {
    let app = TestApp::spawn_on(Setup::default(), &MODEL).await;
    let mut trained: BTreeMap<Kind, u32> = BTreeMap::new();
    for kind in customers() {
        *trained.entry(kind).or_default() += 1;
    }
    let kinds = every_kind();
    let answer = app.upload("all.csv", &sheet(&kinds)).await;
    let keys = ["strength", "confidence", "nearest_membership", "cluster_id"];
    let told = told(&answer, keys);
    assert_eq!(told.len(), kinds.len());
    // Whom training had and another draw of the same population has not, and the other way round: but for the training
    // these two are the same.
    let other: BTreeSet<Kind> = draw(11).into_iter().collect();
    let own = trained.iter().filter(|(kind, n)| **n < 10 && !other.contains(*kind)).map(|(kind, _)| kind);
    let (own, other): (Vec<&Kind>, Vec<&Kind>) =
        (own.collect(), other.iter().filter(|kind| !trained.contains_key(*kind)).collect());
    assert!(own.len() > 300 && other.len() > 300, "{} and {}", own.len(), other.len());
    for (at, key) in keys.iter().enumerate() {
        let [own, other] = [&own, &other].map(|kinds| kinds.iter().map(|kind| told[*kind][at]).collect::<Vec<f64>>());
        let apart = told_apart(&own, &other);
        assert!((apart - 0.5).abs() < 0.05, "{key}: {apart:.3}");
        println!("{key}: {apart:.3}");
    }
    for strength in told.values().flat_map(|told| [told[0], told[2]]) {
        assert!((strength * 20.0 - (strength * 20.0).round()).abs() < 1e-9, "{strength}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_uploads_of_one_customer_each_are_described_alike_where_they_are_in_one_segment() {
    let upstream = upstream::start(Box::new(|_| written("A text."))).await;
    let app = TestApp::spawn_on(Setup { writer: upstream::writer(&upstream), ..Setup::default() }, &MODEL).await;
    let told = told(&app.upload("all.csv", &sheet(&every_kind())).await, ["cluster_id"; 4]);
    let differ = |a: &Kind, b: &Kind| a.0 != b.0 && a.1 != b.1 && a.2 != b.2 && a.3 != b.3 && a.4 != b.4;
    let mut n_pairs = 0;
    for segment in told.values().map(|told| told[0] as i64).collect::<BTreeSet<_>>().into_iter().filter(|id| *id >= 0) {
        let own: Vec<&Kind> = told.iter().filter(|(_, told)| told[0] as i64 == segment).map(|(kind, _)| kind).collect();
        let Some(other) = own.iter().find(|kind| differ(own[0], kind)) else { continue };
        n_pairs += 1;
        let before = upstream.received_requests().await.unwrap().len();
        let mut answers = Vec::new();
        for kind in [own[0], *other] {
            let answer = app.upload("one.csv", &sheet(&[*kind])).await;
            assert_eq!(answer["drift"], Value::Null);
            let mut cluster = answer["clusters"][0].clone();
            assert_eq!(cluster["members"].take().as_array().unwrap().len(), 1);
            answers.push((cluster, answer["segments"][0].clone()));
        }
        assert_eq!(answers[0], answers[1]);
        assert_eq!(answers[0].0["cluster_id"], segment);
        let prompts: Vec<String> =
            upstream.received_requests().await.unwrap()[before..].iter().map(prompt_of).collect();
        assert_eq!(prompts.len(), 2);
        assert_eq!(prompts[0], prompts[1]);
        for told in list(&answers[0].0["distinguishing"]) {
            assert_eq!(told["claim"], "more_often", "of one customer nothing of the segment is a fact");
        }
    }
    assert!(n_pairs > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_of_which_nothing_is_known_is_written_to_as_everyone() {
    let app = TestApp::spawn_on(Setup::default(), &MODEL).await;
    let everyone = app.generate("/generate-promo", &json!({})).await;
    for body in
        [json!({"location": "Nowhere"}), json!({"join_year": 2001}), json!({"location": "x", "join_year": 2003})]
    {
        let answer = app.generate("/generate-promo", &body).await;
        assert_eq!(answer["audience"], "everyone", "{body}");
        for nothing in ["cluster_id", "cluster_strength", "cluster_confidence"] {
            assert_eq!(answer[nothing], Value::Null, "{nothing} of {body}");
        }
        assert_eq!((&answer["text"], &answer["persona_summary"]), (&everyone["text"], &everyone["persona_summary"]));
    }
    let known = app.generate("/generate-promo", &json!({"location": "Nowhere", "gender": "Male"})).await;
    assert_eq!(known["audience"], "customer");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_form_that_one_customer_alone_fits_is_answered_as_by_those_who_share_a_part_of_it() {
    let app = TestApp::spawn_on(Setup::default(), &MODEL).await;
    let mut trained: BTreeMap<Kind, u32> = BTreeMap::new();
    for kind in customers() {
        *trained.entry(kind).or_default() += 1;
    }
    let form = |(town, tier, gender, year, month): Kind| {
        json!({ "location": TOWNS[town], "loyalty_tier": TIERS[tier], "gender": GENDERS[gender], "join_year": year,
            "join_month": month.to_string() })
    };
    // The confidence in whom the model knows is learned; in a share it is the share.
    let is_a_share = |answer: &Value| answer["cluster_confidence"] == answer["cluster_strength"];
    let lone = trained.iter().filter(|(_, customers)| **customers == 1).map(|(kind, _)| *kind);
    for kind in lone.step_by(40) {
        let answer = app.generate("/generate-promo", &form(kind)).await;
        assert!(is_a_share(&answer), "{answer}");
    }
    let many = app.generate("/generate-promo", &form((0, 0, 0, 2023, 1))).await;
    assert!(!is_a_share(&many), "{many}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_year_to_come_is_left_out_and_parts_of_a_date_that_contradict_each_other_are_refused_at_the_field() {
    let app = TestApp::spawn().await;
    for (body, field) in [
        (json!({"join_year": 2101}), "join_year"),
        (json!({"join_month": 2, "join_quarter": 4}), "join_quarter"),
        (json!({"join_quarter": 7}), "join_quarter"),
    ] {
        let response = app.request(Method::POST, "/generate-promo").json(&body).send().await.unwrap();
        assert_eq!(response.status(), 422, "{body}");
        let problem: Value = response.json().await.unwrap();
        assert_eq!(problem["details"][0]["field"], field, "{problem}");
    }
    let to_come = ok(app.post("/generate-promo", &json!({"join_year": 2099, "join_quarter": 4})).await).await;
    assert_eq!(to_come["notes"][0]["code"], "value_left_out", "{to_come}");
    assert!(!to_come["prompt_used"].as_str().unwrap().contains("2099"));
    let quarter = ok(app.post("/generate-promo", &json!({"join_quarter": 4})).await).await;
    assert_eq!(quarter["fields_used"]["from_user_input"], json!(["join_quarter"]));
    assert!(quarter["cluster_strength"].as_f64().unwrap() > 0.9, "{quarter}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_form_says_is_told_as_a_fact_about_its_reader() {
    let app = TestApp::spawn().await;
    for variants in [1, 3] {
        let body = json!({"join_year": 2023, "join_month": "May", "platform": "Email", "num_variants": variants});
        let answer = app.generate("/generate-promo", &body).await;
        for text in list(&answer["variants"]) {
            let text = text.as_str().unwrap();
            assert!(text.contains("joined us in May 2023") || text.contains("found us in May 2023"), "{text}");
            for of_many in ["any of you", "lenty of you", "the many who"] {
                assert!(!text.contains(of_many), "{text}");
            }
        }
    }
}
