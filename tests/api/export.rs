//! `POST /segments/export`: what is downloaded, read back as a spreadsheet program would.

use std::path::PathBuf;

use calamine::{Data, DataType};
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::app::{Setup, TestApp, list, root};
use crate::download::{Book, records};
use crate::form::Form;
use crate::problems::problem;
use crate::second_schema;
use crate::sheets::{CUSTOMER, HEADER, csv};

mod refused;

const XLSX_TYPE: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
/// What a spreadsheet program would run, open or resolve if it took it for more than text.
const HOSTILE: [&str; 10] = [
    "=HYPERLINK(\"http://evil.example\",\"click\")",
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1+1",
    "\r=1+1",
    "＝1+1",
    "http://evil.example/",
    "mailto:a@evil.example",
    "{=1+1}",
];

impl TestApp {
    pub async fn export(&self, path: &str, body: &Value) -> Vec<u8> {
        downloaded(self.post(path, body).await).await
    }

    pub async fn export_form(&self, path: &str, form: Form) -> Response {
        let (content_type, body) = form.finish();
        let request = self.request(Method::POST, path).header("content-type", content_type);
        request.body(body).send().await.unwrap()
    }
}

/// The bytes of an answer that is a success.
pub async fn downloaded(response: Response) -> Vec<u8> {
    let (status, length) = (response.status(), response.content_length());
    let bytes = response.bytes().await.unwrap();
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&bytes));
    assert_eq!(length, Some(bytes.len() as u64));
    bytes.into()
}

/// What may be said and what is only more frequent, in cells of one line.
fn claims_of(distinguishing: &Value) -> [String; 2] {
    let of = |said: bool| {
        let mut lines: Vec<(String, Vec<String>)> = Vec::new();
        for told in list(distinguishing).iter().filter(|told| (told["claim"] != "more_often") == said) {
            let (key, value) = (told["key"].as_str().unwrap(), &told["value"]);
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            match lines.last_mut() {
                Some((last, values)) if last == key => values.push(value),
                _ => lines.push((key.to_owned(), vec![value])),
            }
        }
        lines.iter().map(|(key, values)| format!("{key}: {}", values.join(", "))).collect::<Vec<_>>().join("; ")
    };
    [of(true), of(false)]
}

/// A kept answer of one segment with these members.
fn kept(members: &Value) -> Value {
    json!({ "clusters": [{ "cluster_id": 7, "members": members }] })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_s_own_answer_becomes_a_workbook_with_every_member() {
    let app = TestApp::spawn().await;
    let answer = app.upload_file("tests/fixtures/upload_2000.xlsx").await;
    let response = app.post("/segments/export", &answer).await;
    assert_eq!(response.headers()["content-type"], XLSX_TYPE);
    assert_eq!(response.headers()["content-disposition"], "attachment; filename=\"segments.xlsx\"");
    let book = Book::read(downloaded(response).await);

    let (segments, clusters) = (list(&answer["segments"]), list(&answer["clusters"]));
    assert_eq!(book.segments.rows.len(), segments.len());
    for ((row, segment), cluster) in book.segments.rows.iter().zip(segments).zip(clusters) {
        assert_eq!(row["cluster_id"].as_i64(), segment["cluster_id"].as_i64());
        assert_eq!(row["size"].as_i64(), segment["size"].as_i64());
        assert_eq!(row["rows_listed"].as_i64(), segment["size"].as_i64());
        assert_eq!(row["share"].as_f64(), segment["share"].as_f64());
        assert_eq!(row["persona_summary"].to_string(), segment["persona_summary"].as_str().unwrap());
        let claims = [row["may_be_said"].to_string(), row["more_often"].to_string()];
        assert_eq!(claims, claims_of(&segment["distinguishing"]));
        assert_eq!(row["text"].to_string(), cluster["default_post"].as_str().unwrap());
        assert_eq!(row["image_prompt"].to_string(), segment["content"]["image_prompt"].as_str().unwrap());
        // What these customers have in common, beside their own summary; the persona is the training's.
        assert_eq!(row["Top_Join_Quarter"].as_i64(), segment["observed"]["Top_Join_Quarter"].as_i64());
        let towns: Vec<&str> =
            list(&segment["observed"]["Top_Locations"]).iter().map(|v| v.as_str().unwrap()).collect();
        assert_eq!(row["Top_Locations"].to_string(), towns.join(", "));
    }

    let members: Vec<&Value> = clusters.iter().flat_map(|cluster| list(&cluster["members"])).collect();
    assert_eq!(book.rows.rows.len(), 2_000);
    assert!(book.rows.titles.starts_with(&["Location".to_owned(), "Gender".to_owned(), "Date Joined".to_owned()]));
    assert!(
        book.rows.titles.ends_with(&["cluster_id", "strength", "confidence"].map(str::to_owned)),
        "{:?}",
        book.rows.titles
    );
    for (row, member) in book.rows.rows.iter().zip(members) {
        let Data::DateTime(joined) = row["Date Joined"] else { panic!("{} is no real date", row["Date Joined"]) };
        let (year, month, day, ..) = joined.to_ymd_hms_milli();
        let joined = format!("{year:04}-{month:02}-{day:02}");
        assert_eq!(joined, member["Date Joined"].as_str().unwrap());
        assert_eq!(row["Location"].to_string(), member["Location"].as_str().unwrap());
        assert_eq!(row["Loyalty_Tier_Score"].as_i64(), member["Loyalty_Tier_Score"].as_i64());
        assert!(row["Loyalty_Tier_Score"].is_float() && row["strength"].is_float());
        assert_eq!(row["cluster_id"].as_i64(), member["cluster_id"].as_i64());
        assert_eq!(row["strength"].as_f64(), member["strength"].as_f64());
        assert_eq!(row["confidence"].as_f64(), member["confidence"].as_f64());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_be_said_of_a_segment_has_a_column_of_its_own() {
    let app = TestApp::spawn().await;
    let body = json!({"clusters": [{"cluster_id": 0, "members": [], "distinguishing": [
        {"key": "Top_Join_Quarter", "value": 4, "share": 1.0, "claim": "all"},
        {"key": "Top_Locations", "value": "Bedok", "claim": "more_often"},
        {"key": "Top_Locations", "value": "=Novena", "claim": "more_often"},
        {"key": "Mean_Spend", "median": 120.5, "claim": "more_often"}]}, {"cluster_id": 1, "members": []}]});
    let book = Book::read(app.export("/segments/export", &body).await);
    assert_eq!(book.segments.texts("may_be_said"), ["Top_Join_Quarter: 4", ""]);
    assert_eq!(book.segments.texts("more_often"), ["Top_Locations: Bedok, =Novena; Mean_Spend: median 120.5", ""]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_header_is_bold_frozen_and_filtered() {
    let app = TestApp::spawn().await;
    let book = Book::read(app.export("/segments/export", &kept(&json!([{"Location": "Bedok"}]))).await);
    for name in ["xl/worksheets/sheet1.xml", "xl/worksheets/sheet2.xml"] {
        let sheet = book.part(name);
        assert!(sheet.contains("<pane ySplit=\"1\"") && sheet.contains("state=\"frozen\""), "{sheet}");
        assert!(sheet.contains("<autoFilter ref=\"A1:") && sheet.contains("<cols><col "), "{sheet}");
        assert!(sheet.contains("<c r=\"A1\" s=\"1\""), "{sheet}");
    }
    assert!(book.part("xl/styles.xml").contains("<b/>"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_portal_keeps_is_enough() {
    let app = TestApp::spawn().await;
    let body = json!({ "clusters": [
        { "cluster_id": 0, "persona": {"Top_Gender": "Female", "Top_Locations": ["Bedok", "Yishun"], "Interests": "Tea"},
          "persona_summary": "Females", "default_post": "Come by", "campaign_inputs": {"objective": "Visits"},
          "members": [{"Date Joined": "2024-02-29", "Location": "Bedok", "cluster_id": 0}, {"Location": "Yishun"}] },
        { "cluster_id": -1, "persona": null, "default_post": "", "members": [{"Age": 41.5, "Location": null}] },
    ], "chosen": {"anything": [1, {"deep": []}]} });
    let book = Book::read(app.export("/segments/export", &body).await);
    assert_eq!(book.segments.texts("cluster_id"), ["0", "-1"]);
    assert_eq!(book.segments.texts("size"), ["2", "1"]);
    let shares: Vec<f64> = book.segments.rows.iter().map(|row| row["share"].as_f64().unwrap()).collect();
    assert_eq!(shares, [2.0 / 3.0, 1.0 / 3.0]);
    assert_eq!(book.segments.texts("Top_Locations"), ["Bedok, Yishun", ""]);
    assert_eq!(book.segments.texts("Interests"), ["Tea", ""]);
    assert_eq!(book.segments.texts("text"), ["Come by", ""]);
    assert_eq!(book.rows.titles, ["Date Joined", "Location", "Age", "cluster_id"]);
    assert_eq!(book.rows.texts("cluster_id"), ["0", "0", "-1"]);
    assert_eq!(book.rows.texts("Location"), ["Bedok", "Yishun", ""]);
    assert_eq!(book.rows.rows[2]["Age"], Data::Float(41.5));
}

#[tokio::test(flavor = "multi_thread")]
async fn segments_alone_give_segments_and_no_rows() {
    let app = TestApp::spawn().await;
    let body = json!({ "segments": [{ "cluster_id": 3, "size": 40, "share": 0.4, "persona": {"Top_Gender": "Male"},
        "content": {"error": {"step": "writing", "message": "No."}} }] });
    let book = Book::read(app.export("/segments/export", &body).await);
    assert_eq!(book.segments.texts("size"), ["40"]);
    assert_eq!(book.segments.texts("rows_listed"), ["0"]);
    assert_eq!(book.segments.texts("share"), ["0.4"]);
    assert_eq!((book.rows.titles, book.rows.rows.len()), (vec!["cluster_id".to_owned()], 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_csv_of_segments_alone_has_the_segments() {
    let app = TestApp::spawn().await;
    let bare = json!({"segments": [
        {"cluster_id": 3, "size": 40, "persona": {"Top_Gender": "Male"}, "content": {"text": "=Come by"}},
        {"cluster_id": -1, "size": 60, "persona_summary": "The rest"}]});
    let listed = json!({"clusters": [
        {"cluster_id": 3, "size": 40, "persona": {"Top_Gender": "Male"}, "default_post": "=Come by", "members": []},
        {"cluster_id": -1, "size": 60, "persona_summary": "The rest"}]});
    for body in [bare, listed] {
        let found = records(&app.export("/segments/export?format=csv", &body).await);
        let titles = ["cluster_id", "size", "rows_listed", "share", "persona_summary", "may_be_said", "more_often"];
        assert_eq!(found[0], [&titles[..], &["Top_Gender", "text", "image_prompt"]].concat());
        assert_eq!(found[1], ["3", "40", "0", "0.4", "", "", "", "Male", "'=Come by", ""]);
        assert_eq!(found[2], ["-1", "60", "0", "0.6", "The rest", "", "", "", "", ""]);
        assert_eq!(found.len(), 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_lists_are_an_empty_workbook_and_an_empty_table() {
    let app = TestApp::spawn().await;
    for body in [json!({"clusters": []}), json!({"segments": [], "clusters": null}), json!({"segments": []})] {
        let book = Book::read(app.export("/segments/export", &body).await);
        assert_eq!((book.segments.rows.len(), book.rows.rows.len()), (0, 0));
        assert_eq!(records(&app.export("/segments/export?format=csv", &body).await), [["cluster_id"]]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_answer_shows_the_true_size_beside_the_rows_listed() {
    let app = TestApp::spawn_with(Setup { max_members: 250, ..Setup::default() }).await;
    let answer = app.upload_file("tests/fixtures/customers_300.xls").await;
    assert_eq!(answer["members_truncated"], true);
    let book = Book::read(app.export("/segments/export", &answer).await);
    let sum = |title| book.segments.rows.iter().map(|row| row[title].as_i64().unwrap()).sum::<i64>();
    assert_eq!((sum("size"), sum("rows_listed"), book.rows.rows.len()), (300, 250, 250));
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_text_starts_with_it_stays_text_in_a_workbook() {
    let app = TestApp::spawn().await;
    let long = "=".repeat(40_000);
    let mut texts: Vec<&str> = HOSTILE.to_vec();
    texts.extend([&long, "_x0041_", "\u{1}\u{fffe}", "007", "2023-02-30", " "]);
    let members: Vec<Value> = texts.iter().map(|text| json!({ "=KEY()": text })).collect();
    let mut body = kept(&json!(members));
    body["clusters"][0]["default_post"] = json!("=1+1");
    body["clusters"][0]["persona"] = json!({ "@trait": ["=1", "+2"] });
    let book = Book::read(app.export("/segments/export", &body).await);
    assert_eq!(book.segments.texts("text"), ["=1+1"]);
    assert_eq!(book.segments.texts("@trait"), ["=1, +2"]);
    for (row, text) in book.rows.rows.iter().zip(&texts) {
        let Data::String(found) = &row["=KEY()"] else { panic!("{text:?} became {:?}", row["=KEY()"]) };
        if text.len() == 40_000 {
            assert!(found.ends_with("=…") && found.chars().count() == 32_767);
        } else {
            assert_eq!(found, text);
        }
    }
    for name in ["xl/worksheets/sheet1.xml", "xl/worksheets/sheet2.xml"] {
        let sheet = book.part(name);
        assert!(!sheet.contains("<f>") && !sheet.contains("<hyperlink"), "{name}");
    }
    assert!(!book.has_part("sheet2.xml.rels"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_csv_guards_text_with_an_apostrophe_and_leaves_numbers_alone() {
    let app = TestApp::spawn().await;
    let mut members: Vec<Value> = HOSTILE.iter().map(|text| json!({ "Name": text, "=KEY": -1 })).collect();
    members.push(json!({ "Name": "Zoë, \"the\" 忠邦城\nsecond line", "=KEY": -2.5 }));
    members.push(json!({ "Name": -1e300, "=KEY": true, "strength": 0.5 }));
    members.push(json!({ "Name": "2024-02-29", "=KEY": null }));
    let response = app.post("/segments/export?format=csv", &kept(&json!(members))).await;
    assert_eq!(response.headers()["content-type"], "text/csv; charset=utf-8");
    assert_eq!(response.headers()["content-disposition"], "attachment; filename=\"segments.csv\"");
    let bytes = downloaded(response).await;
    let found = records(&bytes);
    assert_eq!(found[0], ["Name", "'=KEY", "cluster_id", "strength"]);
    for (record, text) in found[1..].iter().zip(&HOSTILE) {
        let is_guarded = text.starts_with(['=', '+', '-', '@', '\t', '\r', '＝']);
        // Once more where a program that splits at tabs would begin a cell.
        let guarded = format!("'{text}").replace("\t=", "\t'=").replace("\r=", "\r'=");
        assert_eq!(record[0], if is_guarded { guarded } else { (*text).to_owned() });
        assert_eq!(record[1..], ["-1", "7", ""]);
    }
    assert_eq!(found[HOSTILE.len() + 1], ["Zoë, \"the\" 忠邦城\nsecond line", "-2.5", "7", ""]);
    assert_eq!(found[HOSTILE.len() + 2], ["-1e+300", "TRUE", "7", "0.5"]);
    assert_eq!(found[HOSTILE.len() + 3], ["2024-02-29", "", "7", ""]);
    assert!(bytes.ends_with(b"\r\n") && bytes.starts_with("\u{feff}Name,'=KEY,cluster_id,strength\r\n".as_bytes()));
}

#[tokio::test(flavor = "multi_thread")]
async fn dates_and_numbers_that_excel_cannot_hold_stay_as_they_were_written() {
    let app = TestApp::spawn().await;
    let values = [json!("1899-12-31"), json!(12_345_678_901_234_567_890_u64), json!(-9_999_999_999_999_999_i64)];
    let members: Vec<Value> = values.iter().map(|value| json!({ "Value": value })).collect();
    let book = Book::read(app.export("/segments/export", &kept(&json!(members))).await);
    assert_eq!(book.rows.texts("Value"), ["1899-12-31", "12345678901234567890", "-9999999999999999"]);
    assert!(book.rows.rows.iter().all(|row| row["Value"].is_string()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workbook_that_is_sent_again_is_grouped_and_nothing_of_it_is_kept() {
    let app = TestApp::spawn_with(Setup { max_members: 10, ..Setup::default() }).await;
    let file = std::fs::read(root("tests/fixtures/customers_300.xls")).unwrap();
    let book = Book::read(
        downloaded(app.export_form("/segments/export", Form::new().file("customers.xls", &file)).await).await,
    );
    assert_eq!(app.kept(), Vec::<PathBuf>::new());
    assert_eq!(book.rows.rows.len(), 300);
    let sizes: i64 = book.segments.rows.iter().map(|row| row["size"].as_i64().unwrap()).sum();
    assert_eq!(sizes, 300);
    assert!(book.segments.texts("text").iter().all(String::is_empty));

    // The same segments as an upload's, row by row.
    let answer = app.upload("customers.xls", &file).await;
    let uploaded = Book::read(app.export("/segments/export", &answer).await);
    assert_eq!(uploaded.segments.texts("size"), book.segments.texts("size"));
    for title in ["Top_Locations", "Top_Loyalty_Tier", "share"] {
        assert_eq!(uploaded.segments.texts(title), book.segments.texts(title), "{title}");
    }
    let clusters_alone = json!({ "clusters": answer["clusters"] });
    let from_clusters = Book::read(app.export("/segments/export", &clusters_alone).await);
    assert_eq!(from_clusters.segments.texts("Top_Locations"), book.segments.texts("Top_Locations"));
    let observed = |segment: &Value| list(&segment["observed"]["Top_Locations"]).len() == 3;
    let differs = |segment: &Value| segment["observed"] != segment["persona"];
    assert!(list(&answer["segments"]).iter().any(|segment| observed(segment) && differs(segment)));
    // The answer does not say where its rows stand.
    assert_eq!(book.rows.titles[0], "row");
    assert_eq!(uploaded.rows.titles[..], book.rows.titles[1..]);
    for (kept, exported) in uploaded.rows.rows.iter().zip(&book.rows.rows) {
        assert!(kept.iter().all(|(title, value)| exported[title] == *value), "{kept:?} {exported:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_company_s_columns_are_exported_under_their_own_titles() {
    let app = TestApp::spawn_on(Setup::default(), &second_schema::MODEL).await;
    let form = Form::new().file("a.csv", &csv(second_schema::customers())).text("format", "CSV");
    let found = records(&downloaded(app.export_form("/segments/export", form).await).await);
    assert_eq!(found.len(), 601);
    let titles = ["row", "Channel", "Plan", "Plan_Rank", "Signed Up", "Signed_Up_Year", "Visits a Month"];
    assert_eq!(found[0][..titles.len()], titles);
    assert_eq!(found[0][found[0].len() - 3..], ["cluster_id", "strength", "confidence"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_format_comes_from_the_query_the_body_or_what_is_accepted() {
    let app = TestApp::spawn().await;
    let cases = [
        ("", None, "", "xlsx"),
        ("?format=csv", Some("CSV"), "", "csv"),
        ("?format=XLSX", None, "text/csv", "xlsx"),
        ("", Some("xlsx"), "text/csv", "xlsx"),
        ("?format=", Some("csv"), "", "csv"),
        ("", None, "text/html, text/csv;q=0.9", "csv"),
        ("", None, "*/*", "xlsx"),
    ];
    for (query, field, accept, expected) in cases {
        let body = json!({ "clusters": [], "format": field });
        let request = app.request(Method::POST, &format!("/segments/export{query}")).header("accept", accept);
        let response = request.json(&body).send().await.unwrap();
        let name = response.headers()["content-disposition"].to_str().unwrap().to_owned();
        assert!(name.ends_with(&format!("segments.{expected}\"")), "{query} {field:?} {accept}: {name}");
    }
    let sheet = csv([HEADER, CUSTOMER]);
    let with_field = |format| Form::new().text("format", format).file("a.csv", &sheet);
    for (path, form) in [
        ("/segments/export?format=pdf", Form::new().file("a.csv", &sheet)),
        ("/segments/export?format=csv&format=xlsx", Form::new().file("a.csv", &sheet)),
        ("/segments/export", with_field("ods")),
    ] {
        let (status, problem) = problem(app.export_form(path, form).await).await;
        assert_eq!((status, &problem["code"]), (422, &json!("invalid_fields")));
        assert_eq!(problem["details"][0]["field"], "format");
        assert_eq!(problem["details"][0]["allowed"], json!(["xlsx", "csv"]));
    }
    assert_eq!(app.kept(), Vec::<PathBuf>::new());
}
