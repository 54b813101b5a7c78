//! Retrainings over HTTP: asked for, looked at, waited for; by the real binary, or by a shell that plays it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use content_portal::model_store::ModelStore;
use content_portal::retrain::worker::Program;
use reqwest::{Method, Response};
use serde_json::Value;

use crate::app::{ADMIN_KEY, Setup, TestApp, keys, list, ok, root};
use crate::form::Form;
use crate::live::{events, named};
use crate::problems::problem;
use crate::sheets::{CUSTOMER, HEADER, csv};
use crate::trained::SAMPLE_MODEL;

/// Tells of its id and of some progress, and then never ends by itself.
pub const ENDLESS: &str = r#"echo $$ > pid.part && mv pid.part pid
    echo '{"event":"progress","step":"layout","share":0.25}'; exec tail -f /dev/null"#;

impl TestApp {
    /// With a shell that runs `script` in place of the binary.
    pub async fn with_shell(script: &str) -> Self {
        let program = Some(Program::new("/bin/sh").argument("-c").argument(script));
        Self::spawn_with(Setup { program, ..Setup::default() }).await
    }

    /// With 300 customers in `base_data/`.
    pub async fn with_base_data() -> Self {
        let app = Self::spawn().await;
        let folder = app.folder("base_data/2026-01-01");
        fs::create_dir_all(&folder).unwrap();
        fs::copy(root("tests/fixtures/customers_300.xls"), folder.join("customers.xls")).unwrap();
        app
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.models.parent().unwrap().join(name)
    }

    pub async fn retrain(&self, query: &str, form: Option<Form>, accept: &str) -> Response {
        let request =
            self.request(Method::POST, &format!("/retrain{query}")).bearer_auth(ADMIN_KEY).header("accept", accept);
        let request = match form.map(Form::finish) {
            Some((content_type, body)) => request.header("content-type", content_type).body(body),
            None => request,
        };
        request.send().await.unwrap()
    }

    pub async fn look(&self, path: &str) -> Value {
        ok(self.request(Method::GET, path).bearer_auth(ADMIN_KEY).send().await.unwrap()).await
    }

    /// Where the job is looked at that was begun just now.
    pub async fn begun(&self, form: Option<Form>) -> String {
        let response = self.retrain("", form, "*/*").await;
        let (status, location) = (response.status(), response.headers().get("location").cloned());
        let text = response.text().await.unwrap();
        assert_eq!(status, 202, "{text}");
        let job: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(job["state"], "running");
        let location = location.unwrap().to_str().unwrap().to_owned();
        assert_eq!(location, format!("/retrain/{}", job["job"].as_str().unwrap()));
        location
    }

    /// The job once it has ended.
    pub async fn ended_job(&self, path: &str) -> Value {
        self.until(async |app| app.look(path).await["state"] != "running").await;
        self.look(path).await
    }

    /// The process that plays a retraining, once it has begun.
    pub async fn process(&self) -> String {
        self.until(async |app| app.folder("pid").exists()).await;
        fs::read_to_string(self.folder("pid")).unwrap().trim().to_owned()
    }

    pub async fn live(&self) -> Value {
        ok(self.get("/readyz").await).await["model_version"].take()
    }
}

/// Whether a process took a signal.
pub fn kill(signal: &str, process: &str) -> bool {
    Command::new("sh").args(["-c", &format!("kill -{signal} {process} 2>/dev/null")]).status().unwrap().success()
}

pub fn file(name: &str) -> Form {
    Form::new().file_in("files", name, &csv([HEADER, CUSTOMER]))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_says_how_to_train_and_the_next_one_needs_not() {
    let app = TestApp::with_base_data().await;
    let form = |json: &str| Some(Form::new().text("training", json));
    for (json, field, word) in [
        ("{", "training", "the JSON is broken"),
        (r#"{"min_dust": 1}"#, "training.min_dust", "did you mean min_dist?"),
        (r#"{"n_neighbors": 1}"#, "training.n_neighbors", "must be at least 2, not 1"),
        (
            r#"{"n_neighbors": 10001}"#,
            "training.n_neighbors",
            "must be at most 10000, not 10001: so many neighbours of as many different profiles take 5 GB of memory",
        ),
        (r#"{"seed": "x"}"#, "training.seed", "must be a whole number"),
        (r#"{"columns": {"weights": {"Shoe_Size": 2}}}"#, "training.columns", "no column has the title"),
        (r#"{"columns": {"weights": {"Join_Quarter": 101}}}"#, "training.columns", "from 0 to 100"),
    ] {
        let (status, problem) = problem(app.retrain("?wait=true", form(json), "*/*").await).await;
        assert_eq!((status, &problem["details"][0]["field"]), (422, &field.into()), "{problem}");
        assert!(problem["details"][0]["message"].as_str().unwrap().contains(word), "{problem}");
    }
    let trained = ok(app.retrain("?wait=true&force=true", form(r#"{"min_cluster_size": 25}"#), "*/*").await).await;
    assert_eq!(trained["state"], "published");
    let params = || ModelStore::new(&app.models).load_current().unwrap().manifest.params;
    let first = params();
    assert_eq!(serde_json::to_value(&first).unwrap()["hdbscan"]["min_cluster_size"], "25");
    ok(app.retrain("?wait=true&force=true", None, "*/*").await).await;
    assert_eq!(params(), first);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_without_the_key_retrains_or_looks_at_retrainings() {
    let app = TestApp::spawn().await;
    let closed = TestApp::spawn_with(Setup { admin_key: None, ..Setup::default() }).await;
    for (method, path) in [(Method::POST, "/retrain?wait=true"), (Method::GET, "/retrain"), (Method::GET, "/retrain/1")]
    {
        let (content_type, body) = file("a.csv").finish();
        let send = |app: &TestApp, key: &str| {
            let request = app.request(method.clone(), path).header("content-type", &content_type);
            request.bearer_auth(key).body(body.clone()).send()
        };
        let (status, problem_of) = problem(send(&app, "a-key-that-is-another-one").await.unwrap()).await;
        assert_eq!((status, &problem_of["code"]), (401, &"not_admin".into()));
        let (status, problem_of) = problem(send(&closed, ADMIN_KEY).await.unwrap()).await;
        assert_eq!((status, &problem_of["code"]), (403, &"admin_closed".into()));
    }
    assert_eq!((app.kept(), closed.kept()), (Vec::new(), Vec::new()));
    assert_eq!(list(&app.look("/retrain").await["jobs"]).len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retraining_is_begun_with_files_and_its_version_is_live_when_it_is_told() {
    let app = TestApp::with_base_data().await;
    let workbook = fs::read(root("tests/fixtures/upload_2000.xlsx")).unwrap();
    let path = app.begun(Some(Form::new().file_in("files", "March.xlsx", &workbook))).await;
    let job = app.ended_job(&path).await;
    assert_eq!(job["state"], "published", "{job}");
    assert_eq!(job["version"], app.live().await);
    assert_ne!(job["version"], SAMPLE_MODEL.id.as_str());
    assert_eq!((&job["asked_by"], &job["share"], &job["step"]), (&"request".into(), &1.0.into(), &Value::Null));
    let report = app.look(job["report"].as_str().unwrap()).await;
    assert_eq!(list(&report["files"]).len(), 2, "{} {}", report["files"], report["skipped"]);

    assert_eq!(app.kept(), Vec::<PathBuf>::new(), "the upload still waits");
    let mut taken = Vec::new();
    for folder in fs::read_dir(app.folder("base_data")).unwrap() {
        taken.extend(fs::read_dir(folder.unwrap().path()).unwrap().map(|entry| entry.unwrap().path()));
    }
    taken.retain(|path| path.file_name().unwrap().to_str().unwrap().starts_with("upload-"));
    let [taken] = taken.try_into().unwrap();
    assert_eq!(fs::read(taken).unwrap(), workbook);
    assert_eq!(list(&app.look("/retrain").await["jobs"]), &[job]);
    let metrics = app.get("/metrics").await.text().await.unwrap();
    assert!(metrics.contains(r#"content_portal_retrains_total{outcome="published"} 1"#), "{metrics}");
    assert!(metrics.contains("content_portal_retraining 0"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_is_told_the_outcome_and_too_little_data_is_one() {
    let app = TestApp::spawn().await;
    let job = ok(app.retrain("?wait=true", Some(file("a.csv")), "*/*").await).await;
    assert_eq!((&job["state"], &job["version"], &job["error"]), (&"refused".into(), &Value::Null, &Value::Null));
    let checks = list(&job["failed_checks"]);
    assert!(checks.iter().any(|check| check["name"] == "customers"), "{job}");
    assert!(checks.iter().all(|check| check["sentence"].as_str().unwrap().contains("must be at least")), "{job}");
    assert_eq!(app.live().await, SAMPLE_MODEL.id.as_str());
    assert_eq!(app.kept().len(), 1, "a refused training's upload still waits");

    let sample = fs::read(root("tests/fixtures/customers_300.xls")).unwrap();
    let form = Form::new().file_in("files", "a.xls", &sample).file_in("files", "b.csv", &csv([HEADER, CUSTOMER]));
    let job = ok(app.retrain("?wait=true&force=true", Some(form), "*/*").await).await;
    assert_eq!((&job["state"], &job["version"]), (&"published".into(), &app.live().await), "{job}");
    assert_eq!(app.kept(), Vec::<PathBuf>::new());
    assert_eq!(list(&app.look("/retrain").await["jobs"]).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retraining_that_finds_nothing_new_says_so_and_can_be_forced() {
    let app = TestApp::with_base_data().await;
    let first = ok(app.retrain("?wait=true", None, "*/*").await).await;
    assert_eq!(first["state"], "published", "{first}");
    let waiting = Form::new().file_in("files", "a.xls", &fs::read(root("tests/fixtures/customers_300.xls")).unwrap());
    let second = ok(app.retrain("?wait=true", Some(waiting), "*/*").await).await;
    assert_eq!((&second["state"], &second["version"]), (&"unchanged".into(), &first["version"]), "{second}");
    assert_eq!((&second["report"], &second["error"]), (&first["report"], &Value::Null));
    assert_eq!((app.live().await, app.kept()), (first["version"].clone(), Vec::new()));
    let metrics = app.get("/metrics").await.text().await.unwrap();
    assert!(metrics.contains(r#"content_portal_retrains_total{outcome="unchanged"} 1"#), "{metrics}");
    let forced = ok(app.retrain("?wait=true&force=true", None, "*/*").await).await;
    assert_eq!(forced["state"], "published", "{forced}");
    assert_ne!(forced["version"], first["version"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_of_the_sample_is_marked_until_own_customers_take_its_place() {
    let app = TestApp::with_base_data().await;
    let ready = ok(app.get("/readyz").await).await;
    assert_eq!(
        (&ready["model_version"], &ready["trained_on_sample"]),
        (&SAMPLE_MODEL.id.as_str().into(), &true.into())
    );
    let sample = fs::read(root("base_data/2026-01-01/customers.xlsx")).unwrap();
    let form = Form::new().file_in("files", "ours.xlsx", &sample);
    let job = ok(app.retrain("?wait=true", Some(form), "*/*").await).await;
    assert_eq!(job["state"], "published", "{job}");
    let report = app.look(job["report"].as_str().unwrap()).await;
    assert_eq!((&report["trained_on_sample"], &report["scores"]["rows"]), (&false.into(), &300.into()));
    assert_eq!(list(&report["sample_set_aside"]).len(), 1, "{}", report["sample_set_aside"]);
    assert_eq!(report["live_not_compared"], SAMPLE_MODEL.id.as_str());
    assert_eq!(ok(app.get("/readyz").await).await["trained_on_sample"], false);
    let models = app.look("/models").await;
    let marks: Vec<&Value> = list(&models["versions"]).iter().map(|version| &version["trained_on_sample"]).collect();
    assert_eq!(marks.iter().filter(|&&mark| *mark == true).count(), 1, "{models}");
    assert_eq!(marks.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_steps_of_a_retraining_are_told_as_they_come() {
    let app = TestApp::with_base_data().await;
    let told = events(app.retrain("", None, "text/event-stream").await).await;
    let mut steps: Vec<&str> = named(&told, "progress").iter().map(|p| p["step"].as_str().unwrap()).collect();
    steps.dedup();
    assert!(steps.contains(&"layout"), "{steps:?}");
    let shares: Vec<f64> = named(&told, "progress").iter().map(|p| p["share"].as_f64().unwrap()).collect();
    assert!(shares.is_sorted() && shares.len() > 3, "{shares:?}");
    let [done] = named(&told, "done").try_into().unwrap();
    assert_eq!((&done["state"], &done["version"]), (&"published".into(), &app.live().await));
    // A later client is told the end.
    let path = format!("/retrain/{}", done["job"].as_str().unwrap());
    let request = app.request(Method::GET, &path).bearer_auth(ADMIN_KEY).header("accept", "text/event-stream");
    let later = events(request.send().await.unwrap()).await;
    assert_eq!(named(&later, "done"), [done]);
    assert_eq!(later.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_cannot_be_trained_on_are_named_and_nothing_is_kept_or_begun() {
    let app = TestApp::spawn().await;
    let form =
        file("good.csv").file_in("files", "letter.xlsx", b"Dear team").file_in("files", "empty.csv", &csv([HEADER]));
    let (status, problem_of) = problem(app.retrain("", Some(form), "*/*").await).await;
    assert_eq!((status, &problem_of["code"]), (422, &"unreadable_files".into()));
    let named: Vec<&Value> = list(&problem_of["details"]).iter().map(|detail| &detail["field"]).collect();
    assert_eq!(named, ["letter.xlsx", "empty.csv"]);
    for (form, status, code) in [
        (file("a.pdf"), 415, "wrong_extension"),
        ((0..33).fold(Form::new(), |form, _| form.file_in("files", "a.csv", b"x")), 400, "too_many_files"),
    ] {
        let (found, problem_of) = problem(app.retrain("", Some(form), "*/*").await).await;
        assert_eq!((found, &problem_of["code"]), (status, &code.into()));
    }
    let json = app.request(Method::POST, "/retrain").bearer_auth(ADMIN_KEY).json(&Value::Null);
    assert_eq!(problem(json.send().await.unwrap()).await.0, 415);
    assert_eq!(problem(app.retrain("?wait=perhaps", None, "*/*").await).await.0, 422);
    assert_eq!(app.kept(), Vec::<PathBuf>::new());
    assert_eq!(list(&app.look("/retrain").await["jobs"]).len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_retraining_is_shown_the_first_and_keeps_nothing() {
    let app = TestApp::with_shell(ENDLESS).await;
    let path = app.begun(Some(file("a.csv"))).await;
    app.until(async |app| app.look(&path).await["step"] == "layout").await;
    assert_eq!(app.look(&path).await["share"], 0.25);
    let metrics = app.get("/metrics").await.text().await.unwrap();
    assert!(metrics.contains("content_portal_retraining 1"), "{metrics}");
    let second = app.retrain("?wait=true", Some(file("b.csv")), "*/*").await;
    assert_eq!(second.headers()["location"], path.as_str());
    let (status, problem_of) = problem(second).await;
    assert_eq!((status, &problem_of["code"]), (409, &"retrain_running".into()));
    assert!(problem_of["error"].as_str().unwrap().contains(&path), "{problem_of}");
    assert_eq!(app.kept().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_retraining_has_failed_and_the_server_goes_on() {
    let app = TestApp::with_shell(ENDLESS).await;
    let path = app.begun(Some(file("a.csv"))).await;
    let listening = app.request(Method::GET, &path).bearer_auth(ADMIN_KEY).header("accept", "text/event-stream");
    let listening = listening.send().await.unwrap();
    assert!(kill("KILL", &app.process().await));
    let job = app.ended_job(&path).await;
    assert_eq!(job["state"], "failed");
    assert!(job["error"].as_str().unwrap().contains("killed by signal 9"), "{job}");
    let told = events(listening).await;
    assert_eq!((&named(&told, "error")[0]["code"], named(&told, "done").len()), (&"retrain_failed".into(), 0));

    assert_eq!(app.live().await, SAMPLE_MODEL.id.as_str());
    assert_eq!(app.kept().len(), 1, "the upload is lost");
    let answer = app.upload_file("tests/fixtures/customers_300.xls").await;
    assert_eq!(answer["model_version"], SAMPLE_MODEL.id.as_str());
    app.begun(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_a_retraining_that_comes_to_no_end_gets_a_problem() {
    let app = TestApp::with_shell("echo 'key=sk-secret'").await;
    let (status, problem_of) = problem(app.retrain("?wait=true", None, "*/*").await).await;
    assert_eq!((status, &problem_of["code"]), (500, &"retrain_failed".into()));
    let sentence = problem_of["error"].as_str().unwrap();
    assert!(sentence.contains("could not be understood") && !sentence.contains("secret"), "{sentence}");
    assert!(keys(&problem_of).contains(&"request_id"));
    let missing = app.request(Method::GET, "/retrain/none").bearer_auth(ADMIN_KEY).send().await.unwrap();
    assert_eq!(problem(missing).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retraining_of_another_process_is_named_and_nothing_is_lost() {
    let app = TestApp::spawn().await;
    let lock = ModelStore::new(&app.models).lock().unwrap();
    let job = ok(app.retrain("?wait=true", Some(file("a.csv")), "*/*").await).await;
    assert_eq!(job["state"], "locked");
    let sentence = job["error"].as_str().unwrap();
    assert!(sentence.contains("under way") && sentence.contains(&std::process::id().to_string()), "{sentence}");
    drop(lock);
    assert_eq!(app.kept().len(), 1);
    assert_eq!(ok(app.retrain("?wait=true", None, "*/*").await).await["state"], "refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_goes_away_does_not_end_a_retraining() {
    let app = TestApp::with_shell(ENDLESS).await;
    let mut response = app.retrain("", None, "text/event-stream").await;
    let mut heard = String::new();
    while !heard.contains("layout") {
        heard.push_str(std::str::from_utf8(&response.chunk().await.unwrap().unwrap()).unwrap());
    }
    drop(response);
    let gone = r#"content_portal_requests_total{route="/retrain",method="POST",status="499"} 1"#;
    app.until(async |app| app.get("/metrics").await.text().await.unwrap().contains(gone)).await;
    assert_eq!(app.look("/retrain").await["jobs"][0]["state"], "running");
    assert!(kill("0", &app.process().await));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ends_ends_its_retraining_and_tells_who_waits() {
    let app = TestApp::with_shell(ENDLESS).await;
    let request = app.request(Method::POST, "/retrain?wait=true").bearer_auth(ADMIN_KEY);
    let waiting = tokio::spawn(request.send());
    let process = app.process().await;
    app.stop().await.unwrap();
    let (status, problem_of) = problem(waiting.await.unwrap().unwrap()).await;
    assert_eq!((status, &problem_of["code"]), (503, &"stopping".into()));
    assert!(problem_of["error"].as_str().unwrap().contains("server was stopped"), "{problem_of}");
    assert!(!kill("0", &process), "the process is still there");
}
