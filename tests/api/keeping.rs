//! What stays on disk of an upload: every accepted one, under a name of its own; nothing of a refused one.

use std::collections::BTreeSet;
use std::fs;

use tokio::io::AsyncWriteExt;

use crate::app::{Setup, TestApp, root};
use crate::form::Form;
use crate::sheets::{CUSTOMER, HEADER, csv};

#[tokio::test(flavor = "multi_thread")]
async fn two_uploads_of_one_name_are_both_kept_whole() {
    let app = TestApp::spawn().await;
    let (first, second) =
        (csv([HEADER, CUSTOMER]), csv([HEADER, CUSTOMER, ["A2", "2023-05-01", "Novena", "Male", "Silver"]]));
    app.upload("customers.csv", &first).await;
    app.upload("customers.csv", &second).await;
    app.upload("customers.csv", &second).await;
    let kept = app.kept();
    assert_eq!(kept.len(), 3);
    let contents: BTreeSet<Vec<u8>> = kept.iter().map(|path| fs::read(path).unwrap()).collect();
    assert_eq!(contents, [first, second].into());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_file_name_never_becomes_a_path() {
    let app = TestApp::spawn().await;
    let sheet = csv([HEADER, CUSTOMER]);
    let names =
        ["../../escaped.csv", "/tmp/escaped.csv", "..\\..\\escaped.csv", ".hidden.csv", "a\u{202e}vsc.csv", "CON.csv"];
    for name in names {
        app.upload(name, &sheet).await;
    }
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
