//! What the Angular portal sends, field by field, and everything that it reads, with its types. The portal ships
//! unchanged: a change of this file is a change of the contract.

use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::app::{TestApp, keys, list, ok, root};
use crate::form::Form;

const PORTAL: &str = "http://localhost:4200";

/// The portal in a browser: each request is preceded by the browser's question whether it may be sent.
struct Portal {
    app: TestApp,
}

impl Portal {
    async fn open() -> Self {
        Self { app: TestApp::spawn().await }
    }

    async fn post(&self, path: &str, body: &Value) -> Response {
        self.ask_leave(path).await;
        let request = self.app.request(Method::POST, path).header("origin", PORTAL).json(body);
        readable(request.send().await.unwrap())
    }

    async fn upload(&self, form: Form) -> Response {
        self.ask_leave("/upload-excel").await;
        let (content_type, body) = form.finish();
        let request = self.app.request(Method::POST, "/upload-excel").header("origin", PORTAL);
        readable(request.header("content-type", content_type).body(body).send().await.unwrap())
    }

    /// The cross-origin preflight (Fetch standard, 4.9).
    async fn ask_leave(&self, path: &str) {
        let request = self.app.request(Method::OPTIONS, path).header("origin", PORTAL);
        let request = request.header("access-control-request-method", "POST");
        let response = request.header("access-control-request-headers", "content-type").send().await.unwrap();
        assert!(response.status().is_success(), "{path}");
        let headers = response.headers();
        assert_eq!(headers["access-control-allow-origin"], PORTAL);
        assert!(headers["access-control-allow-methods"].to_str().unwrap().contains("POST"));
        assert!(headers["access-control-allow-headers"].to_str().unwrap().contains("content-type"));
    }

    /// Fetches a picture from the address that an answer gave.
    async fn picture(&self, url: &str) -> Vec<u8> {
        assert!(url.starts_with(&self.app.url("/images/")), "{url} is not absolute or not here");
        let response = self.app.get(url.strip_prefix(&self.app.url("")).unwrap()).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "image/png");
        let bytes = response.bytes().await.unwrap();
        assert!(bytes.starts_with(b"\x89PNG\r\n\x1a\n"));
        bytes.to_vec()
    }
}

/// An answer that the browser lets the portal read.
fn readable(response: Response) -> Response {
    assert_eq!(response.headers()["access-control-allow-origin"], PORTAL);
    response
}

fn smart_form(post_type: &str, num_variants: u8) -> Value {
    json!({
        "gender": "Female", "location": "Bedok", "loyalty_tier": "Gold", "join_year": 2023, "join_month": "May",
        "objective": "More visits on weekdays", "industry": "Bakery", "marketing_funnel_stage": "Consideration",
        "past_engagement": "Moderate", "platform": "Facebook", "post_type": post_type, "tone": "Fun",
        "num_variants": num_variants,
    })
}

fn texts(values: &Value) -> Vec<&str> {
    let texts: Vec<&str> = list(values).iter().map(|text| text.as_str().unwrap()).collect();
    assert!(texts.iter().all(|text| text.len() > 20), "{texts:?}");
    texts
}

#[tokio::test(flavor = "multi_thread")]
async fn the_smart_form_gets_one_entry_a_variant_of_the_kind_it_asked_for() {
    let portal = Portal::open().await;
    for n in 1..=3 {
        let answer = ok(portal.post("/generate-promo", &smart_form("Text", n)).await).await;
        assert_eq!(texts(&answer["generated_result"]).len(), usize::from(n));
        let image = ok(portal.post("/generate-promo", &smart_form("Image", n)).await).await;
        assert_eq!(list(&image["generated_result"]).len(), usize::from(n));
        for url in list(&image["generated_result"]) {
            portal.picture(url.as_str().unwrap()).await;
        }
        let both = ok(portal.post("/generate-promo", &smart_form("Both", n)).await).await;
        assert_eq!(list(&both["generated_result"]).len(), usize::from(n));
        for entry in list(&both["generated_result"]) {
            assert_eq!(keys(entry), ["text", "image"]);
            assert!(entry["text"].as_str().unwrap().len() > 20);
            portal.picture(entry["image"].as_str().unwrap()).await;
        }
        for answer in [answer, image, both] {
            assert!(answer["prompt_used"].is_string());
            for list_name in ["from_cluster", "from_user_input", "optional_inputs"] {
                assert!(list(&answer["fields_used"][list_name]).iter().all(Value::is_string), "{list_name}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_choice_that_the_smart_form_offers_is_taken() {
    let portal = Portal::open().await;
    let choices: [(&str, &[&str]); 8] = [
        ("gender", &["Male", "Female", "Other"]),
        ("loyalty_tier", &["Silver", "Gold", "Platinum"]),
        ("join_month", &["January", "September", "December"]),
        ("marketing_funnel_stage", &["Awareness", "Consideration", "Decision", "Loyalty"]),
        ("past_engagement", &["High", "Moderate", "Low"]),
        ("platform", &["Instagram", "Facebook", "LinkedIn", "TikTok", "Email", "Website"]),
        ("tone", &["Professional", "Fun", "Empathetic", "Casual", "Playful"]),
        ("location", &["A town whose name has 35 characters"]),
    ];
    for (field, values) in choices {
        for value in values {
            let mut form = smart_form("Text", 1);
            form[field] = json!(value);
            let answer = ok(portal.post("/generate-promo", &form).await).await;
            assert_eq!(texts(&answer["generated_result"]).len(), 1, "{field} {value}");
        }
    }
    for year in [json!(2000), json!(2024), json!("2023"), json!(2100)] {
        let mut form = smart_form("Text", 1);
        form["join_year"] = year;
        form["objective"] = json!("x".repeat(100));
        ok(portal.post("/generate-promo", &form).await).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_cannot_be_taken_is_no_success_and_says_why() {
    let portal = Portal::open().await;
    let mut form = smart_form("Text", 1);
    form["join_year"] = json!(1999);
    form["platform"] = json!("Radio");
    let response = portal.post("/generate-promo", &form).await;
    assert_eq!(response.status(), 422);
    let problem: Value = response.json().await.unwrap();
    assert!(problem["error"].is_string());
    let mut fields: Vec<&str> = list(&problem["details"]).iter().map(|d| d["field"].as_str().unwrap()).collect();
    fields.sort_unstable();
    assert_eq!(fields, ["join_year", "platform"]);
}

fn upload_form(file: &str) -> Form {
    Form::new()
        .file(file.rsplit('/').next().unwrap(), &std::fs::read(root(file)).unwrap())
        .text("objective", "Increase sales of winter coats")
        .text("industry", "Retail")
        .text("funnelStage", "Decision")
        .text("pastEngagement", "High")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_gets_clusters_with_everything_that_the_portal_reads() {
    let portal = Portal::open().await;
    let answer = ok(portal.upload(upload_form("tests/fixtures/upload_2000.xlsx")).await).await;
    let clusters = list(&answer["clusters"]);
    assert!(clusters.len() >= 2);
    for cluster in clusters {
        assert!(cluster["cluster_id"].is_i64());
        let persona = &cluster["persona"];
        assert!(["Male", "Female", "Other"].contains(&persona["Top_Gender"].as_str().unwrap()));
        assert_eq!(list(&persona["Top_Locations"]).iter().filter(|town| town.is_string()).count(), 3);
        assert!(["Silver", "Gold", "Platinum"].contains(&persona["Top_Loyalty_Tier"].as_str().unwrap()));
        assert!((1..=4).contains(&persona["Top_Join_Quarter"].as_i64().unwrap()));
        for (key, range) in [("Top_Join_Years", 2000..=2100), ("Top_Join_Months", 1..=12)] {
            let values = list(&persona[key]);
            assert!(values.len() == 2 && values.iter().all(|v| range.contains(&v.as_i64().unwrap())), "{key}");
        }
        assert!(cluster["persona_summary"].as_str().unwrap().ends_with('.'));
        assert!(cluster["default_post"].as_str().unwrap().len() > 20);
        assert!(cluster["prompt_used"].is_string());
        assert!(!list(&cluster["members"]).is_empty());
        for member in list(&cluster["members"]) {
            let date = member["Date Joined"].as_str().unwrap();
            assert!(date.len() == 10 && date.parse::<jiff::civil::Date>().is_ok(), "{date}");
            for text in ["Location", "Gender", "Loyalty Tier"] {
                assert!(member[text].is_string(), "{text}");
            }
            for whole in ["Loyalty_Tier_Score", "Join_Year", "Join_Month", "Join_Quarter", "cluster_id"] {
                assert!(member[whole].is_i64(), "{whole}");
            }
            assert_eq!(member["cluster_id"], cluster["cluster_id"]);
        }
        let inputs = json!({
            "objective": "Increase sales of winter coats", "industry": "Retail", "funnel_stage": "Decision",
            "past_engagement": "High",
        });
        assert_eq!(cluster["campaign_inputs"], inputs);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sheet_without_gender_is_taken_as_the_portal_lets_it_through() {
    let portal = Portal::open().await;
    let sheet = b"loyalty_tier,DATE joined,Location\nGold,2024-02-29,Bedok\nSilver,2023-11-03,Punggol\n";
    let answer = ok(portal.upload(Form::new().file("customers.csv", sheet).text("funnelStage", "")).await).await;
    let members: usize = list(&answer["clusters"]).iter().map(|cluster| list(&cluster["members"]).len()).sum();
    assert_eq!(members, 2);
}

fn editor_body(cluster: &Value, post_type: &str, num_variants: u8) -> Value {
    json!({
        "persona_summary": cluster["persona_summary"], "persona": cluster["persona"], "platform": "", "tone": "",
        "post_type": post_type, "num_variants": num_variants, "objective": "More visits", "industry": "Bakery",
        "marketing_funnel_stage": "Loyalty", "past_engagement": "Low",
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_segment_editor_gets_variants_and_images_of_one_length_and_may_leave_platform_and_tone_open() {
    let portal = Portal::open().await;
    let upload = ok(portal.upload(upload_form("tests/fixtures/customers_300.xls")).await).await;
    let cluster = &upload["clusters"][0];
    for n in 1..=3 {
        let answer = ok(portal.post("/generate-editor-post", &editor_body(cluster, "Both", n)).await).await;
        assert_eq!(texts(&answer["variants"]).len(), usize::from(n));
        assert_eq!(list(&answer["images"]).len(), usize::from(n));
        for url in list(&answer["images"]) {
            portal.picture(url.as_str().unwrap()).await;
        }
        assert!(!answer["prompt"].as_str().unwrap().is_empty());
        assert!(answer["used_fields"].is_object());
        let text = ok(portal.post("/generate-editor-post", &editor_body(cluster, "Text", n)).await).await;
        assert_eq!((texts(&text["variants"]).len(), list(&text["images"]).len()), (usize::from(n), 0));
        let image = ok(portal.post("/generate-editor-post", &editor_body(cluster, "Image", n)).await).await;
        assert_eq!((list(&image["variants"]).len(), list(&image["images"]).len()), (0, usize::from(n)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_segment_is_written_again_from_what_the_browser_kept() {
    let portal = Portal::open().await;
    let upload = ok(portal.upload(upload_form("tests/fixtures/customers_300.xls")).await).await;
    let cluster = &upload["clusters"][0];
    let body = json!({
        "persona_summary": cluster["persona_summary"], "persona": cluster["persona"],
        "cluster_id": cluster["cluster_id"], "members": cluster["members"],
        "campaign_inputs": cluster["campaign_inputs"],
    });
    let answer = ok(portal.post("/generate-post", &body).await).await;
    assert_eq!(texts(&answer["post"]).len(), 1);
    assert!(answer["prompt_used"].as_str().unwrap().contains("winter coats"));
    assert_eq!(answer["cluster_id"], cluster["cluster_id"]);
    assert!(answer.get("image_url").is_some_and(|url| url.is_null() || url.is_string()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_downloaded_under_the_name_the_portal_gives_it() {
    let portal = Portal::open().await;
    let answer = ok(portal.post("/generate-promo", &smart_form("Image", 1)).await).await;
    let url = answer["generated_result"][0].as_str().unwrap();
    let response = portal.post("/api/proxy-download", &json!({ "url": url, "name": "promo 1.png" })).await;
    assert_eq!(response.status(), 200);
    let disposition = response.headers()["content-disposition"].to_str().unwrap().to_owned();
    assert!(disposition.starts_with("attachment; filename=\"promo 1.png\""), "{disposition}");
    assert_eq!(response.headers()["content-type"], "image/png");
    assert_eq!(response.bytes().await.unwrap(), portal.picture(url).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_written_api_s_bodies_get_what_it_promises() {
    let portal = Portal::open().await;
    for (output, has_text, has_prompt) in [("text", true, false), ("image_prompt", false, true), ("both", true, true)] {
        let body = json!({
            "objective": "More visits", "industry": "Retail", "funnel_stage": "Decision", "past_engagement": "High",
            "prefer_output": output,
        });
        for path in ["/generate-post", "/generate-promo"] {
            let answer = ok(portal.post(path, &body).await).await;
            assert_eq!(answer.get("text").is_some_and(Value::is_string), has_text, "{output}: {answer}");
            assert_eq!(answer.get("image_prompt").is_some_and(Value::is_string), has_prompt, "{output}: {answer}");
        }
    }
    let upload = ok(portal.upload(upload_form("tests/fixtures/customers_300.xls")).await).await;
    assert_eq!(upload["status"], "ok");
    for segment in list(&upload["segments"]) {
        assert!(segment["cluster_id"].is_i64() && segment["persona"].is_object());
        assert!(segment["content"]["text"].is_string() && segment["content"]["image_prompt"].is_string());
    }
}
