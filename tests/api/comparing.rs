//! Comparisons of ways to train over HTTP: a job like a retraining, which may publish what it chose.

use content_portal::model_store::ModelStore;
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::app::{ADMIN_KEY, TestApp, list, ok};
use crate::form::Form;
use crate::problems::problem;
use crate::retrain::ENDLESS;

async fn compare(app: &TestApp, query: &str) -> Response {
    app.request(Method::POST, &format!("/compare{query}")).bearer_auth(ADMIN_KEY).send().await.unwrap()
}

fn method(app: &TestApp) -> String {
    ModelStore::new(&app.models).load_current().unwrap().manifest.params.method.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comparison_is_a_job_whose_result_can_be_trained_by() {
    let app = TestApp::with_base_data().await;
    let live = app.live().await;
    let stranger = app.request(Method::POST, "/compare?wait=true").send().await.unwrap();
    assert_eq!(stranger.status(), 401);
    let compared = ok(compare(&app, "?wait=true").await).await;
    assert_eq!((&compared["state"], &compared["version"]), (&"compared".into(), &Value::Null));
    let candidates = list(&compared["comparison"]["candidates"]);
    let classes = candidates.iter().find(|candidate| candidate["name"] == "latent_classes").unwrap();
    assert_eq!(app.live().await, live);
    let training = Form::new().text("training", &classes["settings"].to_string());
    let trained = ok(app.retrain("?wait=true&force=true", Some(training), "*/*").await).await;
    assert_eq!(trained["state"], "published", "{trained}");
    assert_eq!(method(&app), "latent_classes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_candidate_that_is_named_is_published_through_the_gate_when_the_comparison_is_done() {
    let app = TestApp::with_base_data().await;
    for (query, field) in
        [("?publish=the_nicest", "publish"), ("?force=true", "force"), ("?wait=x", "wait"), ("?wiat=true", "wiat")]
    {
        let (status, problem) = problem(compare(&app, query).await).await;
        assert_eq!((status, &problem["details"][0]["field"]), (422, &field.into()), "{problem}");
    }
    // What belongs in the query is not lost in a body.
    let request = app.request(Method::POST, "/compare").bearer_auth(ADMIN_KEY).json(&json!({ "publish": "best" }));
    let (status, problem) = problem(request.send().await.unwrap()).await;
    assert_eq!((status, &problem["details"][0]["field"]), (422, &"body".into()), "{problem}");
    let live = app.live().await;
    let done = ok(compare(&app, "?wait=true&publish=latent_classes&force=true").await).await;
    assert_eq!(done["state"], "published", "{done}");
    assert!(!list(&done["comparison"]["candidates"]).is_empty());
    assert_ne!(app.live().await, live);
    assert_eq!((&done["version"], method(&app).as_str()), (&app.live().await, "latent_classes"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_another_job_is_told_which_kind_is_running() {
    let app = TestApp::with_shell(ENDLESS).await;
    assert_eq!(compare(&app, "?publish=best").await.status(), 202);
    app.process().await;
    for other in [app.retrain("", None, "*/*").await, compare(&app, "").await] {
        let (status, problem) = problem(other).await;
        assert_eq!((status, &problem["code"]), (409, &"retrain_running".into()));
        assert!(problem["error"].as_str().unwrap().starts_with("A comparison is already running: see "), "{problem}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comparison_that_is_ended_while_it_trains_keeps_what_it_has_found() {
    let comparison =
        json!({ "customers": 10, "tried_on": 10, "candidates": [], "best": null, "sentence": "None passes." });
    let event = json!({ "event": "compared", "comparison": comparison });
    let app = TestApp::with_shell(&format!("echo '{event}'\n{ENDLESS}")).await;
    let started = compare(&app, "?publish=best").await;
    let path = started.headers()["location"].to_str().unwrap().to_owned();
    app.process().await;
    let ended = ok(app.request(Method::DELETE, &path).bearer_auth(ADMIN_KEY).send().await.unwrap()).await;
    assert_eq!((&ended["state"], &ended["error"]), (&"ended".into(), &"The comparison was ended by request.".into()));
    assert_eq!(ended["comparison"]["sentence"], "None passes.", "{ended}");
}
