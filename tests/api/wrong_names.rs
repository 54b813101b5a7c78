//! What comes under a name that nothing reads is not lost: the answer names it, and the right one.

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{ADMIN_KEY, TestApp, list, ok};
use crate::form::Form;
use crate::problems::problem;
use crate::sheets::{CUSTOMER, HEADER, csv};

fn sheet() -> Vec<u8> {
    csv([HEADER, CUSTOMER])
}

/// Status and sentence of the answer to a form.
async fn told(app: &TestApp, path: &str, form: Form) -> (u16, String) {
    let (content_type, body) = form.finish();
    let request = app.request(Method::POST, path).bearer_auth(ADMIN_KEY).header("content-type", content_type);
    let (status, problem) = problem(request.body(body).send().await.unwrap()).await;
    assert_eq!(problem["code"], "no_file", "{problem}");
    (status, problem["error"].as_str().unwrap().to_owned())
}

/// The names of the fields that a request is refused for, with what to change.
async fn refused(app: &TestApp, method: Method, path: &str) -> Vec<String> {
    let (status, problem) = problem(app.request(method, path).bearer_auth(ADMIN_KEY).send().await.unwrap()).await;
    assert_eq!((status, &problem["code"]), (422, &json!("invalid_fields")), "{path}: {problem}");
    let text = |of: &Value, key: &str| of[key].as_str().unwrap().to_owned();
    list(&problem["details"]).iter().map(|of| format!("{} {}", text(of, "field"), text(of, "message"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_under_another_name_is_refused_with_the_right_one() {
    let app = TestApp::spawn().await;
    for (path, right) in [("/upload-excel", "file"), ("/segments/export", "file"), ("/retrain", "files")] {
        for form in [
            Form::new().file_in("workbook", "a.csv", &sheet()),
            Form::new().file_in(right, "a.csv", &sheet()).file_in("workbook", "b.csv", &sheet()),
        ] {
            let sentence = format!("Send the workbook in a form field called {right}, not workbook.");
            assert_eq!(told(&app, path, form).await, (400, sentence), "{path}");
        }
    }
    assert!(app.kept().is_empty());
    let jobs = app.request(Method::GET, "/retrain").bearer_auth(ADMIN_KEY).send().await.unwrap();
    assert_eq!(ok(jobs).await["jobs"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_field_may_come_from_a_file_and_a_file_input_may_be_left_empty() {
    let app = TestApp::spawn().await;
    let form = Form::new().file("a.csv", &sheet()).file_in("tone", "tone.txt", b"Fun").file_in("logo", "", b"");
    let answer = ok(app.send(form).await).await;
    assert_eq!(answer["ignored"], json!(["logo"]));
    let form = Form::new().file("a.csv", &sheet()).file_in("tone", "tone.txt", b"Angry");
    let (status, problem) = problem(app.send(form).await).await;
    assert_eq!((status, &problem["details"][0]["field"]), (422, &json!("tone")), "{problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_no_form_is_told_the_route_s_own_field() {
    let app = TestApp::spawn().await;
    let sent = app.request(Method::POST, "/retrain").bearer_auth(ADMIN_KEY).json(&json!({}));
    let (status, problem) = problem(sent.send().await.unwrap()).await;
    assert_eq!((status, &problem["code"]), (415, &json!("not_multipart")));
    assert!(problem["error"].as_str().unwrap().ends_with("in a field called files."), "{problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn text_fields_that_no_answer_could_list_are_refused() {
    let app = TestApp::spawn().await;
    for (path, field, slip, meant) in
        [("/retrain", "files", "trainig", "training"), ("/segments/export", "file", "fromat", "format")]
    {
        let (content_type, body) = Form::new().file_in(field, "a.csv", &sheet()).text(slip, "x").finish();
        let request = app.request(Method::POST, path).bearer_auth(ADMIN_KEY).header("content-type", content_type);
        let (status, problem) = problem(request.body(body).send().await.unwrap()).await;
        assert_eq!((status, &problem["details"][0]["field"]), (422, &json!(slip)), "{problem}");
        let message = format!("is not known here; did you mean {meant}?");
        assert_eq!(problem["details"][0]["message"], message);
    }
    assert!(app.kept().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parameter_that_is_not_known_is_refused_by_every_route_with_a_query() {
    let app = TestApp::spawn().await;
    let (post, get) = (Method::POST, Method::GET);
    let unknown = |slip: &str, meant: &str| vec![format!("{slip} is not known here; did you mean {meant}?")];
    assert_eq!(refused(&app, post.clone(), "/upload-excel?member=0").await, unknown("member", "members"));
    assert_eq!(refused(&app, post.clone(), "/retrain?forse=true").await, unknown("forse", "force"));
    assert_eq!(refused(&app, post.clone(), "/compare?publsh=best").await, unknown("publsh", "publish"));
    assert_eq!(refused(&app, get.clone(), "/map?versoin=1").await, unknown("versoin", "version"));
    assert_eq!(refused(&app, post.clone(), "/segments/export?fromat=csv").await, unknown("fromat", "format"));
    let twice = vec!["members is given twice; send it once".to_owned()];
    assert_eq!(refused(&app, post.clone(), "/upload-excel?members=0&members=9").await, twice);
    let wrong = vec!["members must be a whole number: 0 leaves members out".to_owned()];
    assert_eq!(refused(&app, post, "/upload-excel?members=none").await, wrong);
}
