//! What a caller hears of a reader process that did not come to its end, and what is left of one whose caller left.

use std::path::PathBuf;
use std::time::Duration;

use content_portal::workbook::{Bounds, Limits, Reader};

use crate::app::{Setup, TestApp};
use crate::form::Form;
use crate::impostor::Impostor;
use crate::refusals::assert_refused;
use crate::sheets::{CUSTOMER, HEADER, csv};

fn with_program(program: impl Into<PathBuf>) -> Setup {
    let bounds = Bounds { time: Duration::from_secs(600), ..Bounds::default() };
    Setup { reader: Reader::new(program, Limits::default(), bounds), ..Setup::default() }
}

fn form() -> Form {
    Form::new().file("a.csv", &csv([HEADER, CUSTOMER]))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_a_reader_process_breaks_down_over_is_refused_and_the_server_goes_on() {
    let out_of_memory = "echo 'memory allocation of 80530636800 bytes failed' >&2; kill -ABRT $$";
    for (script, code) in [
        (out_of_memory, "takes_too_much_memory"),
        ("kill -XCPU $$", "takes_too_much_time"),
        ("exit 101", "unreadable_workbook"),
        ("echo nonsense", "unreadable_workbook"),
    ] {
        let impostor = Impostor::new(script);
        let app = TestApp::spawn_with(with_program(impostor.program())).await;
        assert_refused(&app, app.send(form()).await, 422, code).await;
        assert_eq!(app.kept(), Vec::<PathBuf>::new());
        assert!(impostor.is_gone());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_process_that_cannot_be_started_is_no_fault_of_the_caller_s() {
    let app = TestApp::spawn_with(with_program("/no/such/program")).await;
    let response = app.send(form()).await;
    assert!(response.headers().contains_key("retry-after"));
    assert_refused(&app, response, 503, "no_reader").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_leaves_takes_the_reader_process_along() {
    let impostor = Impostor::new("exec sleep 1000");
    let app = TestApp::spawn_with(with_program(impostor.program())).await;
    tokio::select! {
        response = app.send(form()) => panic!("answered: {}", response.status()),
        () = app.until(async |_| impostor.has_started()) => {}
    }
    app.until(async |_| impostor.is_gone()).await;
    app.until(async |app| app.kept().is_empty()).await;
}
