//! The report as a page: everything that a head of marketing asks for, and nothing that a stranger wrote as markup.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::shop::{Shop, customers, names};

fn page(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

/// Trains, and the page of the version.
fn published_page(shop: &mut Shop) -> String {
    let id = shop.publish().id;
    page(&shop.store.report_page(&id).unwrap())
}

/// What a reader sees: no tags, the escaped characters as they are, one blank between words.
fn text_of(html: &str) -> String {
    let body = html.split("</style>").last().unwrap();
    let text: Vec<&str> = body.split('<').map(|part| part.split_once('>').map_or("", |(_, text)| text)).collect();
    let text = text
        .join(" ")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&#x27;", "'")
        .replace("&#x2f;", "/")
        .replace("&amp;", "&");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The start tags of a page with their attributes.
fn tags(html: &str) -> impl Iterator<Item = &str> {
    html.split('<').skip(1).map(|part| part.split('>').next().unwrap())
}

#[test]
fn a_version_has_a_page_that_shows_what_changed() {
    let mut shop = Shop::with("ABC");
    let first = shop.publish().id;
    let path = shop.store.report_page(&first).unwrap();
    let text = text_of(&page(&path));
    assert!(text.contains("Published All 13 checks of the gate passed."), "{text}");
    for explained in
        ["A segment is a group of customers", "What decides them", "More often than others", "content-portal compare"]
    {
        assert!(text.contains(explained), "{explained} in {text}");
    }
    // Also where it is opened as a file, without the server's headers.
    let policy =
        r#"<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline';"#;
    assert!(page(&path).split("<style>").next().unwrap().contains(policy));
    assert!(
        text.contains("Segment 0 ") && text.contains("216 customers") && !text.contains("before and now"),
        "{text}"
    );

    // C leaves, D comes, and A grows.
    fs::remove_file(shop.path("base_data/2026-01-01/C.csv")).unwrap();
    shop.add("base_data/2026-02-01/more.csv", &(customers('D', 0, 72) + &customers('A', 72, 40)));
    fs::write(shop.path("base_data/2026-02-01/broken.xlsx"), "no workbook at all").unwrap();
    let published = shop.publish();
    let html = page(&shop.store.report_page(&published.id).unwrap());
    let text = text_of(&html);
    assert!(text.contains(&format!("compared with the live version {first}")), "{text}");
    for expected in ["is no more", "goes on, 100 % shared", "drifted", "What became of it"] {
        assert!(text.contains(expected), "{expected} in {text}");
    }
    assert!(
        text.contains("new or rare values: 0.0 % →")
            && text.contains("n_neighbors 10 ")
            && text.contains("min_dist 0.1 "),
        "{text}"
    );
    assert!(text.contains("2026-01-01/A.csv") && text.contains("2026-02-01/broken.xlsx: "), "{text}");
    let profiles = published.report.scores.unwrap().profiles;
    assert!(text.contains(&format!("All {profiles} kinds are shown")), "{text}");
    let marks = tags(&html).filter(|tag| tag.starts_with("circle cx")).count();
    assert_eq!(marks, profiles, "one mark a profile");
}

#[test]
fn a_page_needs_no_network_and_no_script() {
    let mut shop = Shop::with("ABC");
    let html = published_page(&mut shop);
    for tag in tags(&html) {
        let name = tag.split([' ', '\n', '/']).next().unwrap();
        assert!(!["script", "link", "img", "iframe", "object", "embed", "base"].contains(&name), "{tag}");
        for attribute in ["src=", "href=", "onload=", "onclick=", "action="] {
            assert!(!tag.contains(attribute), "{tag}");
        }
    }
    let style = html.split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
    assert!(!style.contains("url(") && !style.contains("@import"));
    assert!(style.contains("prefers-color-scheme: dark") && style.contains("@media print"));
    assert_eq!(html.matches("://").count(), html.matches("http://www.w3.org/2000/svg").count());
}

#[test]
fn what_a_stranger_wrote_stays_text() {
    let mut shop = Shop::with("AB");
    let rows =
        customers('C', 0, 72).replace("Clementi", "<script>alert()</script>").replace("Queenstown", r#""""><b>&amp;""#);
    shop.add("base_data/2026-01-01/<img src=x onerror=alert(2)>.csv", &rows);
    fs::write(shop.path("base_data/2026-01-01/<u>.xlsx"), "no workbook at all").unwrap();
    let html = published_page(&mut shop);
    let lower = html.to_lowercase();
    for markup in ["<script", "<img", "<b>&", "<u>"] {
        assert!(!lower.contains(markup), "{markup}");
    }
    let text = text_of(&html).to_lowercase();
    for shown in ["<script>alert()<", "<img src=x onerror=alert(2)>.csv", "<u>.xlsx", "<b>&amp;"] {
        assert!(text.contains(shown), "{shown} in {text}");
    }
}

#[test]
fn the_same_customers_give_the_same_picture() {
    let mut shop = Shop::with("ABC");
    let picture = |html: &str| html.split("<figure").nth(1).unwrap().split("</figure>").next().unwrap().to_owned();
    let first = published_page(&mut shop);
    let second = published_page(&mut shop);
    assert_eq!(picture(&first), picture(&second));
}

#[test]
fn a_refused_candidate_s_page_says_which_check_decided() {
    let mut shop = Shop::with("ABC");
    shop.publish();
    shop.add("base_data/2026-02-01/one.csv", &customers('A', 72, 1));
    shop.gate.min_clusters = 9;
    shop.refused();
    let kept = names(&shop.path("models/refused"));
    assert_eq!(kept.len(), 2, "{kept:?}");
    assert_eq!(kept[0].replace(".html", ""), kept[1].replace(".json", ""));
    let text = text_of(&page(&shop.path("models/refused").join(&kept[0])));
    assert!(text.contains("Refused") && text.contains("Segments: 3, and must be at least 9"), "{text}");
    assert!(
        text.contains("The map of the customers") && text.starts_with("Customer segments Candidate 2026"),
        "{text}"
    );
}

#[test]
fn too_little_to_train_on_has_a_page_without_a_map() {
    let mut shop = Shop::new();
    shop.refused();
    let kept = names(&shop.path("models/refused"));
    let text = text_of(&page(&shop.path("models/refused").join(&kept[0])));
    assert!(text.contains("Customers: 0, and must be at least 100") && text.contains("No file was read"), "{text}");
    assert!(!text.contains("The map"), "{text}");
}

#[test]
fn a_page_is_a_file_of_its_version_and_its_path_is_shown() {
    let mut shop = Shop::with("ABC");
    let id = shop.publish().id;
    let path = shop.store.report_page(&id).unwrap();
    let (_, shown) = shop.run(&["models", "show", "current"]);
    let relative = Path::new("models/versions").join(id.as_str()).join("report.html");
    assert!(shown.contains(relative.to_str().unwrap()), "{shown}");
    fs::write(&path, "another page").unwrap();
    let (code, printed) = shop.run(&["models", "verify"]);
    assert_eq!(code, Some(1));
    assert!(printed.contains("report.html: was changed"), "{printed}");
    fs::remove_file(&path).unwrap();
    assert_eq!(shop.store.report_page(&id), None);
}

#[test]
fn the_report_says_how_far_the_customers_moved_since_the_live_version() {
    let mut shop = Shop::with("ABC");
    assert_eq!(shop.publish().report.drift, None, "nothing was live");
    let same = shop.publish().report.drift.unwrap();
    assert!(same.columns.iter().all(|column| column.psi == 0.0), "{same:?}");
    shop.add("base_data/2026-02-01/more.csv", &customers('D', 0, 200));
    let id = shop.publish().id;
    let report: Value =
        serde_json::from_str(&fs::read_to_string(shop.path("models/current/report.json")).unwrap()).unwrap();
    assert_eq!(shop.current().id, id);
    let drift = &report["drift"];
    assert_eq!((&drift["level"], &drift["columns"]["Location"]["level"]), (&"drifted".into(), &"drifted".into()));
    assert_eq!(drift["columns"]["Loyalty Tier"]["level"], "steady");
    assert!(drift["unseen_share"].as_f64().unwrap() > 0.3, "{drift}");
}
