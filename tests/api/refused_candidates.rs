//! What a job says of rows that were dropped, and of a candidate that was refused.

use reqwest::Method;
use serde_json::json;

use crate::app::{ADMIN_KEY, TestApp, ok, root};
use crate::form::Form;
use crate::live::{events, named};
use crate::problems::code;
use crate::sheets::{CUSTOMER, HEADER, csv};

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_job_leads_to_its_report_and_says_where_the_uploads_are() {
    let app = TestApp::spawn().await;
    let form = Form::new().file_in("files", "a.csv", &csv([HEADER, CUSTOMER, CUSTOMER]));
    let told = events(app.retrain("", Some(form), "text/event-stream").await).await;
    let [job] = named(&told, "done").try_into().unwrap();
    assert_eq!((&job["state"], &job["version"]), (&json!("refused"), &json!(null)), "{job}");
    assert_eq!(job["rows"], json!({ "read": 2, "used": 1, "dropped": 1 }));
    assert!(job["advice"].as_str().unwrap().contains("every upload stays where it is"), "{job}");
    assert_eq!(app.kept().len(), 1);
    let path = job["report"].as_str().unwrap();
    let ask = |accept: &str| app.request(Method::GET, path).bearer_auth(ADMIN_KEY).header("accept", accept).send();
    let report = ok(ask("application/json").await.unwrap()).await;
    assert_eq!((&report["verdict"], &report["cleaning"]["rows_read"]), (&json!("refused"), &json!(2)));
    let page = ask("text/html").await.unwrap();
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    assert!(page.text().await.unwrap().starts_with("<!doctype html>"));
    let unknown = app.request(Method::GET, "/models/20200101T000000.000000Z/report").bearer_auth(ADMIN_KEY);
    assert_eq!(code(unknown.send().await.unwrap()).await, (404, "no_such_version".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_published_job_says_what_became_of_the_rows() {
    let app = TestApp::with_base_data().await;
    let customers = std::fs::read(root("tests/fixtures/customers_300.xls")).unwrap();
    // The same customers once more: copies of rows that were read before.
    let form = Form::new().file_in("files", "again.xls", &customers);
    let job = ok(app.retrain("?wait=true", Some(form), "*/*").await).await;
    assert_eq!((&job["state"], &job["advice"]), (&json!("published"), &json!(null)), "{job}");
    assert_eq!(job["rows"], json!({ "read": 600, "used": 300, "dropped": 300 }));
}
