//! Retrainings that are ended, that cannot begin, and whose version the server does not serve.

use content_portal::retrain::worker::Program;
use content_portal::upload_store::{KeepUploads, UploadRules};
use reqwest::Method;

use crate::app::{ADMIN_KEY, Setup, TestApp, list, ok};
use crate::form::Form;
use crate::live::{events, named};
use crate::problems::problem;
use crate::retrain::{ENDLESS, file, kill};
use crate::sheets::HEADER;
use crate::trained::SAMPLE_MODEL;

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_may_train_ends_a_retraining_and_its_process_and_the_uploads_still_wait() {
    let app = TestApp::with_shell(ENDLESS).await;
    let path = app.begun(Some(file("a.csv"))).await;
    let process = app.process().await;
    let end = |path: &str, key: &str| app.request(Method::DELETE, path).bearer_auth(key).send();
    assert_eq!(problem(end(&path, "a-key-that-is-another-one").await.unwrap()).await.0, 401);
    assert_eq!(problem(end("/retrain/none", ADMIN_KEY).await.unwrap()).await.0, 404);
    assert!(kill("0", &process), "it goes on");
    let job = ok(end(&path, ADMIN_KEY).await.unwrap()).await;
    assert_eq!((&job["state"], &job["error"]), (&"ended".into(), &"The retraining was ended by request.".into()));
    assert!(!kill("0", &process), "the process is still there");
    assert_eq!(app.kept().len(), 1);
    assert_eq!(ok(end(&path, ADMIN_KEY).await.unwrap()).await, job, "what has ended stays as it is");
    app.begun(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_a_retraining_that_a_request_ends_is_told_that() {
    let app = TestApp::with_shell(ENDLESS).await;
    let request = app.request(Method::POST, "/retrain?wait=true").bearer_auth(ADMIN_KEY);
    let waiting = tokio::spawn(request.send());
    app.process().await;
    let path = format!("/retrain/{}", app.look("/retrain").await["jobs"][0]["job"].as_str().unwrap());
    let listening = app.request(Method::GET, &path).bearer_auth(ADMIN_KEY).header("accept", "text/event-stream");
    let listening = listening.send().await.unwrap();
    ok(app.request(Method::DELETE, &path).bearer_auth(ADMIN_KEY).send().await.unwrap()).await;
    let (status, problem_of) = problem(waiting.await.unwrap().unwrap()).await;
    assert_eq!((status, &problem_of["code"]), (409, &"retrain_ended".into()), "{problem_of}");
    assert_eq!(problem_of["error"], "The retraining was ended by request.");
    let told = events(listening).await;
    assert_eq!((&named(&told, "error")[0]["code"], named(&told, "done").len()), (&"retrain_ended".into(), 0));
    let metrics = app.get("/metrics").await.text().await.unwrap();
    assert!(metrics.contains(r#"content_portal_retrains_total{outcome="ended"} 1"#), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retraining_that_finds_the_disk_full_says_so() {
    let full = r#"echo '{"event":"ended","outcome":"failed","why":"no space left","cause":"full_disk"}'; exit 1"#;
    let app = TestApp::with_shell(full).await;
    let (status, problem_of) = problem(app.retrain("?wait=true", None, "*/*").await).await;
    assert_eq!((status, &problem_of["code"]), (507, &"disk_full".into()), "{problem_of}");
    let told = events(app.retrain("", None, "text/event-stream").await).await;
    assert_eq!(named(&told, "error")[0]["code"], "disk_full");
    assert_eq!(app.look("/retrain").await["jobs"][0]["state"], "failed");
}

/// A workbook of which columns are kept that take more room than it does.
fn workbook(name: &str) -> Vec<u8> {
    let rows = (0..40).map(|row| format!("\n{name}{row},2024-02-29,Bedok,Female,Gold"));
    std::iter::once(HEADER.join(",")).chain(rows).collect::<String>().into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_the_files_of_a_retraining_none_is_kept_where_one_cannot_be() {
    let (keep, max_files) = (KeepUploads::Columns, 1);
    let upload_rules = UploadRules { min_free_bytes: 0, keep, max_files, ..UploadRules::default() };
    let program = Some(Program::new("/bin/sh").argument("-c").argument(ENDLESS));
    let app = TestApp::spawn_with(Setup { upload_rules, program, ..Setup::default() }).await;
    let one = || Form::new().file_in("files", "a.csv", &workbook("A"));
    let both = one().file_in("files", "b.csv", &workbook("B"));
    let (status, problem_of) = problem(app.retrain("", Some(both), "*/*").await).await;
    assert_eq!((status, &problem_of["code"]), (507, &"uploads_full".into()), "{problem_of}");
    assert!(app.kept().is_empty(), "{:?}", app.kept());
    assert_eq!(list(&app.look("/retrain").await["jobs"]).len(), 0);
    app.begun(Some(one())).await;
    assert_eq!(app.kept().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_says_why_the_server_does_not_serve_the_version_that_was_published() {
    let published = r#"echo '{"event":"ended","outcome":"published","version":"20270101T000000Z-0123abcd",
        "failed_checks":[],"left_out":[]}' | tr -d '\n'; echo"#;
    for (broken, why) in [
        ("true".to_owned(), format!("serves {}", SAMPLE_MODEL.id)),
        ("rm models/current; mkdir models/current".to_owned(), "cannot load 20270101T000000Z-0123abcd".to_owned()),
    ] {
        let app = TestApp::with_shell(&format!("{broken}; {published}")).await;
        let job = ok(app.retrain("?wait=true", None, "*/*").await).await;
        assert_eq!((&job["state"], &job["version"]), (&"published".into(), &"20270101T000000Z-0123abcd".into()));
        assert!(job["error"].as_str().unwrap().contains(&why), "{job}");
        assert_eq!(app.live().await, SAMPLE_MODEL.id.as_str());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_has_published_what_is_current_where_its_process_died_before_it_told_so() {
    let published =
        format!(r#""outcome":"published","version":"{}","failed_checks":[],"left_out":[]"#, SAMPLE_MODEL.id);
    let script = format!(r#"echo '{{"event":"publishing",{published}}}'; kill -9 $$"#);
    let app = TestApp::with_shell(&script).await;
    let job = ok(app.retrain("?wait=true", None, "*/*").await).await;
    assert_eq!((&job["state"], &job["version"]), (&"published".into(), &SAMPLE_MODEL.id.as_str().into()), "{job}");
    let app = TestApp::with_shell(&script.replace(SAMPLE_MODEL.id.as_str(), "20270101T000000Z-0123abcd")).await;
    let (status, problem_of) = problem(app.retrain("?wait=true", None, "*/*").await).await;
    assert_eq!((status, &problem_of["code"]), (500, &"retrain_failed".into()), "{problem_of}");
    assert!(problem_of["error"].as_str().unwrap().contains("killed by signal 9"), "{problem_of}");
}
