//! A shell in the place of the program, which tells this and that.

use super::*;
use crate::model_store::ModelStore;
use crate::retrain::RetrainError;
use crate::shared_store::{S3Settings, SharedStore};

/// The outcome of a shell that runs `script`, and the progress that it reported.
async fn reported(script: &str) -> (Outcome, Vec<f32>) {
    let program = Program::new("/bin/sh").argument("-c").argument(script);
    let mut shares = Vec::new();
    let outcome = program.start(Options::default()).unwrap().outcome(|progress| shares.push(progress.share)).await;
    (outcome, shares)
}

fn why(outcome: Outcome) -> String {
    match outcome {
        Outcome::Failed { why, .. } => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn progress_and_the_outcome_are_heard_in_their_order() {
    let (outcome, shares) = reported(
        r#"echo '{"event":"progress","step":"reading","share":0.05}'
           echo '{"event":"progress","step":"layout","share":0.5}'
           echo '{"event":"ended","outcome":"locked","why":"process 7"}'"#,
    )
    .await;
    assert_eq!(outcome, Outcome::Locked { why: "process 7".to_owned(), published_elsewhere: false });
    assert_eq!(shares, [0.05, 0.5]);
}

#[tokio::test]
async fn a_process_that_ends_without_a_word_has_failed_and_how_is_told() {
    assert!(why(reported("exit 7").await.0).contains("exit code 7"));
    assert!(why(reported("kill -9 $$").await.0).contains("killed by signal 9"));
}

#[tokio::test]
async fn what_is_no_event_ends_the_process_and_is_never_quoted() {
    let endless = "while :; do echo; done";
    for output in
        ["echo 'a secret'", "printf '{\"event\":\"progress\"'", "yes | tr -d '\\n'", r#"echo '{"event":"other"}'"#]
    {
        let why = why(reported(&format!("{output}; {endless}")).await.0);
        assert!(why.contains("could not be understood") && !why.contains("secret"), "{output}: {why}");
    }
}

#[tokio::test]
async fn a_program_that_is_not_there_is_an_error_and_no_training() {
    assert!(Program::new("/no/such/program").start(Options::default()).is_err());
}

#[tokio::test(start_paused = true)]
async fn a_process_that_tells_nothing_for_hours_is_ended() {
    let why = why(reported("exec tail -f /dev/null").await.0);
    assert!(why.contains("reported no progress for 6 hours"), "{why}");
}

const PUBLISHED: &str = concat!(
    r#"echo '{"event":"ended","outcome":"published","version":"20270101T000000Z-0123abcd","#,
    r#""failed_checks":[],"left_out":[]}'; "#
);

fn is_published(outcome: Option<&Outcome>) -> bool {
    matches!(outcome, Some(Outcome::Published { .. }))
}

#[tokio::test]
async fn a_process_that_has_published_has_published_whatever_it_does_then() {
    for then in ["exit 7", "kill -9 $$", "echo a word; exec tail -f /dev/null", "exec >&-; exit 3"] {
        let outcome = reported(&format!("{PUBLISHED}{then}")).await.0;
        assert!(is_published(Some(&outcome)), "{then}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_process_that_has_published_and_does_not_end_is_killed_and_has_published() {
    for then in ["exec tail -f /dev/null", "exec sleep 1000000 >&-"] {
        let program = Program::new("/bin/sh").argument("-c").argument(format!("{PUBLISHED}{then}"));
        let mut training = program.start(Options::default()).unwrap();
        let Some(Event::Ended(told)) = training.next_event().await.unwrap() else { panic!("it told something else") };
        training.told = Some(told);
        tokio::time::pause();
        let outcome = training.outcome(|_| {}).await;
        tokio::time::resume();
        assert!(is_published(Some(&outcome)), "{then}: {outcome:?}");
    }
}

#[tokio::test]
async fn what_was_told_before_a_training_is_ended_counts_and_its_process_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let told = folder.path().join("told");
    for (first, has_published) in [(PUBLISHED, true), ("printf '{\"event\"'; ", false)] {
        let script = format!("{first}: > {}; exec tail -f /dev/null", told.display());
        let program = Program::new("/bin/sh").argument("-c").argument(script);
        let mut training = program.start(Options::default()).unwrap();
        let pid = training.child.id().unwrap();
        while !told.exists() {
            tokio::task::yield_now().await;
        }
        let outcome = training.end().await;
        assert_eq!(is_published(outcome.as_ref()), has_published, "{outcome:?}");
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
        std::fs::remove_file(&told).unwrap();
    }
}

#[tokio::test]
async fn a_process_that_publishes_is_not_killed_before_it_tells_what_came_of_that() {
    let folder = tempfile::tempdir().unwrap();
    let go = folder.path().join("go");
    let publishing = r#"echo '{"event":"progress","step":"publishing","share":0.97}'"#;
    let script = format!("{publishing}; until [ -e {} ]; do :; done; {PUBLISHED}", go.display());
    let mut training = Program::new("/bin/sh").argument("-c").argument(script).start(Options::default()).unwrap();
    let event = training.next_event().await.unwrap().unwrap();
    assert!(training.take(event).is_some_and(|progress| progress.step == Step::Publishing));
    let (outcome, written) = tokio::join!(training.end(), tokio::fs::write(&go, ""));
    written.unwrap();
    assert!(is_published(outcome.as_ref()), "{outcome:?}");
}

#[tokio::test]
async fn a_process_that_asks_for_its_version_to_be_published_is_answered_where_it_told() {
    let (outcome, _) = reported(
        r#"echo '{"event":"to_publish","version":"20270101T000000Z-0123abcd"}'
           read -r answer <&1
           case "$answer" in *not_published*) echo '{"event":"ended","outcome":"locked","why":"it is not"}';; esac"#,
    )
    .await;
    assert_eq!(outcome, Outcome::Locked { why: "it is not".to_owned(), published_elsewhere: false });
}

#[tokio::test(start_paused = true)]
async fn a_training_that_is_ended_while_it_waits_to_be_published_gives_that_up() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file://{}", folder.path().join("store").display()).parse().unwrap();
    let models = ModelStore::new(folder.path().join("models"));
    let begin = move || {
        let (shared, _) = SharedStore::begin(&url, &S3Settings::default()).unwrap();
        Arc::new(Together::begin(shared, &models, 10).unwrap())
    };
    let together = tokio::task::spawn_blocking(begin).await.unwrap();
    let script = r#"echo '{"event":"progress","step":"publishing","share":0.97}'; exec tail -f /dev/null"#;
    let program = Program::new("/bin/sh").argument("-c").argument(script);
    let options = Options { together: Some(together.clone()), ..Options::default() };
    let mut training = program.start(options).unwrap();
    let event = training.next_event().await.unwrap().unwrap();
    training.take(event);
    training.to_answer = Some(tokio::spawn(std::future::pending()));
    assert_eq!(training.end().await, None, "nothing was published, and that is known");
    let id = "20270101T000000Z-0123abcd".parse().unwrap();
    let published = tokio::task::spawn_blocking(move || together.publish(&id)).await.unwrap();
    assert!(matches!(published, Err(RetrainError::NotPublished(_))));
}
