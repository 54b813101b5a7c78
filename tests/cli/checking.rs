//! `check` and `health`: what is tried before anybody relies on it.

use std::fs;
use std::net::TcpListener;

use serde_json::json;
use wiremock::matchers::{body_partial_json, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::folder::{Folder, KEY, Server, shown};

/// A port that nobody listens on: it was free a moment ago.
fn free_port() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string()
}

/// Standard output of `check`, and its exit code.
fn check(folder: &Folder, variables: &[(&str, &str)]) -> (String, Option<i32>) {
    let mut command = folder.command(&["check"]);
    let output = command.env("PORT", "0").envs(variables.iter().copied()).output().unwrap();
    (shown(&output), output.status.code())
}

#[test]
fn check_tries_everything_and_leaves_nothing_behind() {
    let folder = Folder::with_data();
    let (said, code) = check(&folder, &[("DAILY_BUDGET_USD", "1")]);
    assert_eq!(code, Some(0), "{said}");
    for line in [
        "settings      ok",
        "MODEL_DIR     ok      models: a file was written and removed",
        "BASE_DATA_DIR ok",
        "UPLOAD_DIR    ok",
        "IMAGE_DIR     ok",
        "STATE_DIR     ok",
        "model         ok      none yet: the first start trains one from base_data",
        "writer        ok      offline",
        "reader        ok",
        "port          ok",
    ] {
        assert!(said.lines().any(|said| said.starts_with(line)), "{line} in {said}");
    }
    let mut left: Vec<_> = fs::read_dir(folder.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["base_data"]);
}

#[test]
fn check_loads_the_model_and_says_what_is_wrong_with_it() {
    let folder = Folder::with_data();
    folder.ok(&["retrain"]);
    let (said, code) = check(&folder, &[]);
    assert!(code == Some(0) && said.contains(" loads: "), "{said}");
    let [version] = folder.versions().try_into().unwrap();
    fs::write(version.join("scaler.json"), "{}").unwrap();
    let (said, code) = check(&folder, &[]);
    assert!(code == Some(1) && said.contains("model         FAILED") && said.contains("scaler.json"), "{said}");
}

#[test]
fn check_without_a_model_and_without_data_says_what_to_do() {
    let (said, code) = check(&Folder::new(), &[]);
    assert!(code == Some(1) && said.contains("put customers (.xlsx, .xls or .csv) into base_data"), "{said}");
}

#[test]
fn check_tells_a_setting_that_has_to_change_by_its_exit_code() {
    let folder = Folder::with_data();
    fs::write(folder.path("a-file"), "").unwrap();
    for (name, value) in
        [("UPLOAD_DIR", "a-file"), ("SCHEMA_PATH", "nowhere.json"), ("WRITER", "openai"), ("PORT", "x")]
    {
        let (said, code) = check(&folder, &[(name, value)]);
        assert_eq!(code, Some(78), "{name}: {said}");
        assert!(said.contains(name), "{said}");
    }
}

#[test]
fn check_asks_the_writer_s_server_for_one_token_of_each_model() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let folder = Folder::with_data();
    runtime.block_on(async {
        let upstream = MockServer::start().await;
        let answer = json!({"choices": [{"message": {"content": "Hi"}, "finish_reason": "length"}], "usage": null});
        for (model, status) in [("good", 200), ("other", 200), ("gone", 404)] {
            let asked = body_partial_json(json!({"model": model, "max_completion_tokens": 1}));
            let answered = ResponseTemplate::new(status).set_body_json(&answer);
            Mock::given(method("POST"))
                .and(path("/v1/chat/completions"))
                .and(asked)
                .respond_with(answered)
                .mount(&upstream)
                .await;
        }
        // A server that knows the older name alone.
        let older = body_partial_json(json!({"model": "older", "max_tokens": 1}));
        Mock::given(older).respond_with(ResponseTemplate::new(200).set_body_json(&answer)).mount(&upstream).await;
        let newer = body_partial_json(json!({"model": "older", "max_completion_tokens": 1}));
        Mock::given(newer).respond_with(ResponseTemplate::new(400)).mount(&upstream).await;
        // Some servers say in a 200 what is wrong.
        let wrong = body_partial_json(json!({"model": "wrong"}));
        let said = json!({"error": {"message": "rate limited", "code": 429}});
        Mock::given(wrong).respond_with(ResponseTemplate::new(200).set_body_json(said)).mount(&upstream).await;
        let url = format!("{}/v1", upstream.uri());
        let ask = |model: &str, others: &str| {
            let model = [("OPENAI_MODEL", model), ("OPENAI_FALLBACK_MODELS", others)];
            check(&folder, &[&model[..], &[("OPENAI_API_KEY", KEY), ("OPENAI_BASE_URL", &url)]].concat())
        };
        let (said, code) = ask("good", "other,older");
        assert_eq!(code, Some(0), "{said}");
        for model in ["good", "other", "older"] {
            assert!(said.contains(&format!("writer        ok      {model} at 127.0.0.1:")), "{said}");
        }
        let (said, code) = ask("gone", "good");
        assert!(code == Some(1) && said.contains("writer        FAILED  gone at 127.0.0.1:"), "{said}");
        assert!(said.contains("404") && said.contains("writer        ok      good at"), "{said}");
        assert!(!said.contains(KEY), "{said}");
        let (said, code) = ask("wrong", "");
        assert!(code == Some(1) && said.contains("writer        FAILED  wrong at"), "{said}");
        let n_requests = upstream.received_requests().await.unwrap().len();
        assert_eq!(n_requests, 4 + 2 + 1);
    });
    let nobody = format!("http://127.0.0.1:{}/v1", free_port());
    let (said, code) = check(&folder, &[("OPENAI_API_KEY", KEY), ("OPENAI_BASE_URL", &nobody)]);
    assert!(code == Some(1) && said.contains("writer        FAILED"), "{said}");
}

#[test]
fn health_and_check_know_a_running_server_from_another_program_and_from_none() {
    let folder = Folder::with_data();
    let health = |port: &str, args: &[&str]| {
        let output = folder.command(&[&["health"], args].concat()).env("PORT", port).output().unwrap();
        (shown(&output), output.status.code())
    };
    let nobody = free_port();
    let (said, code) = health(&nobody, &[]);
    assert!(code == Some(1) && said.contains(&format!("no answer from http://127.0.0.1:{nobody}/readyz")), "{said}");
    let (said, code) = health("0", &[]);
    assert!(code == Some(1) && said.contains("PORT is 0"), "{said}");

    let mut server = Server::start(folder.command(&["serve"]).env("PORT", "0").env("HOST", "0.0.0.0"));
    let address = server.until("listening")["address"].as_str().unwrap().to_owned();
    let port = address.rsplit(':').next().unwrap();
    server.until("ready");
    for host in ["127.0.0.1", "0.0.0.0"] {
        let output = folder.command(&["health"]).env("PORT", port).env("HOST", host).output().unwrap();
        assert_eq!((output.status.code(), output.stdout), (Some(0), b"ready\n".to_vec()), "{host}");
    }
    assert_eq!(health(port, &["--live"]), ("ok\n\n".to_owned(), Some(0)));
    let (said, code) = check(&folder, &[("PORT", port)]);
    assert!(code == Some(0) && said.contains("is served by a content-portal"), "{said}");

    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port().to_string();
    let (said, code) = check(&folder, &[("PORT", &port)]);
    assert!(code == Some(1) && said.contains("port          FAILED"), "{said}");
}

#[test]
fn health_fails_while_the_first_model_is_trained_and_live_does_not() {
    let folder = Folder::new();
    fs::create_dir_all(folder.path("base_data")).unwrap();
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/base_data/2026-01-01/customers.xlsx");
    fs::copy(sample, folder.path("base_data/customers.xlsx")).unwrap();
    let mut server = Server::start(folder.command(&["serve"]).env("PORT", "0"));
    let address = server.until("listening")["address"].as_str().unwrap().to_owned();
    let port = address.rsplit(':').next().unwrap();
    let health = |args: &[&str]| folder.command(args).env("PORT", port).output().unwrap();
    assert_eq!(health(&["health", "--live"]).status.code(), Some(0));
    let output = health(&["health"]);
    assert_eq!(output.status.code(), Some(1), "{}", shown(&output));
    assert!(shown(&output).contains("answers 503"), "{}", shown(&output));
}

#[test]
fn check_says_what_the_kernel_keeps_a_reader_from() {
    let (said, _) = check(&Folder::with_data(), &[]);
    let reader = said.lines().find(|line| line.starts_with("reader ")).unwrap();
    // The kernel's own word on Landlock, where it gives one.
    if let Ok(modules) = fs::read_to_string("/sys/kernel/security/lsm") {
        let has_landlock = modules.trim().split(',').any(|module| module == "landlock");
        assert_eq!(reader.contains("Landlock closes all files to it"), has_landlock, "{reader}");
    }
    assert!(reader.ends_with("seccomp forbids opening, connecting and starting programs"), "{reader}");
}
