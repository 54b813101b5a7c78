//! What a text is known by once it is out, and which customers get it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::app::{TestApp, list};
use crate::download::Book;
use crate::form::Form;
use crate::problems::problem;

const FILE: &str = "tests/fixtures/customers_300.xls";

/// The ids of a list of texts.
fn ids(tracking: &Value) -> Vec<&str> {
    list(tracking).iter().map(|text| text["content_id"].as_str().unwrap()).collect()
}

impl TestApp {
    /// An upload with three texts a segment.
    async fn upload_with_variants(&self) -> Value {
        let file = std::fs::read(crate::app::root(FILE)).unwrap();
        let form = Form::new().file("customers.xls", &file).text("num_variants", "3").text("objective", "More visits");
        let (content_type, body) = form.finish();
        let request = self.request(reqwest::Method::POST, "/upload-excel").header("content-type", content_type);
        request.body(body).send().await.unwrap().json().await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_variant_has_an_id_of_its_own_and_the_same_one_again() {
    let app = TestApp::spawn().await;
    let body = json!({ "cluster_id": 0, "platform": "Email", "objective": "20% off: Coats", "num_variants": 3 });
    let answer = app.generate("/generate-post", &body).await;
    let tracking = list(&answer["tracking"]);
    let variants: Vec<_> = tracking.iter().map(|text| text["variant"].as_u64().unwrap()).collect();
    assert_eq!(variants, [1, 2, 3]);
    let found = ids(&answer["tracking"]);
    assert_eq!(found.iter().collect::<BTreeSet<_>>().len(), 3);
    let groups: BTreeSet<_> = found.iter().map(|id| id.split_once('-').unwrap().0).collect();
    assert_eq!(groups.len(), 1, "{found:?}");
    let utm = format!("utm_source=email&utm_medium=email&utm_campaign=20-off-coats&utm_content={}", found[0]);
    assert_eq!(tracking[0]["utm"], utm);
    assert_eq!(app.generate("/generate-promo", &body).await["tracking"], answer["tracking"]);
    // The same words for another segment are another text.
    let elsewhere = json!({ "cluster_id": 1, "platform": "Email", "objective": "20% off: Coats", "num_variants": 3 });
    let elsewhere = app.generate("/generate-post", &elsewhere).await;
    assert!(ids(&elsewhere["tracking"]).iter().all(|id| !id.starts_with(groups.first().unwrap())), "{elsewhere}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_only_drawn_is_known_by_what_is_drawn() {
    let app = TestApp::spawn().await;
    let answer = app.generate("/generate-post", &json!({ "cluster_id": 0, "post_type": "ImagePrompt" })).await;
    assert_eq!((ids(&answer["tracking"]).len(), &answer["variants"]), (1, &json!([])));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_splits_its_members_among_the_variants_the_same_way_each_time() {
    let app = TestApp::spawn().await;
    let (answer, again) = (app.upload_with_variants().await, app.upload_with_variants().await);
    let mut counts = [0; 3];
    for (cluster, segment) in list(&answer["clusters"]).iter().zip(list(&answer["segments"])) {
        assert_eq!(cluster["tracking"], segment["content"]["tracking"]);
        assert_eq!(ids(&cluster["tracking"]).len(), 3);
        for member in list(&cluster["members"]) {
            counts[usize::try_from(member["variant"].as_u64().unwrap()).unwrap() - 1] += 1;
        }
    }
    assert_eq!(counts.iter().sum::<u32>(), 300);
    assert!(counts.iter().all(|&count| (70..=130).contains(&count)), "{counts:?}");
    assert_eq!(answer["clusters"], again["clusters"]);

    // A segment that is sent back whole has no unknown field.
    let again = app.generate("/generate-post", &answer["clusters"][0]).await;
    assert_eq!(again.get("ignored"), None, "{again}");

    // With one text there is nothing to split.
    let one = app.upload_file(FILE).await;
    assert_eq!(ids(&one["clusters"][0]["tracking"]).len(), 1);
    assert_eq!(one["clusters"][0]["members"][0].get("variant"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_says_which_text_each_customer_is_to_get() {
    let app = TestApp::spawn().await;
    let answer = app.upload_with_variants().await;
    let response = app.post("/segments/export", &answer).await;
    let book = Book::read(response.bytes().await.unwrap().into());
    assert!(book.rows.titles.ends_with(&["variant", "content_id"].map(str::to_owned)), "{:?}", book.rows.titles);
    let content = book.content.unwrap();
    assert_eq!(content.titles, ["cluster_id", "variant", "content_id", "utm", "text"]);
    let segments = list(&answer["segments"]);
    assert_eq!(content.rows.len(), 3 * segments.len());
    let texts: Vec<_> = segments.iter().flat_map(|segment| list(&segment["content"]["variants"])).collect();
    assert_eq!(content.texts("text"), texts.iter().map(|text| text.as_str().unwrap()).collect::<Vec<_>>());
    let of = |row: &std::collections::BTreeMap<String, calamine::Data>, titles: [&str; 3]| {
        titles.map(|title| row[title].to_string())
    };
    let known: BTreeSet<_> = content.rows.iter().map(|row| of(row, ["cluster_id", "variant", "content_id"])).collect();
    for row in &book.rows.rows {
        assert!(known.contains(&of(row, ["cluster_id", "variant", "content_id"])), "{row:?}");
    }

    // What the portal keeps of it is enough.
    let clusters = app.post("/segments/export", &json!({ "clusters": answer["clusters"] })).await;
    let book = Book::read(clusters.bytes().await.unwrap().into());
    let ids: BTreeSet<_> = book.rows.texts("content_id").into_iter().collect();
    assert_eq!(ids, content.texts("content_id").into_iter().collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_was_edited_by_hand_is_exported_under_an_id_of_its_own() {
    let app = TestApp::spawn().await;
    let mut answer = app.upload_with_variants().await;
    let written = Book::read(app.export("/segments/export", &answer).await);
    answer["segments"][0]["content"]["variants"][1] = json!("What I say myself.");
    let edited = Book::read(app.export("/segments/export", &answer).await);
    let [before, after] = [&written, &edited].map(|book| book.content.as_ref().unwrap());
    let [ids_before, ids_after] = [before, after].map(|content| content.texts("content_id"));
    let differ: Vec<usize> = (0..ids_before.len()).filter(|&at| ids_before[at] != ids_after[at]).collect();
    assert_eq!(differ, [1]);
    let group = |id: &str| id.split_once('-').unwrap().0.to_owned();
    assert_eq!(group(&ids_before[1]), group(&ids_after[1]));
    assert!(after.texts("utm")[1].ends_with(&ids_after[1]), "{:?}", after.texts("utm"));
    // Its readers have the same id.
    assert!(edited.rows.texts("content_id").contains(&ids_after[1]));
    assert!(!edited.rows.texts("content_id").contains(&ids_before[1]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_text_counts_wherever_it_is_and_never_under_the_machine_s_id() {
    let app = TestApp::spawn().await;
    let answer = app.upload_with_variants().await;
    let first = |book: &Book| {
        let content = book.content.as_ref().unwrap();
        [book.segments.texts("text"), content.texts("text"), content.texts("content_id")].map(|texts| texts[0].clone())
    };
    let [_, _, id] = first(&Book::read(app.export("/segments/export", &answer).await));
    let places = [
        ("/segments/0/content/text", "segments"),
        ("/segments/0/content/variants/0", "segments"),
        ("/clusters/0/default_post", "clusters"),
    ];
    let mut ids = BTreeSet::from([id]);
    for (place, list) in places {
        let mut edited = answer.clone();
        *edited.pointer_mut(place).unwrap() = json!("What I say myself.");
        // The whole answer, and the list of it alone that was kept: neither needs the version beside it.
        for body in [edited.clone(), json!({ list: edited[list] })] {
            let [shown, text, own] = first(&Book::read(app.export("/segments/export", &body).await));
            assert_eq!([shown, text], ["What I say myself."; 2], "{place}");
            ids.insert(own);
        }
    }
    assert_eq!(ids.len(), 2, "{ids:?}: the machine's, and one of the edited text");

    let mut contradicting = answer.clone();
    *contradicting.pointer_mut(places[0].0).unwrap() = json!("One thing.");
    *contradicting.pointer_mut(places[2].0).unwrap() = json!("Another.");
    let (status, told) = problem(app.post("/segments/export", &contradicting).await).await;
    let rule = "must be left out, or say the same as segments[0].content.text";
    let detail = &told["details"][0];
    assert_eq!((status, &detail["field"]), (422, &json!("clusters[0].default_post")), "{told}");
    assert_eq!(detail["message"], rule);
    // So is what sets the segment apart, in words or in data.
    for (place, value) in [("persona_summary", json!("Nice.")), ("persona", json!({"Top_Gender": "Other"}))] {
        let mut contradicting = answer.clone();
        contradicting["clusters"][0][place] = value;
        let (status, told) = problem(app.post("/segments/export", &contradicting).await).await;
        assert_eq!((status, &told["details"][0]["field"]), (422, &json!(format!("clusters[0].{place}"))), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_was_added_has_an_id_of_its_own_and_one_is_taken_out_with_its_id() {
    let app = TestApp::spawn().await;
    let answer = app.upload_with_variants().await;
    // Out of its list alone, it would leave its customers without an id.
    let mut taken_out = json!({ "segments": answer["segments"] });
    taken_out["segments"][0]["content"]["variants"].as_array_mut().unwrap().pop();
    let (status, told) = problem(app.post("/segments/export", &taken_out).await).await;
    assert_eq!((status, &told["details"][0]["field"]), (422, &json!("segments[0].content.tracking")), "{told}");

    // The new id is in the same group.
    let mut added = json!({ "segments": answer["segments"] });
    for list in ["variants", "tracking"] {
        added["segments"][0]["content"][list].as_array_mut().unwrap().truncate(2);
    }
    added["segments"][0]["content"]["variants"].as_array_mut().unwrap().push(json!("And a third."));
    let content = Book::read(app.export("/segments/export", &added).await).content.unwrap();
    let (texts, variants, ids) = (content.texts("text"), content.texts("variant"), content.texts("content_id"));
    assert_eq!((texts[2].as_str(), variants[2].as_str()), ("And a third.", "3"));
    assert!(ids[2] != ids[0] && ids[2].split('-').next() == ids[0].split('-').next(), "{ids:?}");
    assert!(content.texts("utm")[2].ends_with(&ids[2]), "{:?}", content.texts("utm"));
    let without_ids = json!({"segments": [{"cluster_id": 1, "content": {"variants": ["a", "b", "c"]}}]});
    let content = Book::read(app.export("/segments/export", &without_ids).await).content.unwrap();
    assert_eq!(
        (content.texts("text"), content.texts("content_id")[2].as_str()),
        (["a", "b", "c"].map(str::to_owned).into(), "")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_for_personas_that_are_no_segment_s_are_not_those_for_everyone() {
    let app = TestApp::spawn().await;
    let group = async |body: &Value| {
        let answer = app.generate("/generate-editor-post", body).await;
        ids(&answer["tracking"])[0].split_once('-').unwrap().0.to_owned()
    };
    let everyone = group(&json!({})).await;
    let bedok = group(&json!({ "persona": { "Top_Locations": ["Bedok"] } })).await;
    let novena = group(&json!({ "persona": { "Top_Locations": ["Novena"] } })).await;
    assert_eq!(BTreeSet::from([&everyone, &bedok, &novena]).len(), 3);
    let with_an_entry = json!({ "persona": { "Top_Locations": ["Bedok"], "Interests": "tea" } });
    assert_eq!(group(&with_an_entry).await, bedok, "another entry is no other audience");
    // A trained persona is its segment's, also without the id.
    let trained = app.generate("/generate-post", &json!({ "cluster_id": 1 })).await;
    let own = ids(&trained["tracking"])[0].split_once('-').unwrap().0.to_owned();
    assert_eq!(group(&json!({ "persona": trained["persona"] })).await, own);
}
