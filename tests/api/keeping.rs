//! What stays on disk of an upload: every accepted one, under a name of its own; nothing of a refused one.

use std::collections::BTreeSet;
use std::fs;

use content_portal::upload_store::UploadRules;
use tokio::io::AsyncWriteExt;

use crate::app::{Setup, TestApp, root};
use crate::form::Form;
use crate::sheets::{CUSTOMER, HEADER, csv};

#[tokio::test(flavor = "multi_thread")]
async fn two_uploads_of_one_name_are_both_kept_whole_and_one_content_is_stored_once() {
    let app = TestApp::spawn().await;
    let (first, second) =
        (csv([HEADER, CUSTOMER]), csv([HEADER, CUSTOMER, ["A2", "2023-05-01", "Novena", "Male", "Silver"]]));
    let one = app.upload("customers.csv", &first).await;
    let other = app.upload("customers.csv", &second).await;
    let again = app.upload("another name.xlsx", &second).await;
    let before = [&one, &other, &again].map(|answer| answer["upload"]["stored_before"].as_bool().unwrap());
    assert_eq!(before, [false, false, true]);
    assert_eq!(other["upload"]["id"], again["upload"]["id"]);
    let kept = app.kept();
    assert_eq!(kept.len(), 2);
    for answer in [one, again] {
        let id = answer["upload"]["id"].as_str().unwrap();
        assert!(kept.iter().any(|path| path.to_str().unwrap().ends_with(&format!("-{id}.csv"))), "{id} in {kept:?}");
    }
    let contents: BTreeSet<Vec<u8>> = kept.iter().map(|path| fs::read(path).unwrap()).collect();
    assert_eq!(contents, [first, second].into());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_file_name_never_becomes_a_path() {
    let app = TestApp::spawn().await;
    let long = format!("{}.csv", "escaped".repeat(600));
    let names = [
        "../../escaped.csv",
        "/tmp/escaped.csv",
        "..\\..\\escaped.csv",
        ".hidden.csv",
        "a\u{202e}vsc.csv",
        "CON.csv",
        "escaped.exe.csv",
        "escaped.csv.csv",
        "%2e%2e%2fescaped.csv",
        &long,
    ];
    for (n, name) in names.into_iter().enumerate() {
        let id = n.to_string();
        let answer = app.upload(name, &csv([HEADER, [&id, "2024-02-29", "Bedok", "Female", "Gold"]])).await;
        assert!(!answer.to_string().contains("escaped"), "{answer}");
    }
    // A header may not hold the byte 0; what cannot be read as a form is refused.
    let with_nul = app.send(Form::new().file("escaped\0.csv", &csv([HEADER, CUSTOMER]))).await;
    assert!(with_nul.status().is_client_error(), "{}", with_nul.status());
    let kept = app.kept();
    assert_eq!(kept.len(), names.len());
    for path in &kept {
        let name = path.file_name().unwrap().to_str().unwrap();
        let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b));
        assert!(plain && name.ends_with(".csv") && !name.contains("escaped") && !name.starts_with('.'), "{name}");
    }
    let beside: Vec<_> = fs::read_dir(app.uploads.parent().unwrap()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(beside.len(), 2, "{beside:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_upload_keeps_its_bits_and_its_extension() {
    let app = TestApp::spawn().await;
    let bytes = fs::read(root("tests/fixtures/customers_300.xls")).unwrap();
    app.upload("customers.XLS", &bytes).await;
    let [kept] = app.kept().try_into().unwrap();
    assert_eq!(kept.extension().unwrap(), "xls");
    assert_eq!(fs::read(kept).unwrap(), bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_side_by_side_do_not_meet() {
    let app = TestApp::spawn().await;
    let sheets: Vec<Vec<u8>> = (1..=12)
        .map(|n| {
            csv(std::iter::once(HEADER).chain((0..n).map(|_| CUSTOMER)).enumerate().map(|(i, mut row)| {
                let id = i.to_string();
                if i > 0 {
                    row[0] = &id;
                }
                row.map(str::to_owned)
            }))
        })
        .collect();
    let uploads = sheets.iter().map(|sheet| app.upload("same name.csv", sheet));
    let answers = futures::future::join_all(uploads).await;
    for (n, answer) in (1..).zip(&answers) {
        assert_eq!(answer["rows"]["rows_used"], n);
    }
    assert_eq!(app.kept().len(), sheets.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_content_that_many_send_at_once_is_stored_once() {
    let app = TestApp::spawn().await;
    let sheet = csv([HEADER, CUSTOMER]);
    let answers = futures::future::join_all((0..8).map(|_| app.upload("same.csv", &sheet))).await;
    assert_eq!(answers.iter().filter(|answer| answer["upload"]["stored_before"] == false).count(), 1);
    let [kept] = app.kept().try_into().unwrap();
    assert_eq!(fs::read(kept).unwrap(), sheet);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nearly_full_disk_refuses_an_upload_and_writes_nothing() {
    let upload_rules = UploadRules { min_free_bytes: 1 << 60, ..UploadRules::default() };
    let app = TestApp::spawn_with(Setup { upload_rules, ..Setup::default() }).await;
    let response = app.send(Form::new().file("a.csv", &csv([HEADER, CUSTOMER]))).await;
    assert_eq!(response.status(), 507);
    let problem: serde_json::Value = response.json().await.unwrap();
    assert_eq!(problem["code"], "storage_low");
    assert!(problem["error"].as_str().unwrap().contains("too little room"), "{problem}");
    assert_eq!(app.kept(), Vec::<std::path::PathBuf>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_cannot_be_stored_is_refused_and_the_server_goes_on() {
    let app = TestApp::spawn_with(Setup::default()).await;
    fs::write(&app.uploads, "a file where the folder should be").unwrap();
    let response = app.send(Form::new().file("a.csv", &csv([HEADER, CUSTOMER]))).await;
    assert_eq!(response.status(), 507);
    let text = response.text().await.unwrap();
    assert!(text.contains("\"storage\"") && !text.contains(app.uploads.to_str().unwrap()), "{text}");
    fs::remove_file(&app.uploads).unwrap();
    app.upload("a.csv", &csv([HEADER, CUSTOMER])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_whose_caller_goes_away_leaves_nothing() {
    let app = TestApp::spawn().await;
    let (content_type, body) = Form::new().file("a.csv", &vec![b'a'; 1 << 20]).cut_off();
    let mut caller = tokio::net::TcpStream::connect(app.address).await.unwrap();
    let head = format!(
        "POST /upload-excel HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\nContent-Length: 9000000\r\n\r\n"
    );
    caller.write_all(head.as_bytes()).await.unwrap();
    caller.write_all(&body).await.unwrap();
    app.until(async |app| app.kept().len() == 1).await;
    drop(caller);
    app.until(async |app| app.kept().is_empty()).await;
    app.upload("a.csv", &csv([HEADER, CUSTOMER])).await;
}
