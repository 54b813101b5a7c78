//! Which web pages may have something sent, and under which names of hosts the server answers.

use reqwest::{Method, RequestBuilder};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::app::{Setup, TestApp};
use crate::form::Form;
use crate::problems::code;

/// The whole answer to a request of these bytes.
async fn raw(app: &TestApp, request: &str) -> String {
    let mut stream = TcpStream::connect(app.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// A generation as a page of `origin` has it sent, with what browsers say of the two sites.
fn from_page(app: &TestApp, origin: Option<&str>, site: Option<&str>) -> RequestBuilder {
    let mut request = app.request(Method::POST, "/generate-post").json(&json!({}));
    for (name, value) in [("origin", origin), ("sec-fetch-site", site)] {
        if let Some(value) = value {
            request = request.header(name, value);
        }
    }
    request
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_page_can_have_nothing_sent_and_the_portal_everything() {
    let app = TestApp::spawn().await;
    let own = format!("http://{}", app.address);
    for (origin, site) in [
        (None, None),
        (Some("http://localhost:4200"), None),
        (Some("http://localhost:4200"), Some("same-site")),
        (Some("http://127.0.0.1:4200"), Some("cross-site")),
        (Some(own.as_str()), None),
        (Some(own.as_str()), Some("same-origin")),
        (None, Some("none")),
    ] {
        assert_eq!(from_page(&app, origin, site).send().await.unwrap().status(), 200, "{origin:?} {site:?}");
    }
    for (origin, site) in [
        (Some("https://evil.example"), None),
        (Some("https://evil.example"), Some("cross-site")),
        (Some("null"), None),
        (Some("http://localhost:4201"), Some("same-site")),
        (None, Some("cross-site")),
    ] {
        let refused = code(from_page(&app, origin, site).send().await.unwrap()).await;
        assert_eq!(refused, (403, "foreign_origin".to_owned()), "{origin:?} {site:?}");
    }
    let noted = from_page(&app, Some("https://evil.example"), None).header("x-request-id", "foreign-1").send().await;
    assert_eq!(noted.unwrap().status(), 403);
    assert_eq!(app.audited("foreign-1").await["status"], 403);
    // As a form of a foreign page would be sent, without a preflight.
    let (content_type, body) = Form::new().file("a.csv", b"Location\nBedok\n").finish();
    let form = app.request(Method::POST, "/upload-excel").header("content-type", content_type).body(body);
    let answer = form.header("origin", "https://evil.example").send().await.unwrap();
    assert_eq!(code(answer).await, (403, "foreign_origin".to_owned()));
    assert!(app.kept().is_empty());
    for method in [Method::PUT, Method::DELETE] {
        let request = app.request(method, "/segments/0/extras").header("origin", "https://evil.example");
        assert_eq!(code(request.send().await.unwrap()).await, (403, "foreign_origin".to_owned()));
    }
    // To look is harmless: the page gets to read nothing.
    let look = app.request(Method::GET, "/segments").header("origin", "https://evil.example").send().await.unwrap();
    assert_eq!((look.status().as_u16(), look.headers().get("access-control-allow-origin")), (200, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_every_origin_may_call_no_page_is_foreign() {
    let app = TestApp::spawn_with(Setup { allow_origins: vec!["*".to_owned()], ..Setup::default() }).await;
    let sent = from_page(&app, Some("https://anywhere.example"), Some("cross-site")).send().await.unwrap();
    assert_eq!(sent.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_answers_under_its_own_names_alone() {
    let setup = Setup {
        public_url: Some("https://content.example.com/api".to_owned()),
        allow_hosts: vec!["intranet", "*.example.org"],
        ..Setup::default()
    };
    let app = TestApp::spawn_with(setup).await;
    let with_host = async |host: &str| {
        raw(&app, &format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).await
    };
    for host in [
        "localhost",
        "localhost:5000",
        "127.0.0.1",
        "[::1]:5000",
        "10.20.30.40:5000",
        "content.example.com",
        "Content.Example.Com:443",
        "intranet:80",
        "a.example.org",
    ] {
        assert!(with_host(host).await.starts_with("HTTP/1.1 200"), "{host}");
    }
    for host in ["evil.example", "content.example.com.evil.example", "intranet.evil.example", "example.org"] {
        let answer = with_host(host).await;
        assert!(answer.starts_with("HTTP/1.1 421") && answer.contains("foreign_host"), "{host}: {answer}");
        assert!(answer.contains("ALLOW_HOSTS") && !answer.contains("evil"), "{answer}");
    }
    for head in ["", "Host: localhost\r\nHost: localhost\r\n", "Host: \r\n", "Host: me@localhost\r\n", "Host: a b\r\n"]
    {
        let answer = raw(&app, &format!("GET /healthz HTTP/1.1\r\n{head}Connection: close\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{head:?}: {answer}");
    }
    // A target with a host of its own counts instead of the header (RFC 9112, 3.2.2).
    let target = "GET http://evil.example/healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    assert!(raw(&app, target).await.starts_with("HTTP/1.1 421"));
    assert!(raw(&app, "GET /healthz HTTP/1.0\r\n\r\n").await.starts_with("HTTP/1.0 200"), "as some proxies check");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_under_a_foreign_host_gets_a_page_that_says_what_to_set() {
    let app = TestApp::spawn().await;
    let head = "Host: crm.example:5000\r\nAccept: text/html,*/*;q=0.8\r\nConnection: close";
    let answer = raw(&app, &format!("GET / HTTP/1.1\r\n{head}\r\n\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 421") && answer.contains("content-type: text/html"), "{answer}");
    for part in ["<code>ALLOW_HOSTS</code>", "<code>PUBLIC_URL</code>", "default-src 'none'", "x-request-id"] {
        assert!(answer.contains(part), "{part} in {answer}");
    }
    assert!(!answer.contains("crm.example"), "{answer}");
    let change = raw(&app, &format!("POST /generate-promo HTTP/1.1\r\n{head}\r\nContent-Length: 0\r\n\r\n")).await;
    assert!(change.starts_with("HTTP/1.1 421") && change.contains("\"foreign_host\""), "{change}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_host_is_answered_where_the_operator_says_so() {
    let app = TestApp::spawn_with(Setup { allow_hosts: vec!["*"], ..Setup::default() }).await;
    let request = "GET /healthz HTTP/1.1\r\nHost: anything.example\r\nConnection: close\r\n\r\n";
    assert!(raw(&app, request).await.starts_with("HTTP/1.1 200"));
}
