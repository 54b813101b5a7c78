//! `POST /segments/export`: which row of its sheet an exported customer is, and whose.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::app::{TestApp, list};
use crate::download::{Book, records};
use crate::export::downloaded;
use crate::form::Form;
use crate::problems::problem;
use crate::sheets::{CUSTOMER, HEADER, csv};

/// Customers of two months, each row another one, some of them useless, under a title of two rows; and their
/// identifiers.
fn customers() -> (Vec<Vec<String>>, usize) {
    let header = HEADER.map(str::to_owned).to_vec();
    let row = |n: usize| {
        let day =
            if n.is_multiple_of(5) { "soon".to_owned() } else { format!("2023-{:02}-{:02}", n % 12 + 1, n % 28 + 1) };
        let town = ["Bedok", "Yishun", "Punggol"][n % 3];
        vec![format!("=C{n:03}"), day, town.to_owned(), "Female".to_owned(), ["Gold", "Silver"][n % 2].to_owned()]
    };
    let above = ["Customers".to_owned(), String::new(), String::new(), String::new(), String::new()].to_vec();
    ([above, header].into_iter().chain((0..60).map(row)).collect(), 2)
}

/// What an exported row and the row of the sheet that it says it is must have in common.
fn check_row(sheet: &[Vec<String>], number: usize, town: &str, day: &str) {
    assert_eq!((sheet[number - 1][2].as_str(), sheet[number - 1][1].as_str()), (town, day), "row {number}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_of_a_workbook_says_where_it_stands_and_on_request_whose_it_is() {
    let app = TestApp::spawn().await;
    let (sheet, n_above) = customers();
    for (name, bytes) in [("a.csv", csv(&sheet)), ("a.xlsx", crate::sheets::xlsx(&sheet))] {
        let form = |keep: &str| Form::new().file(name, &bytes).text("format", "csv").text("keep", keep);
        let plain = records(&downloaded(app.export_form("/segments/export", form("")).await).await);
        assert_eq!(plain[0][..2], ["row", "Location"]);
        assert!(!plain.iter().flatten().any(|cell| cell.contains("C00")), "an identifier that nobody asked for");

        let found = records(&downloaded(app.export_form("/segments/export", form("Identifier")).await).await);
        assert_eq!(found[0][..3], ["Customer ID", "row", "Location"]);
        let place = |title: &str| found[0].iter().position(|found| found == title).unwrap();
        let mut rows = Vec::new();
        for record in &found[1..] {
            let number: usize = record[1].parse().unwrap();
            check_row(&sheet, number, &record[2], &record[place("Date Joined")]);
            // Text that stays text, as any other cell.
            assert_eq!(record[0], format!("'=C{:03}", number - 1 - n_above));
            rows.push(number);
        }
        rows.sort_unstable();
        let usable: Vec<usize> = (0..60).filter(|n| n % 5 > 0).map(|n| n + n_above + 1).collect();
        assert_eq!(rows, usable, "{name}");
        let path = "/segments/export?format=csv&keep=identifier";
        let by_query = app.export_form(path, Form::new().file(name, &bytes)).await;
        assert_eq!(records(&downloaded(by_query).await), found);
    }
    assert_eq!(app.kept(), Vec::<PathBuf>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn identifiers_that_cannot_be_had_are_refused_and_never_left_out() {
    let app = TestApp::spawn().await;
    let nameless = csv([&HEADER[1..], &CUSTOMER[1..]]);
    let named = csv([HEADER, CUSTOMER]);
    let form = |file: &[u8], keep: &str| Form::new().file("a.csv", file).text("keep", keep);
    let body = json!({ "clusters": [], "keep": "identifier" });
    for (refused, why) in [
        (app.export_form("/segments/export", form(&nameless, "identifier")).await, "no column of identifiers"),
        (app.export_form("/segments/export", form(&named, "name")).await, "must be one of row, identifier"),
        (app.post("/segments/export", &body).await, "send the workbook as a form"),
        (app.send(form(&named, "identifier")).await, "send the workbook to /segments/export"),
        (app.send(form(&named, "everything")).await, "must be one of row, identifier"),
    ] {
        let (status, problem) = problem(refused).await;
        assert_eq!((status, &problem["code"]), (422, &json!("invalid_fields")), "{problem}");
        assert_eq!(problem["details"][0]["field"], "keep");
        assert!(problem["details"][0]["message"].as_str().unwrap().contains(why), "{problem}");
    }
    assert_eq!(app.kept(), Vec::<PathBuf>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_s_members_say_where_they_stand_where_the_caller_asks() {
    let app = TestApp::spawn().await;
    let (sheet, _) = customers();
    let bytes = csv(&sheet);
    let members = |answer: &Value| -> Vec<Value> {
        list(&answer["clusters"]).iter().flat_map(|cluster| list(&cluster["members"]).clone()).collect()
    };
    let plain = crate::app::ok(app.send(Form::new().file("a.csv", &bytes)).await).await;
    assert!(members(&plain).iter().all(|member| member.get("row").is_none()));
    let asked = crate::app::ok(app.send(Form::new().file("a.csv", &bytes).text("keep", "row")).await).await;
    assert!(asked.get("ignored").is_none() && !asked.to_string().contains("C00"), "{asked}");
    assert_eq!(members(&asked).len(), 48);
    for member in members(&asked) {
        let number = usize::try_from(member["row"].as_u64().unwrap()).unwrap();
        check_row(&sheet, number, member["Location"].as_str().unwrap(), member["Date Joined"].as_str().unwrap());
    }
    let book = Book::read(app.export("/segments/export", &asked).await);
    assert_eq!(book.rows.titles[0], "row");
}
