//! The trained versions over HTTP: seen, switched and taken back, by administrators alone.

use reqwest::{Method, Response};
use serde_json::json;

use crate::app::{ADMIN_KEY, TestApp, list, ok};
use crate::problems::code;
use crate::second_schema;
use crate::trained::SAMPLE_MODEL;

async fn ask(app: &TestApp, method: Method, path: &str) -> Response {
    app.request(method, path).bearer_auth(ADMIN_KEY).send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_without_the_key_learns_or_changes_anything() {
    let app = TestApp::spawn().await;
    let activate = format!("/models/{}/activate", SAMPLE_MODEL.id);
    let report = format!("/models/{}/report", SAMPLE_MODEL.id);
    for (method, path) in [(Method::GET, "/models"), (Method::GET, &report), (Method::POST, &activate)] {
        let plain = app.request(method.clone(), path).send().await.unwrap();
        assert_eq!(plain.headers()["www-authenticate"], "Bearer");
        assert_eq!(code(plain).await, (401, "not_admin".to_owned()));
        for wrong in ["", "a", "a-key-of-the-administrator", "a-key-of-the-administrators2"] {
            let response = app.request(method.clone(), path).bearer_auth(wrong).send().await.unwrap();
            assert_eq!(response.status(), 401, "{wrong}");
        }
        let basic = app.request(method, path).header("authorization", format!("Basic {ADMIN_KEY}"));
        assert_eq!(basic.send().await.unwrap().status(), 401);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_in_the_settings_the_doors_stay_closed() {
    let app = TestApp::spawn_with(crate::app::Setup { admin_key: None, ..Default::default() }).await;
    for key in ["", ADMIN_KEY] {
        let response = app.request(Method::GET, "/models").bearer_auth(key).send().await.unwrap();
        assert_eq!(code(response).await, (403, "admin_closed".to_owned()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_is_activated_at_once_and_taken_back_as_fast() {
    let app = TestApp::spawn().await;
    let other = &*second_schema::MODEL;
    other.publish_to(&app.models);
    let first = SAMPLE_MODEL.id.as_str();
    for (id, before) in [(other.id.as_str(), None), (first, Some(other.id.as_str())), (other.id.as_str(), Some(first))]
    {
        let activated = ok(ask(&app, Method::POST, &format!("/models/{id}/activate")).await).await;
        assert_eq!(activated["live"], id);
        if let Some(before) = before {
            assert_eq!(activated["before"], before);
        }
        let answer = app.post("/generate-post", &json!({})).await;
        assert_eq!(answer.headers()["x-model-version"], id);
        assert_eq!(ok(answer).await["model_version"], id);
        let models = ok(ask(&app, Method::GET, "/models").await).await;
        assert_eq!((&models["live"], list(&models["versions"]).len()), (&json!(id), 2));
        for version in list(&models["versions"]) {
            assert_eq!(version["is_current"], version["version"] == id);
            assert!(version["scores"]["clusters"].is_u64() && version.get("fault").is_none(), "{version}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parameter_that_a_changing_route_does_not_know_changes_nothing() {
    let app = TestApp::spawn().await;
    let other = &*second_schema::MODEL;
    other.publish_to(&app.models);
    for (method, path) in [
        (Method::POST, format!("/models/{}/activate?dry_run=true", other.id)),
        (Method::PUT, "/segments/0/extras?dry_run=true".to_owned()),
        (Method::POST, "/uploads/2cf24dba5fb0a30e26e83b2ac5b9e29e/approve?dry_run=true".to_owned()),
        (Method::DELETE, "/uploads/2cf24dba5fb0a30e26e83b2ac5b9e29e?dry_run=true".to_owned()),
        (Method::DELETE, "/retrain/5f0c1d9be2a84b6f8f5f6c1d9be2a84b?dry_run=true".to_owned()),
    ] {
        let response = ask(&app, method, &path).await;
        assert_eq!(response.status(), 422, "{path}");
        let problem: serde_json::Value = response.json().await.unwrap();
        assert_eq!(problem["details"][0]["field"], "dry_run", "{path}");
    }
    assert_eq!(ok(ask(&app, Method::GET, "/models").await).await["live"], SAMPLE_MODEL.id.as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_live_version_is_not_what_was_live_before_it() {
    let app = TestApp::spawn().await;
    let (live, path) = (SAMPLE_MODEL.id.as_str(), format!("/models/{}/activate", SAMPLE_MODEL.id));
    let again = ok(ask(&app, Method::POST, &path).await).await;
    assert_eq!(again, json!({ "live": live, "before": null, "changed": false }));
    let other = &*second_schema::MODEL;
    other.publish_to(&app.models);
    content_portal::model_store::ModelStore::new(&app.models).activate(&SAMPLE_MODEL.id).unwrap();
    let switched = ok(ask(&app, Method::POST, &format!("/models/{}/activate", other.id)).await).await;
    assert_eq!((&switched["live"], &switched["changed"]), (&json!(other.id.as_str()), &json!(true)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_report_of_a_training_is_there_to_be_read() {
    let app = TestApp::spawn().await;
    let report = ok(ask(&app, Method::GET, &format!("/models/{}/report", SAMPLE_MODEL.id)).await).await;
    assert!(report["gate"].is_array() && report["cleaning"].is_object(), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn people_get_the_report_as_a_page_that_loads_nothing() {
    let app = TestApp::spawn().await;
    let report = format!("/models/{}/report", SAMPLE_MODEL.id);
    let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    let asked = app.request(Method::GET, &report).bearer_auth(ADMIN_KEY).header("accept", browser);
    let page = asked.send().await.unwrap();
    assert_eq!(
        (page.status(), &page.headers()["content-type"]),
        (200.try_into().unwrap(), &"text/html; charset=utf-8".parse().unwrap())
    );
    assert!(page.headers()["content-security-policy"].to_str().unwrap().starts_with("default-src 'none';"));
    let page = page.text().await.unwrap();
    assert!(page.starts_with("<!doctype html>") && page.contains("<svg"), "{page}");
    let open = app.request(Method::GET, &report).header("accept", browser).send().await.unwrap();
    assert_eq!(code(open).await, (401, "not_admin".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_other_version_and_no_broken_one_can_be_made_live() {
    let app = TestApp::spawn().await;
    for id in ["20200101T000000Z-00000000", "..%2f..%2fsecret", "%ff", "current"] {
        for (method, path) in [(Method::GET, "report"), (Method::POST, "activate")] {
            let (status, code) = code(ask(&app, method, &format!("/models/{id}/{path}")).await).await;
            assert_eq!((status, code.as_str()), (404, "no_such_version"), "{id}/{path}");
        }
    }
    let other = &*second_schema::MODEL;
    let folder = other.publish_to(&app.models);
    content_portal::model_store::ModelStore::new(&app.models).activate(&SAMPLE_MODEL.id).unwrap();
    std::fs::write(folder.join("scaler.json"), "{}").unwrap();
    let refused = ask(&app, Method::POST, &format!("/models/{}/activate", other.id)).await;
    assert_eq!(code(refused).await, (409, "broken_version".to_owned()));
    assert_eq!(ok(app.get("/readyz").await).await["model_version"], SAMPLE_MODEL.id.as_str());
}
