//! Requests while versions are switched under them: none fails, and none mixes two versions.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{ADMIN_KEY, Setup, TestApp, ok};
use crate::form::Form;
use crate::second_schema;
use crate::sheets::csv;
use crate::trained::{SAMPLE_MODEL, TrainedVersion};

/// Requests while versions are switched; `SWITCHED_REQUESTS` sets another number.
const REQUESTS: usize = 2_000;
const CALLERS: usize = 8;
/// One request in so many is an upload.
const UPLOADS_EVERY: usize = 20;

/// Sixty customers whom both schemas can read: each of the two has its columns in the file.
fn customers_of_both() -> Vec<u8> {
    let header = ["Account", "Date Joined", "Location", "Gender", "Loyalty Tier"];
    let more = ["Channel", "Plan", "Signed Up", "Visits a Month"];
    let customer = |n: usize| {
        let of = |choices: [&str; 3]| choices[n % 3].to_owned();
        let day = format!("2024-{:02}-10", 1 + n % 12);
        let first = [n.to_string(), day.clone(), of(["Bedok", "Yishun", "Punggol"]), of(["Female", "Male", "Female"])];
        let second = [of(["Silver", "Gold", "Platinum"]), of(["shop", "app", "web"]), of(["Free", "Plus", "Business"])];
        first.into_iter().chain(second).chain([day, (n % 100).to_string()]).collect::<Vec<_>>()
    };
    let header = header.into_iter().chain(more).map(str::to_owned).collect();
    csv(std::iter::once(header).chain((0..60).map(customer)))
}

/// Sends request `n`; the version in the answer's header, and the answer without what no two answers share.
async fn ask(app: &TestApp, file: &[u8], n: usize) -> (String, Value) {
    let response = if n.is_multiple_of(UPLOADS_EVERY) {
        app.send(Form::new().file("both.csv", file)).await
    } else {
        let customer = json!({
            "gender": "Female", "location": "Bedok", "loyalty_tier": "Silver", "join_year": 2023, "join_month": "May",
            "Channel": "web", "Plan": "Business", "Visits a Month": 92,
        });
        app.post("/generate-promo", &customer).await
    };
    let version = response.headers()["x-model-version"].to_str().unwrap().to_owned();
    let mut answer = ok(response).await;
    for volatile in ["timings_ms", "request_id", "upload"] {
        answer.as_object_mut().unwrap().remove(volatile);
    }
    (version, answer)
}

async fn activate(app: &TestApp, version: &TrainedVersion) {
    let path = format!("/models/{}/activate", version.id);
    assert_eq!(
        ok(app.request(Method::POST, &path).bearer_auth(ADMIN_KEY).send().await.unwrap()).await["live"],
        version.id.as_str()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_of_one_version_however_often_versions_are_switched() {
    let n_requests = std::env::var("SWITCHED_REQUESTS").map_or(REQUESTS, |n| n.parse().unwrap());
    let app = Arc::new(TestApp::spawn_with(Setup::default()).await);
    let file = Arc::new(customers_of_both());
    let versions: [&TrainedVersion; 2] = [&SAMPLE_MODEL, &second_schema::MODEL];
    versions[1].publish_to(&app.models);
    let mut expected = BTreeMap::new();
    for version in versions {
        activate(&app, version).await;
        for n in [0, 1] {
            let (header, answer) = ask(&app, &file, n).await;
            assert_eq!((&header, &answer["model_version"]), (&version.id.to_string(), &json!(header)));
            expected.insert((header, n), answer);
        }
    }
    let [first, second] = versions.map(|version| version.id.to_string());
    for n in [0, 1] {
        assert_ne!(expected[&(first.clone(), n)]["persona"], json!({}), "an answer says something");
        assert_ne!(expected[&(first.clone(), n)], expected[&(second.clone(), n)], "the two can be told apart");
    }

    let (expected, done, next) = (Arc::new(expected), Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let callers = (0..CALLERS).map(|_| {
        let (app, file, expected, next) = (app.clone(), file.clone(), expected.clone(), next.clone());
        tokio::spawn(async move {
            let mut answered = BTreeMap::<String, usize>::new();
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= n_requests {
                    return answered;
                }
                let (version, answer) = ask(&app, &file, n).await;
                let kind = usize::from(!n.is_multiple_of(UPLOADS_EVERY));
                assert_eq!(answer, expected[&(version.clone(), kind)], "request {n}");
                *answered.entry(version).or_default() += 1;
            }
        })
    });
    let callers: Vec<_> = callers.collect();
    let switching = tokio::spawn({
        let (app, done) = (app.clone(), done.clone());
        async move {
            let mut switches = 0;
            while !done.load(Ordering::Relaxed) {
                activate(&app, versions[switches % 2]).await;
                switches += 1;
            }
            switches
        }
    });
    let mut answered = BTreeMap::<String, usize>::new();
    for caller in callers {
        for (version, n) in caller.await.unwrap() {
            *answered.entry(version).or_default() += n;
        }
    }
    done.store(true, Ordering::Relaxed);
    let switches = switching.await.unwrap();
    assert_eq!(answered.values().sum::<usize>(), n_requests);
    assert!(answered.len() == 2 && switches > 2, "{answered:?} in {switches} switches");
    assert!(fs::read_dir(app.models.join("versions")).unwrap().count() == 2);
}
