//! `POST /upload-excel`: a workbook in, written segments out, in both shapes of the contract.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};

use crate::app::{Setup, TestApp, keys, list, ok, root};
use crate::form::Form;
use crate::live::{events, named, upload_live};
use crate::sheets::{CUSTOMER, HEADER, csv, xlsx};

const MEMBER_KEYS: [&str; 9] = [
    "Location",
    "Gender",
    "Date Joined",
    "Join_Year",
    "Join_Month",
    "Join_Quarter",
    "Loyalty Tier",
    "Loyalty_Tier_Score",
    "cluster_id",
];

fn sum_of_sizes(answer: &Value) -> u64 {
    list(&answer["segments"]).iter().map(|segment| segment["size"].as_u64().unwrap()).sum()
}

fn dropped(answer: &Value) -> u64 {
    list(&answer["rows"]["dropped"]).iter().map(|reason| reason["rows"].as_u64().unwrap()).sum()
}

fn assert_every_row_is_counted(answer: &Value, rows: u64) {
    assert_eq!(answer["status"], "ok");
    assert_eq!(answer["rows"]["rows_read"], rows);
    assert_eq!(sum_of_sizes(answer) + dropped(answer), rows);
    assert_eq!(answer["rows"]["rows_used"], sum_of_sizes(answer));
}

fn is_text(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.trim().is_empty())
}

fn assert_persona(persona: &Value) {
    let lengths: BTreeMap<&str, usize> = [("Top_Locations", 3), ("Top_Join_Years", 2), ("Top_Join_Months", 2)].into();
    for (key, length) in lengths {
        assert_eq!(list(&persona[key]).len(), length, "{key} of {persona}");
    }
    assert!(is_text(&persona["Top_Gender"]) && is_text(&persona["Top_Loyalty_Tier"]), "{persona}");
    assert!(persona["Top_Join_Quarter"].is_u64(), "{persona}");
    assert!(list(&persona["Top_Locations"]).iter().all(is_text));
    assert!(list(&persona["Top_Join_Years"]).iter().chain(list(&persona["Top_Join_Months"])).all(Value::is_u64));
}

fn assert_member(member: &Value, cluster_id: &Value) {
    for key in MEMBER_KEYS {
        assert!(member.get(key).is_some(), "{key} of {member}");
    }
    let date = member["Date Joined"].as_str().unwrap();
    let day: jiff::civil::Date = date.parse().unwrap();
    assert_eq!(day.to_string(), date, "not as YYYY-MM-DD");
    assert_eq!(member["Join_Year"], day.year());
    assert_eq!(member["Join_Month"], day.month());
    assert_eq!(member["Join_Quarter"], (day.month() - 1) / 3 + 1);
    let tiers = ["Silver", "Gold", "Platinum"];
    let score = tiers.iter().position(|tier| member["Loyalty Tier"] == *tier).unwrap() + 1;
    assert_eq!(member["Loyalty_Tier_Score"], score);
    assert_eq!(&member["cluster_id"], cluster_id);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_of_the_sample_and_of_a_new_month_is_counted() {
    let app = TestApp::spawn().await;
    assert_every_row_is_counted(&app.upload_file("base_data/2026-01-01/customers.xlsx").await, 5_000);
    assert_every_row_is_counted(&app.upload_file("tests/fixtures/upload_2000.xlsx").await, 2_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_answered_in_the_written_shape_and_in_the_portal_s() {
    let app = TestApp::spawn().await;
    let file = fs::read(root("tests/fixtures/upload_2000.xlsx")).unwrap();
    let form = Form::new()
        .file("May list.xlsx", &file)
        .text("objective", "More visits on weekdays")
        .text("industry", "Bakery")
        .text("funnelStage", "Loyalty")
        .text("pastEngagement", "High");
    let answer = ok(app.send(form).await).await;

    let (segments, clusters) = (list(&answer["segments"]), list(&answer["clusters"]));
    assert_eq!(segments.len(), clusters.len());
    assert!(segments.len() >= 2);
    for (segment, cluster) in segments.iter().zip(clusters) {
        assert_eq!(segment["cluster_id"], cluster["cluster_id"]);
        assert!(segment["cluster_id"].is_i64());
        assert_persona(&segment["persona"]);
        assert_eq!(segment["persona"], cluster["persona"]);
        assert_eq!(segment["observed"].as_object().map(|o| o.len()), segment["persona"].as_object().map(|o| o.len()));
        assert!(is_text(&segment["content"]["text"]) && is_text(&segment["content"]["image_prompt"]));

        assert_eq!(cluster["default_post"], segment["content"]["text"]);
        assert!(is_text(&cluster["persona_summary"]) && is_text(&cluster["prompt_used"]));
        let members = list(&cluster["members"]);
        assert_eq!(members.len() as u64, segment["size"].as_u64().unwrap());
        members.iter().for_each(|member| assert_member(member, &cluster["cluster_id"]));
        let inputs = json!({"objective": "More visits on weekdays", "industry": "Bakery",
            "funnel_stage": "Loyalty", "past_engagement": "High"});
        assert_eq!(cluster["campaign_inputs"], inputs);
    }
    let ids: Vec<i64> = segments.iter().map(|segment| segment["cluster_id"].as_i64().unwrap()).collect();
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1] || pair[1] == -1), "{ids:?}");
    let shares: f64 = segments.iter().map(|segment| segment["share"].as_f64().unwrap()).sum();
    assert!((shares - 1.0).abs() < 1e-9, "{shares}");
    assert_eq!(answer["members_truncated"], false);
    assert_eq!(answer["unseen_values"], json!({}));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_kind_of_a_file_is_told_by_its_content() {
    let app = TestApp::spawn().await;
    let xls = fs::read(root("tests/fixtures/customers_300.xls")).unwrap();
    for name in ["customers.xls", "customers.xlsx", "customers.csv", "no extension"] {
        assert_every_row_is_counted(&app.upload(name, &xls).await, 300);
    }
    let rows = [HEADER, CUSTOMER];
    for bytes in [csv(rows), xlsx(rows)] {
        for name in ["customers.csv", "customers.XLSX", "customers.xls"] {
            assert_every_row_is_counted(&app.upload(name, &bytes).await, 1);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_of_a_dirty_workbook_is_used_or_counted_under_its_reason() {
    let app = TestApp::spawn().await;
    let answer = app.upload_file("tests/fixtures/dirty.xlsx").await;
    assert_every_row_is_counted(&answer, 17);
    assert_eq!(sum_of_sizes(&answer), 9);
    let mut reasons: Vec<_> = list(&answer["rows"]["dropped"])
        .iter()
        .map(|d| format!("{} {} × {}", d["reason"].as_str().unwrap(), d["column"].as_str().unwrap_or("-"), d["rows"]))
        .collect();
    reasons.sort();
    assert_eq!(
        reasons,
        [
            "duplicate - × 1",
            "in_future Date Joined × 1",
            "missing Date Joined × 2",
            "missing Location × 2",
            "not_a_date Date Joined × 1",
            "unknown_level Loyalty Tier × 1",
        ]
    );
    assert_eq!(answer["rows"]["columns_used"]["Loyalty Tier"], "membership_level");
    assert_eq!(answer["unseen_values"]["Location"]["most_frequent"]["Atlantis"], 1);
    let gender = &answer["unseen_values"]["Gender"];
    assert_eq!(gender, &json!({"distinct": 1, "rows": 1, "most_frequent": {"Other": 1}}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_without_a_gender_column_is_taken() {
    let app = TestApp::spawn().await;
    let rows = [["date_joined", "location", "loyalty_tier"], ["2024-02-29", "Bedok", "Gold"]];
    let answer = app.upload("customers.csv", &csv(rows)).await;
    assert_every_row_is_counted(&answer, 1);
    assert_eq!(answer["clusters"][0]["members"][0]["Gender"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn members_are_listed_up_to_the_cap_and_counted_beyond_it() {
    let app = TestApp::spawn_with(Setup { max_members: 250, ..Setup::default() }).await;
    let answer = app.upload_file("tests/fixtures/customers_300.xls").await;
    assert_every_row_is_counted(&answer, 300);
    assert_eq!(answer["members_truncated"], true);
    let listed: usize = list(&answer["clusters"]).iter().map(|cluster| list(&cluster["members"]).len()).sum();
    assert_eq!(listed, 250);
    let sizes: u64 = list(&answer["clusters"]).iter().map(|cluster| cluster["size"].as_u64().unwrap()).sum();
    assert_eq!(sizes, 300);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_members_of_a_segment_carry_the_contract_s_keys_and_where_they_belong() {
    let app = TestApp::spawn().await;
    let answer = app.upload("customers.csv", &csv([HEADER, CUSTOMER])).await;
    let mut found = keys(&answer["clusters"][0]["members"][0]);
    found.retain(|key| !["strength", "confidence", "nearest_cluster_id", "nearest_membership"].contains(key));
    assert_eq!(found, MEMBER_KEYS);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_beside_the_file_that_nobody_reads_is_listed_stream_or_not() {
    let app = TestApp::spawn().await;
    let file = fs::read(root("tests/fixtures/customers_300.xls")).unwrap();
    let form = || {
        let form = Form::new().file("a.xls", &file).text("objectve", "A secret plan").text("funnelStage", "Decision");
        form.text("colour", "blue").text("pastEngagement", "High")
    };
    let plain = ok(app.send(form()).await).await;
    let streamed = events(upload_live(&app, form()).await).await;
    for answer in [&plain, named(&streamed, "done")[0]] {
        assert_eq!(answer["ignored"], json!(["colour", "objectve"]));
        let sentence = "objectve is not a field; did you mean objective?";
        assert_eq!(answer["notes"], json!([{ "code": "unknown_field", "sentence": sentence }]));
        assert!(!answer.to_string().contains("A secret plan"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_s_second_row_counts_and_a_note_says_so() {
    let app = TestApp::spawn().await;
    let row = |id: usize, town: &str| format!("C{id},2024-02-29,{town},Female,Gold\n");
    let rows = |second: &str| {
        let customers: String = (0..20).map(|id| row(id, "Bedok")).collect();
        format!("customer id,date joined,location,gender,loyalty tier\n{customers}{second}")
    };
    let answer =
        ok(app.send(Form::new().file("a.csv", rows(&(row(3, "Novena") + &row(4, "Novena"))).as_bytes())).await);
    let answer = answer.await;
    assert_eq!(answer["rows"]["rows_used"], 22);
    let note = &answer["rows"]["notes"][0];
    assert_eq!(note["code"], "repeated_identifiers");
    assert!(note["sentence"].as_str().unwrap().starts_with("2 rows have the identifier of another row"), "{note}");
    // An exact copy counts once, and is counted among what was dropped.
    let copied = ok(app.send(Form::new().file("a.csv", rows(&row(3, "Bedok")).as_bytes())).await).await;
    assert_eq!((&copied["rows"]["rows_used"], &copied["rows"]["notes"]), (&json!(20), &Value::Null));
}
