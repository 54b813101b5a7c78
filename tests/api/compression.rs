//! gzip: where it is asked for and worth it, and the answer is the same.

use std::io::Read;

use flate2::read::GzDecoder;
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::app::{TestApp, ok, root};
use crate::form::Form;

/// Sends the sample to a route, with this `Accept-Encoding`.
async fn send(app: &TestApp, path: &str, accept: &str, encoding: Option<&str>) -> Response {
    let sample = std::fs::read(root("base_data/2026-01-01/customers.xlsx")).unwrap();
    let (content_type, body) = Form::new().file("customers.xlsx", &sample).finish();
    let mut request = app.request(Method::POST, path).header("content-type", content_type).header("accept", accept);
    if let Some(encoding) = encoding {
        request = request.header("accept-encoding", encoding);
    }
    request.body(body).send().await.unwrap()
}

fn encoding(response: &Response) -> Option<&str> {
    response.headers().get("content-encoding").map(|value| value.to_str().unwrap())
}

/// The bytes of an answer that came so many times shorter.
async fn unpacked(response: Response, times: usize) -> Vec<u8> {
    assert_eq!(encoding(&response), Some("gzip"));
    let packed = response.bytes().await.unwrap();
    let mut bytes = Vec::new();
    GzDecoder::new(packed.as_ref()).read_to_end(&mut bytes).unwrap();
    assert!(packed.len() * times < bytes.len(), "{} of {}", packed.len(), bytes.len());
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_s_answer_is_a_tenth_as_long_and_the_same() {
    let app = TestApp::spawn().await;
    let response = send(&app, "/upload-excel", "*/*", Some("gzip, deflate, br")).await;
    let headers = response.headers();
    assert!(headers.get_all("vary").iter().any(|value| value == "accept-encoding"), "{headers:?}");
    assert!(headers.get("content-length").is_none() && headers.contains_key("x-model-version"), "{headers:?}");
    let mut packed: Value = serde_json::from_slice(&unpacked(response, 10).await).unwrap();
    for encoding in [None, Some("identity"), Some("br"), Some("gzip;q=0"), Some("")] {
        let response = send(&app, "/upload-excel", "*/*", encoding).await;
        assert_eq!(self::encoding(&response), None);
        let headers = response.headers();
        assert!(headers.contains_key("content-length"), "{headers:?}");
        assert!(headers.get_all("vary").iter().any(|value| value == "accept-encoding"), "{headers:?}");
        let mut plain = ok(response).await;
        for volatile in ["timings_ms", "upload"] {
            plain[volatile] = Value::Null;
            packed[volatile] = Value::Null;
        }
        assert_eq!(plain, packed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_compressed_and_a_workbook_is_not() {
    let app = TestApp::spawn().await;
    let table = unpacked(send(&app, "/segments/export", "text/csv", Some("gzip")).await, 4).await;
    assert_eq!(table, send(&app, "/segments/export", "text/csv", None).await.bytes().await.unwrap());
    let book = send(&app, "/segments/export", "*/*", Some("gzip")).await;
    assert_eq!((encoding(&book), book.headers().contains_key("content-length")), (None, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn events_pictures_and_short_answers_are_sent_as_they_are() {
    let app = TestApp::spawn().await;
    let events = send(&app, "/upload-excel", "text/event-stream", Some("gzip")).await;
    assert_eq!((encoding(&events), &events.headers()["content-type"]), (None, &"text/event-stream".parse().unwrap()));
    assert!(events.text().await.unwrap().contains("event: done"));

    let answer = app.generate("/generate-promo", &json!({ "post_type": "Image" })).await;
    let picture = answer["image_url"].as_str().unwrap().strip_prefix(&app.url("")).unwrap().to_owned();
    for path in [picture.as_str(), "/healthz", "/readyz", "/no-such-route", "/docs/swagger-ui-bundle.js"] {
        let response = app.request(Method::GET, path).header("accept-encoding", "gzip").send().await.unwrap();
        assert_eq!(encoding(&response), None, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_says_what_a_get_would() {
    let app = TestApp::spawn().await;
    for accepted in ["gzip", "identity"] {
        let ask = async |method: Method| {
            let request = app.request(method, "/openapi.json").header("accept-encoding", accepted);
            request.send().await.unwrap()
        };
        let (get, head) = (ask(Method::GET).await, ask(Method::HEAD).await);
        for name in ["content-encoding", "content-length", "content-type", "vary", "etag", "cache-control"] {
            assert_eq!(get.headers().get(name), head.headers().get(name), "{accepted}: {name}");
        }
        assert_eq!(head.bytes().await.unwrap().len(), 0);
    }
}
