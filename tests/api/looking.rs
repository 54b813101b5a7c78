//! What people look at: the segments of the live version, the map, what marketers add, what waits, and how the service
//! is.

use std::collections::BTreeMap;

use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::app::{ADMIN_KEY, Setup, TestApp, keys, list, ok};
use crate::form::Form;
use crate::problems::code;
use crate::second_schema;
use crate::sheets::{CUSTOMER, HEADER, csv};
use crate::trained::SAMPLE_MODEL;

async fn put(app: &TestApp, path: &str, tag: Option<&str>, body: &Value) -> Response {
    let request = app.request(Method::PUT, path).bearer_auth(ADMIN_KEY).json(body);
    let request = if let Some(tag) = tag { request.header("if-match", tag) } else { request };
    request.send().await.unwrap()
}

fn numbers(of: &Value) -> Vec<f64> {
    list(of).iter().map(|n| n.as_f64().unwrap()).collect()
}

/// The report of the sample's version.
fn report_of(app: &TestApp) -> std::path::PathBuf {
    app.models.join("versions").join(SAMPLE_MODEL.id.as_str()).join("report.json")
}

#[tokio::test(flavor = "multi_thread")]
async fn segments_are_sized_described_and_compared_with_everyone() {
    let app = TestApp::spawn().await;
    let answer = ok(app.get("/segments").await).await;
    assert_eq!((&answer["model_version"], &answer["customers"]), (&json!(SAMPLE_MODEL.id.as_str()), &json!(5000)));
    let segments = list(&answer["segments"]);
    let sizes: f64 = segments.iter().map(|segment| segment["customers"].as_f64().unwrap()).sum();
    assert!((sizes + answer["outside"]["customers"].as_f64().unwrap() - 5000.0).abs() < 0.5, "{answer}");
    let report = serde_json::from_slice::<Value>(&std::fs::read(report_of(&app)).unwrap()).unwrap();
    for (segment, stability) in segments.iter().zip(list(&report["refit"]["stability"])) {
        assert_eq!(segment["cluster_id"], stability["cluster_id"]);
        let gap = segment["found_again"].as_f64().unwrap() - stability["jaccard"].as_f64().unwrap();
        assert!(gap.abs() < 1e-4, "{segment}");
        assert!(!segment["persona_summary"].as_str().unwrap().is_empty());
        assert_eq!((&segment["before"], &segment["fate"]), (&Value::Null, &Value::Null), "the first version of all");
        for key in keys(&segment["persona"]) {
            // What a persona shows of names is compared, by the same name.
            let lifts = list(&segment["lift"][key]);
            assert!(!lifts.is_empty(), "{key}");
            for lift in lifts {
                let of = |name: &str| lift[name].as_f64().unwrap();
                assert!((of("share") / of("share_overall") - of("lift")).abs() < 0.01, "{lift}");
                assert!(of("share") * segment["customers"].as_f64().unwrap() > 9.0, "nothing is said of a few: {lift}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lifts_of_trained_segments_are_those_of_the_training_s_own_table() {
    let app = TestApp::spawn().await;
    let trained = ok(app.get("/segments").await).await;
    // The sample was trained on: uploaded, every customer is in the segment that training found.
    let uploaded = app.upload_file("base_data/2026-01-01/customers.xlsx").await;
    for (trained, uploaded) in list(&trained["segments"]).iter().zip(list(&uploaded["segments"])) {
        assert_eq!((&trained["customers"], &trained["cluster_id"]), (&uploaded["size"], &uploaded["cluster_id"]));
        for key in keys(&uploaded["lift"]) {
            for lift in list(&uploaded["lift"][key]) {
                let found = list(&trained["lift"][key]).iter().find(|own| own["value"] == lift["value"]).unwrap();
                for number in ["share", "share_overall", "lift"] {
                    let gap = (found[number].as_f64().unwrap() - lift[number].as_f64().unwrap()).abs();
                    assert!(gap < 1e-3, "{key}: {found} and {lift}");
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_map_has_one_entry_a_profile_and_its_segments_are_apart() {
    let app = TestApp::spawn().await;
    let map = ok(app.get("/map").await).await;
    let points = map["points"].as_u64().unwrap() as usize;
    assert_eq!((&map["profiles"], &map["version"]), (&map["points"], &json!(SAMPLE_MODEL.id.as_str())));
    for key in ["x", "y", "segment", "customers", "strength", "profile"] {
        assert_eq!(list(&map[key]).len(), points, "{key}");
    }
    assert_eq!(numbers(&map["customers"]).iter().sum::<f64>(), 5000.0);
    // Each segment's middle is nearer to its own customers than to those of another segment.
    let (x, y) = (numbers(&map["x"]), numbers(&map["y"]));
    let mut middles: BTreeMap<i64, (f64, f64, f64)> = BTreeMap::new();
    let segments: Vec<Option<i64>> = list(&map["segment"]).iter().map(Value::as_i64).collect();
    for (at, id) in segments.iter().enumerate().filter_map(|(at, id)| Some((at, (*id)?))) {
        let sum = middles.entry(id).or_default();
        *sum = (sum.0 + x[at], sum.1 + y[at], sum.2 + 1.0);
    }
    let away = |at: usize, &(sx, sy, n): &(f64, f64, f64)| (x[at] - sx / n).hypot(y[at] - sy / n);
    let in_place = segments.iter().enumerate().filter(|(at, id)| {
        let nearest = middles.iter().min_by(|a, b| away(*at, a.1).total_cmp(&away(*at, b.1))).unwrap();
        Some(*nearest.0) == **id
    });
    assert!(in_place.count() as f64 > 0.95 * points as f64);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_map_s_values_add_up_to_what_segments_say() {
    let app = TestApp::spawn().await;
    let map = ok(app.get("/map").await).await;
    let segments = ok(app.get("/segments").await).await;
    let customers = numbers(&map["customers"]);
    for column in list(&map["columns"]) {
        let title = column["title"].as_str().unwrap();
        let first = &list(&segments["segments"])[0];
        let key = keys(&first["lift"]).into_iter().find(|key| key.contains(&title.replace(' ', "_"))).unwrap();
        let told = &list(&first["lift"][key])[0];
        let code = list(&column["values"]).iter().position(|value| *value == told["value"]).unwrap() as u64;
        let has = |at: &usize| list(&column["codes"])[*at].as_u64() == Some(code);
        let everywhere: f64 = (0..customers.len()).filter(has).map(|at| customers[at]).sum();
        let expected = told["share_overall"].as_f64().unwrap() * 5000.0;
        assert!((everywhere - expected).abs() < 1.0, "{title}: {everywhere} and {expected}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_real_customers_are_for_administrators() {
    let app = TestApp::spawn().await;
    let other = &*second_schema::MODEL;
    other.publish_to(&app.models);
    let path = format!("/map?version={}", other.id);
    let open = ok(app.get(&path).await).await;
    assert!(open.get("columns").is_none() && open["points"].as_u64().unwrap() > 0, "{}", open["points"]);
    let wrong = ok(app.request(Method::GET, &path).bearer_auth("another").send().await.unwrap()).await;
    assert!(wrong.get("columns").is_none());
    let closed = ok(app.request(Method::GET, &path).bearer_auth(ADMIN_KEY).send().await.unwrap()).await;
    assert!(!list(&closed["columns"]).is_empty());
    // Nor does a mark stand for a few of them.
    assert!(numbers(&open["customers"]).iter().all(|&customers| customers >= 10.0), "{}", open["customers"]);
    assert!(numbers(&closed["customers"]).iter().any(|&customers| customers < 10.0));
    assert!(open.get("profile").is_none() && list(&closed["profile"]).len() > list(&open["x"]).len());
    let sum =
        |map: &Value| numbers(&map["customers"]).iter().sum::<f64>() + map["customers_left_out"].as_f64().unwrap();
    assert_eq!(sum(&open), sum(&closed));
    for (version, expected) in [("none", 404), ("20200101T000000Z-00000000", 404)] {
        assert_eq!(code(app.get(&format!("/map?version={version}")).await).await.0, expected, "{version}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_s_places_are_on_the_map_and_new_profiles_lie_by_their_segment() {
    let app = TestApp::spawn().await;
    let map = ok(app.get("/map").await).await;
    let send = async |file: &str, query: &str| {
        let bytes = std::fs::read(crate::app::root(file)).unwrap();
        let (content_type, body) = Form::new().file("customers.xlsx", &bytes).finish();
        let request = app.request(Method::POST, &format!("/upload-excel{query}")).header("content-type", content_type);
        ok(request.body(body).send().await.unwrap()).await
    };
    // The sample was trained on: each of its profiles is where the map has it, and none is new.
    let own = send("base_data/2026-01-01/customers.xlsx", "?places=1&members=0").await;
    let places = &own["places"];
    assert_eq!(numbers(&places["customers"]).iter().sum::<f64>(), 5000.0);
    let number_of: BTreeMap<u64, usize> =
        list(&map["profile"]).iter().enumerate().map(|(at, number)| (number.as_u64().unwrap(), at)).collect();
    for (at, profile) in list(&places["profile"]).iter().enumerate() {
        let on_map = number_of[&profile.as_u64().unwrap()];
        for key in ["x", "y", "segment", "customers"] {
            assert_eq!(places[key][at], map[key][on_map], "{key} of {profile}");
        }
    }
    assert!(list(&own["clusters"]).iter().all(|cluster| list(&cluster["members"]).is_empty()));
    assert_eq!(own["members_truncated"], true);

    let other = send("tests/fixtures/upload_2000.xlsx", "?places=1").await;
    let places = &other["places"];
    let is_new = |at: &usize| places["profile"][*at].is_null();
    let new: Vec<usize> = (0..list(&places["profile"]).len()).filter(is_new).collect();
    assert!(!new.is_empty());
    // Within a segment distances are true: a new customer lies among its segment's own.
    let (x, y) = (numbers(&map["x"]), numbers(&map["y"]));
    let nearest = |px: f64, py: f64| {
        let away = |at: &usize| (x[*at] - px).hypot(y[*at] - py);
        (0..x.len()).min_by(|a, b| away(a).total_cmp(&away(b))).unwrap()
    };
    let by_their_own = new.iter().filter(|&&at| {
        let there = nearest(places["x"][at].as_f64().unwrap(), places["y"][at].as_f64().unwrap());
        map["segment"][there] == places["segment"][at]
    });
    assert!(by_their_own.count() as f64 > 0.9 * new.len() as f64);
    assert!(send("tests/fixtures/upload_2000.xlsx", "").await.get("places").is_none());
    let wrong = app.request(Method::POST, "/upload-excel?members=x").send().await.unwrap();
    assert_eq!(code(wrong).await, (422, "invalid_fields".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_added_to_a_segment_is_in_the_next_prompt_and_lasts() {
    let app = TestApp::spawn().await;
    let before = ok(app.get("/segments").await).await;
    let tag = list(&before["segments"])[1]["extras_etag"].as_str().unwrap().to_owned();
    let answer = put(&app, "/segments/1/extras", Some(&tag), &json!({"Interests": "running", "Mood": " calm "})).await;
    let header = answer.headers()["etag"].to_str().unwrap().to_owned();
    let answer = ok(answer).await;
    assert_eq!(
        (&answer["extras"], &answer["etag"]),
        (&json!({"Interests": "running", "Mood": "calm"}), &json!(header))
    );
    let after = ok(app.get("/segments").await).await;
    assert_eq!(list(&after["segments"])[1]["extras_etag"], header);
    assert_eq!(list(&after["segments"])[0]["extras"], json!({}));
    let text = app.generate("/generate-post", &json!({"cluster_id": 1})).await;
    let prompt = text["prompt_used"].as_str().unwrap();
    assert!(prompt.contains("running") && prompt.contains("<data>Mood</data>: <data>calm</data>"), "{text}");

    // A client that saw the older ones has to read again.
    let stale = put(&app, "/segments/1/extras", Some(&tag), &json!({"Interests": "chess"})).await;
    assert_eq!(code(stale).await, (412, "extras_changed".to_owned()));
    let either = put(&app, "/segments/1/extras", Some(&format!("{tag}, {header}")), &answer["extras"]).await;
    assert_eq!(either.status(), 200, "one of them is the current one");
    assert_eq!(code(put(&app, "/segments/1/extras", None, &json!({})).await).await, (428, "no_if_match".to_owned()));
    // Another version of the same folder has them, too.
    let folder = content_portal::model_store::ModelStore::new(&app.models);
    let mut version = folder.load_current().unwrap();
    folder.lay_extras(&mut version).unwrap();
    let kept = version.model.segments().iter().map(|segment| segment.persona.extras.len()).sum::<usize>();
    assert_eq!(kept, 2);
    // And they are taken away the same way.
    assert_eq!(put(&app, "/segments/1/extras", Some("*"), &json!({})).await.status(), 200);
    let text = app.generate("/generate-post", &json!({"cluster_id": 1})).await;
    assert!(!text["prompt_used"].as_str().unwrap().contains("running"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_added_is_refused_with_what_to_change() {
    let app = TestApp::spawn().await;
    for (body, field) in [
        (json!({"Top_Gender": "Female"}), "Top_Gender"),
        (json!({" Top_Gender\t": "Female"}), " Top_Gender\t"),
        (json!({"Interests": 3}), "Interests"),
        (json!({"Special_Offer": "a", "special offer": "b"}), "special offer"),
        (json!({"Interests": "x".repeat(501)}), "Interests"),
        (json!({"x".repeat(51): "y"}), &"x".repeat(51)),
    ] {
        let problem: Value = put(&app, "/segments/0/extras", Some("*"), &body).await.json().await.unwrap();
        assert_eq!((&problem["code"], &problem["details"][0]["field"]), (&json!("invalid_fields"), &json!(field)));
    }
    let (name, text) = ("x".repeat(50), "y".repeat(500));
    let with_blanks = json!({format!(" {name} "): format!(" {text}\n")});
    let added = ok(put(&app, "/segments/0/extras", Some("*"), &with_blanks).await).await;
    assert_eq!(added["extras"], json!({name: text}));
    let list = put(&app, "/segments/0/extras", Some("*"), &json!(["running"])).await;
    let problem: Value = list.json().await.unwrap();
    assert_eq!(problem["code"], "not_an_object");
    assert!(problem["error"].as_str().unwrap().contains("Interests"), "{problem}");
    for path in ["/segments/99/extras", "/segments/x/extras"] {
        assert_eq!(code(put(&app, path, Some("*"), &json!({})).await).await, (404, "no_such_segment".to_owned()));
    }
    let nobody = app.request(Method::PUT, "/segments/0/extras").json(&json!({})).send().await.unwrap();
    assert_eq!(code(nobody).await, (401, "not_admin".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_uploads_are_listed_for_administrators() {
    let app = TestApp::spawn().await;
    assert_eq!(code(app.get("/uploads").await).await, (401, "not_admin".to_owned()));
    let ask = async || ok(app.request(Method::GET, "/uploads").bearer_auth(ADMIN_KEY).send().await.unwrap()).await;
    assert_eq!(ask().await, json!({"uploads": [], "next": null, "count": 0, "bytes": 0}));
    let uploaded = app.upload_file("tests/fixtures/customers_300.xls").await;
    let listed = ask().await;
    let size = std::fs::metadata(crate::app::root("tests/fixtures/customers_300.xls")).unwrap().len();
    assert_eq!((&listed["bytes"], list(&listed["uploads"]).len()), (&json!(size), 1));
    assert_eq!(
        (&listed["uploads"][0]["id"], &listed["uploads"][0]["bytes"]),
        (&uploaded["upload"]["id"], &json!(size))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_uploads_come_in_pages_that_go_on_where_the_last_upload_of_one_is_gone() {
    let app = TestApp::spawn().await;
    let mut sent = Vec::new();
    for n in 1..=3 {
        let id = format!("A{n}");
        let customer = [&id, "2024-02-29", "Bedok", "Female", "Gold"];
        sent.push(app.upload("customers.csv", &csv([HEADER, customer])).await["upload"]["id"].clone());
    }
    let ask = async |query: &str| {
        let path = format!("/uploads{query}");
        app.request(Method::GET, &path).bearer_auth(ADMIN_KEY).send().await.unwrap()
    };
    let ids = |page: &Value| list(&page["uploads"]).iter().map(|upload| upload["id"].clone()).collect::<Vec<_>>();
    let all = ok(ask("").await).await;
    assert_eq!((&all["count"], &all["next"], ids(&all).len()), (&json!(3), &Value::Null, 3));
    assert!(sent.iter().all(|id| ids(&all).contains(id)));
    let first = ok(ask("?limit=2").await).await;
    assert_eq!((ids(&first), &first["count"], &first["bytes"]), (ids(&all)[..2].to_vec(), &json!(3), &all["bytes"]));
    let last = format!("/uploads/{}", ids(&first)[1].as_str().unwrap());
    app.request(Method::DELETE, &last).bearer_auth(ADMIN_KEY).send().await.unwrap();
    let second = ok(ask(&format!("?limit=2&after={}", first["next"].as_str().unwrap())).await).await;
    assert_eq!((ids(&second), &second["count"], &second["next"]), (ids(&all)[2..].to_vec(), &json!(2), &Value::Null));
    for query in ["?limit=0", "?limit=1001", "?limit=x", "?after=x", "?page=2"] {
        assert_eq!(code(ask(query).await).await, (422, "invalid_fields".to_owned()), "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_counts_work_and_knows_what_the_last_upload_was_like() {
    let app = TestApp::spawn().await;
    let fresh = ok(app.get("/status").await).await;
    assert_eq!(
        (&fresh["status"], &fresh["writer"], &fresh["models"], &fresh["drift"]),
        (&json!("ready"), &json!("offline"), &json!([]), &Value::Null)
    );
    assert_eq!(fresh["requests"], json!({"ok": 0, "client_error": 0, "server_error": 0}));
    assert_eq!((&fresh["overhead_ms"]["p50"], &fresh["budget"]["limit_usd"]), (&Value::Null, &Value::Null));
    app.upload_file("tests/fixtures/customers_300.xls").await;
    app.post("/generate-post", &json!({"platform": "Radio"})).await;
    // A request is counted behind its answer, and the waiting uploads once a second.
    app.until(async |app| {
        let status = ok(app.get("/status").await).await;
        let is_counted = status["requests"] == json!({"ok": 1, "client_error": 1, "server_error": 0});
        is_counted && status["uploads_waiting"] == 1
    })
    .await;
    let status = ok(app.get("/status").await).await;
    assert!(status["overhead_ms"]["p99"].as_f64().unwrap() > 0.0 && status["drift"]["level"].is_string(), "{status}");
    assert_eq!((&fresh["uploads_waiting"], &status["admin_key_is_set"]), (&json!(0), &json!(true)));
    assert_eq!(status["options"]["platforms"][0], json!({"name": "Instagram", "max_chars": 2200}));
    let closed = TestApp::spawn_with(Setup { admin_key: None, ..Setup::default() }).await;
    assert_eq!(ok(closed.get("/status").await).await["admin_key_is_set"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn places_among_own_customers_are_for_administrators() {
    let app = TestApp::spawn_on(Setup::default(), &second_schema::MODEL).await;
    let send = async |places: u8, key: Option<&str>| {
        let (content_type, body) = Form::new().file("accounts.csv", &csv(second_schema::customers())).finish();
        let path = format!("/upload-excel?places={places}&members=0");
        let request = app.request(Method::POST, &path).header("content-type", content_type);
        let request = key.into_iter().fold(request, |request, key| request.bearer_auth(key));
        ok(request.body(body).send().await.unwrap()).await
    };
    let open = send(1, None).await;
    assert!(open.get("places").is_none());
    assert_eq!(open["notes"][0]["code"], "places_need_admin", "{}", open["notes"]);
    assert!(!list(&send(1, Some(ADMIN_KEY)).await["places"]["x"]).is_empty());
    let unasked = send(0, None).await;
    assert!(unasked.get("places").is_none() && unasked.get("notes").is_none(), "{}", unasked["notes"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_drift_of_a_few_uploaded_customers_is_theirs_alone() {
    let app = TestApp::spawn().await;
    app.upload("one.csv", &csv([HEADER, CUSTOMER])).await;
    assert_eq!(ok(app.get("/status").await).await["drift"], Value::Null);
    app.upload_file("tests/fixtures/upload_2000.xlsx").await;
    assert!(ok(app.get("/status").await).await["drift"].is_object());
}
