//! The console at `/`: its files, as a browser gets them, and what they may not hold. The walk in a browser is
//! `tests/console/`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use reqwest::Response;
use serde_json::Value;

use crate::app::{Setup, TestApp, ok, root};

/// Of all files together, in bytes, as they are and as they travel, each with the server's gzip.
const MAX_BYTES: usize = 120 << 10;
const MAX_GZIPPED_BYTES: usize = 40 << 10;
const MAX_LINES: usize = 400;
/// What a browser sends for a page.
const FOR_A_PAGE: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

/// Every file below `console/`, by its name there.
fn files() -> Vec<(String, String)> {
    let folder = root("console");
    let mut found = Vec::new();
    let mut folders = vec![folder.clone()];
    while let Some(dir) = folders.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push(named(&folder, path)) }
        }
    }
    found.sort();
    assert!(found.len() > 5, "{found:?}");
    found
}

fn named(folder: &Path, path: PathBuf) -> (String, String) {
    (path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned(), fs::read_to_string(path).unwrap())
}

async fn page(app: &TestApp) -> Response {
    app.request(reqwest::Method::GET, "/").header("accept", FOR_A_PAGE).send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_file_is_served_with_its_type_its_tag_and_the_policy() {
    // Pages are open, as `/docs` is, also where keys are set.
    let app = TestApp::spawn_with(Setup { api_keys: vec!["a-key-of-a-caller"], ..Setup::default() }).await;
    for (name, text) in files() {
        let path = format!("/console/{name}");
        let answer = app.get(&path).await;
        assert_eq!(answer.status(), 200, "{name}");
        let of = |header: &str| answer.headers()[header].to_str().unwrap().to_owned();
        let expected = match name.rsplit('.').next().unwrap() {
            "html" => "text/html; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            other => panic!("{other} has no type"),
        };
        assert_eq!((of("content-type").as_str(), of("cache-control").as_str()), (expected, "no-cache"), "{name}");
        let policy = of("content-security-policy");
        for part in
            ["default-src 'none'", "script-src 'self';", "require-trusted-types-for 'script'", "trusted-types 'none'"]
        {
            assert!(policy.contains(part), "{name}: {policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
        assert_eq!(of("cross-origin-opener-policy"), "same-origin");
        let tag = of("etag");
        assert_eq!(answer.text().await.unwrap(), text, "{name}");
        let again = app.request(reqwest::Method::GET, &path).header("if-none-match", &tag).send().await.unwrap();
        assert_eq!((again.status().as_u16(), again.headers()["etag"].to_str().unwrap()), (304, tag.as_str()));
        assert!(again.bytes().await.unwrap().is_empty());
    }
    assert_eq!(app.get("/console/..%2FCargo.toml").await.status(), 404);
    assert_eq!(ok_code(app.get("/console/none.js").await).await, "no_such_route");
}

async fn ok_code(answer: Response) -> String {
    answer.json::<Value>().await.unwrap()["code"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_gets_the_console_and_a_program_the_addresses() {
    let app = TestApp::spawn().await;
    let answer = page(&app).await;
    assert_eq!((answer.status().as_u16(), answer.url().path()), (200, "/"));
    assert_eq!(answer.headers()["vary"].to_str().unwrap().to_lowercase().matches("accept").count(), 2);
    assert!(answer.text().await.unwrap().contains("console/app.js"));
    assert_eq!(ok(app.get("/").await).await["service"], "content-portal");
}

#[test]
fn nothing_in_the_sources_is_forbidden() {
    for (name, text) in files() {
        for forbidden in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
            "localStorage",
            "sessionStorage",
            "indexedDB",
            "document.cookie",
            "style=\"",
            "<style",
            "javascript:",
            "http://",
            "https://",
            "setAttribute('style",
            "import(",
        ] {
            assert!(!text.contains(forbidden), "{name} has {forbidden}");
        }
        let handlers = text.match_indices(" on").filter(|(at, _)| {
            let rest = &text[at + 3..];
            let word = rest.chars().take_while(char::is_ascii_lowercase).count();
            word > 2 && rest[word..].starts_with("=\"")
        });
        assert_eq!(handlers.count(), 0, "{name} has a handler in its markup");
        if name.ends_with(".html") {
            let inline = text.split("<script").skip(1).filter(|script| !script.contains("src=\"console/"));
            assert_eq!(inline.count(), 0, "{name} has a script of its own");
        }
        let lines = text.lines().count();
        assert!(lines <= MAX_LINES, "{name} has {lines} lines");
        let long = text.lines().find(|line| line.chars().count() > 120);
        assert_eq!(long, None, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_console_stays_within_its_budget() {
    let app = TestApp::spawn().await;
    let (mut bytes, mut gzipped) = (0, 0);
    for (name, text) in files() {
        let request = app.request(reqwest::Method::GET, &format!("/console/{name}"));
        let answer = request.header("accept-encoding", "gzip").send().await.unwrap();
        assert_eq!(answer.headers()["content-encoding"], "gzip", "{name}");
        gzipped += answer.bytes().await.unwrap().len();
        bytes += text.len();
    }
    assert!(bytes <= MAX_BYTES && gzipped <= MAX_GZIPPED_BYTES, "{bytes} bytes, {gzipped} with gzip");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_that_the_console_calls_is_described_with_its_method() {
    let app = TestApp::spawn().await;
    let description = ok(app.get("/openapi.json").await).await;
    let (_, api) = files().into_iter().find(|(name, _)| name == "api.js").unwrap();
    let called: BTreeSet<(&str, &str)> = api
        .split('\'')
        .filter_map(|text| text.split_once(' '))
        .filter(|(method, path)| ["GET", "POST", "PUT", "DELETE"].contains(method) && path.starts_with('/'))
        .collect();
    assert!(called.len() > 10, "{called:?}");
    for (method, path) in called {
        assert!(description["paths"][path][method.to_lowercase()].is_object(), "{method} {path}");
    }
    let elsewhere = files().into_iter().filter(|(name, text)| name != "api.js" && text.contains("fetch("));
    assert_eq!(elsewhere.count(), 0, "only api.js asks the service");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_every_file_names_is_a_file() {
    let app = TestApp::spawn().await;
    for (name, text) in files() {
        for import in text.split("from '").skip(1).filter_map(|rest| rest.split('\'').next()) {
            let folder = Path::new(&name).parent().unwrap();
            let file = folder.join(import.trim_start_matches("./"));
            let file = if let Ok(rest) = file.strip_prefix("views/..") { rest.to_owned() } else { file };
            let path = format!("/console/{}", file.display());
            assert_eq!(app.get(&path).await.status(), 200, "{name} imports {import}");
        }
    }
}
