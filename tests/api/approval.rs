//! Uploads without a key wait for approval before a training learns from them.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use content_portal::upload_store::{KeepUploads, TrainOn, UploadRules};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::app::{ADMIN_KEY, Setup, TestApp, list, ok, root};
use crate::form::Form;

const KEY: &str = "a-key-of-the-portal";
const WORKBOOK: &str = "tests/fixtures/customers_300.xls";

async fn as_admin(app: &TestApp, method: Method, path: &str) -> Response {
    app.request(method, path).bearer_auth(ADMIN_KEY).send().await.unwrap()
}

async fn listed(app: &TestApp) -> Value {
    list(&ok(as_admin(app, Method::GET, "/uploads").await).await["uploads"])[0].clone()
}

/// The files that a forced retraining read, of which it left so many out.
async fn trained_on(app: &TestApp, n_left_out: usize) -> Vec<String> {
    let job = ok(as_admin(app, Method::POST, "/retrain?wait=true&force=true").await).await;
    assert_eq!(job["state"], "published", "{job}");
    let left_out = list(&job["left_out"]);
    assert_eq!(left_out.iter().filter(|file| file["why"] == "it waits for approval").count(), n_left_out, "{job}");
    let report = ok(as_admin(app, Method::GET, job["report"].as_str().unwrap()).await).await;
    list(&report["files"]).iter().map(|file| file.as_str().unwrap().to_owned()).collect()
}

async fn with_base_data(setup: Setup) -> TestApp {
    let app = TestApp::spawn_with(setup).await;
    let folder = app.models.parent().unwrap().join("base_data/2026-01-01");
    fs::create_dir_all(&folder).unwrap();
    fs::copy(root("tests/fixtures/upload_2000.xlsx"), folder.join("customers.xlsx")).unwrap();
    app
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_without_a_key_teaches_nothing_until_it_is_approved() {
    let app = with_base_data(Setup::default()).await;
    let uploaded = app.upload_file(WORKBOOK).await["upload"].clone();
    let id = uploaded["id"].as_str().unwrap();
    assert_eq!(uploaded["state"], "waiting");
    let sentence = uploaded["training"].as_str().unwrap();
    assert!(sentence.contains("until an administrator approves") && sentence.contains(id), "{sentence}");
    assert_eq!(
        listed(&app).await,
        json!({"id": id, "received_at": listed(&app).await["received_at"],
            "last_sent_at": listed(&app).await["last_sent_at"], "bytes": listed(&app).await["bytes"],
            "state": "waiting", "sent_by": null, "approved_by": null, "rows": 300})
    );
    assert_eq!(trained_on(&app, 1).await, ["2026-01-01/customers.xlsx"]);
    assert_eq!(app.kept().len(), 1, "it still waits");
    // Sent again, it is no more approved than before, and known to have come again.
    let first = listed(&app).await;
    assert_eq!(app.upload_file(WORKBOOK).await["upload"]["state"], "waiting");
    let again = listed(&app).await;
    assert_eq!(again["received_at"], first["received_at"]);
    assert!(again["last_sent_at"].as_str() > first["last_sent_at"].as_str(), "{first} {again}");

    let approve = format!("/uploads/{id}/approve");
    assert_eq!(app.request(Method::POST, &approve).send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    let approved = ok(as_admin(&app, Method::POST, &approve).await).await;
    assert_eq!((&approved["state"], &approved["approved_by"]), (&json!("approved"), &json!("ADMIN_KEY")));
    assert_eq!(listed(&app).await, approved);
    assert_eq!(trained_on(&app, 0).await.len(), 2);
    assert_eq!(fs::read_dir(&app.uploads).unwrap().count(), 0, "nothing of it is left in the folder");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_with_a_key_teaches_the_next_training_and_approves_what_came_without_one() {
    let app = with_base_data(Setup { api_keys: vec![KEY], ..Setup::default() }).await;
    let (content_type, body) = Form::new().file("a.xls", &fs::read(root(WORKBOOK)).unwrap()).finish();
    let request = app.request(Method::POST, "/upload-excel").header("content-type", content_type);
    let request = request.bearer_auth(KEY).header("x-request-id", "sent-1");
    let uploaded = ok(request.body(body).send().await.unwrap()).await["upload"].clone();
    assert_eq!(uploaded["state"], "approved");
    let noted = app.audited("sent-1").await;
    assert_eq!((&noted["key"], &noted["upload"]), (&json!("API_KEYS.1"), &uploaded["id"]), "{noted}");
    let training = "The next training learns from these rows, but for those of customers who were erased.";
    assert_eq!(uploaded["training"], training);
    let upload = listed(&app).await;
    assert_eq!((&upload["state"], &upload["rows"]), (&json!("approved"), &json!(300)));
    assert_eq!((&upload["sent_by"], &upload["approved_by"]), (&json!("API_KEYS.1"), &Value::Null));
    assert_eq!(trained_on(&app, 0).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_has_trainings_learn_from_all_uploads_or_from_none() {
    for (train_on, words) in [(TrainOn::All, "The next training learns"), (TrainOn::Off, "TRAIN_ON_UPLOADS is off")] {
        let upload_rules = UploadRules { min_free_bytes: 0, train_on, ..UploadRules::default() };
        let app = TestApp::spawn_with(Setup { upload_rules, ..Setup::default() }).await;
        let uploaded = app.upload_file(WORKBOOK).await["upload"].clone();
        assert!(uploaded["training"].as_str().unwrap().contains(words), "{uploaded}");
        if train_on == TrainOn::Off {
            let workbook = fs::read(root("tests/fixtures/upload_2000.xlsx")).unwrap();
            let (content_type, body) = Form::new().file_in("files", "new.xlsx", &workbook).finish();
            let request = app.request(Method::POST, "/retrain?wait=true").header("content-type", content_type);
            let refused = request.bearer_auth(ADMIN_KEY).body(body).send().await.unwrap();
            assert_eq!(refused.status(), 422);
            let refused = refused.text().await.unwrap();
            assert!(refused.contains("TRAIN_ON_UPLOADS is off") && app.kept().len() == 1, "{refused}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn workbooks_of_a_retraining_are_kept_as_columns_where_uploads_are() {
    let upload_rules = UploadRules { min_free_bytes: 0, keep: KeepUploads::Columns, ..UploadRules::default() };
    let app = TestApp::spawn_with(Setup { upload_rules, ..Setup::default() }).await;
    let workbook = fs::read(root("tests/fixtures/upload_2000.xlsx")).unwrap();
    let (content_type, body) = Form::new().file_in("files", "March.xlsx", &workbook).finish();
    let request = app.request(Method::POST, "/retrain?wait=true").bearer_auth(ADMIN_KEY);
    let job = ok(request.header("content-type", content_type).body(body).send().await.unwrap()).await;
    assert_eq!(job["state"], "published", "{job}");
    let report = ok(as_admin(&app, Method::GET, job["report"].as_str().unwrap()).await).await;
    let file = list(&report["files"])[0].as_str().unwrap();
    assert!(file.starts_with("uploads/") && file.ends_with(".columns"), "{file}");
    assert_eq!((&report["scores"]["rows"], app.kept().len()), (&json!(2000), 0));
    // Invented customers are told from others by the bytes of their file, so those stay.
    let sample = "base_data/2026-01-01/customers.xlsx";
    app.upload_file(sample).await;
    let [kept] = app.kept().try_into().unwrap();
    assert_eq!(
        (kept.extension().unwrap(), fs::read(&kept).unwrap()),
        ("xlsx".as_ref(), fs::read(root(sample)).unwrap())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_that_are_removed_at_the_same_time_do_not_refuse_each_other() {
    let app = TestApp::spawn().await;
    let mut paths = Vec::new();
    for n in 0..6 {
        let rows: String = (0..12).map(|row| format!("C-{n}{row},2024-01-02,Bedok,Female,Gold\n")).collect();
        let file = format!("Customer ID,Date Joined,Location,Gender,Loyalty Tier\n{rows}");
        let (content_type, body) = Form::new().file("customers.csv", file.as_bytes()).finish();
        let request = app.request(Method::POST, "/upload-excel").header("content-type", content_type);
        let answer = ok(request.body(body).send().await.unwrap()).await;
        paths.push(format!("/uploads/{}", answer["upload"]["id"].as_str().unwrap()));
    }
    let removed = futures::future::join_all(paths.iter().map(|path| as_admin(&app, Method::DELETE, path))).await;
    let statuses: Vec<_> = removed.iter().map(Response::status).collect();
    assert_eq!((statuses, app.kept().len()), (vec![StatusCode::NO_CONTENT; 6], 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_removed_by_administrators_alone_and_others_alone_may_read_no_file() {
    let app = TestApp::spawn().await;
    let id = app.upload_file(WORKBOOK).await["upload"]["id"].as_str().unwrap().to_owned();
    for path in fs::read_dir(&app.uploads).unwrap().map(|entry| entry.unwrap().path()) {
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{}", path.display());
    }
    assert_eq!(fs::metadata(&app.uploads).unwrap().permissions().mode() & 0o777, 0o700);
    let path = format!("/uploads/{id}");
    let nobody = app.request(Method::DELETE, &path).send().await.unwrap();
    assert_eq!((nobody.status(), app.kept().len()), (StatusCode::UNAUTHORIZED, 1));
    assert_eq!(as_admin(&app, Method::DELETE, &path).await.status(), StatusCode::NO_CONTENT);
    assert_eq!(fs::read_dir(&app.uploads).unwrap().count(), 0);
    for (method, path) in [
        (Method::DELETE, path.clone()),
        (Method::POST, format!("{path}/approve")),
        (Method::DELETE, "/uploads/..%2fmodels".to_owned()),
        (Method::DELETE, format!("/uploads/{}", id.to_uppercase())),
    ] {
        let missing = as_admin(&app, method, &path).await;
        assert_eq!(missing.status(), StatusCode::NOT_FOUND, "{path}");
        assert_eq!(missing.json::<Value>().await.unwrap()["code"], "no_such_upload");
    }
}
