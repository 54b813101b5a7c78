//! A shell in the place of the program, which tells this and that.

use super::*;
use crate::model_store::VersionId;
use crate::retrain::RetrainError;
use crate::retrain::publishing::tests::{ID, sealed};
use crate::retrain::worker::FailureCause;

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

fn is_published(outcome: &Outcome) -> bool {
    outcome.published_version().is_some()
}

/// How a training ends that a request ends.
fn by_request() -> Outcome {
    Outcome::Ended { why: "it was ended by request".to_owned() }
}

#[tokio::test]
async fn a_process_that_has_published_has_published_whatever_it_does_then() {
    for then in ["exit 7", "kill -9 $$", "echo a word; exec tail -f /dev/null", "exec >&-; exit 3"] {
        let outcome = reported(&format!("{PUBLISHED}{then}")).await.0;
        assert!(is_published(&outcome), "{then}: {outcome:?}");
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
        assert!(is_published(&outcome), "{then}: {outcome:?}");
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
        let outcome = training.end(by_request()).await;
        assert_eq!(is_published(&outcome), has_published, "{outcome:?}");
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
    let (outcome, written) = tokio::join!(training.end(by_request()), tokio::fs::write(&go, ""));
    written.unwrap();
    assert!(is_published(&outcome), "{outcome:?}");
}

/// A line that tells of the version that is published next.
fn about_to(event: &str) -> String {
    let outcome = r#""outcome":"published","failed_checks":[{"name":"dbcv","sentence":"low"}],"left_out":[]"#;
    format!(r#"echo '{{"event":"{event}","version":"{ID}",{outcome}}}'; "#)
}

/// A training by a shell that runs `script`, whose version is published by what `together` is.
fn started(script: &str, together: Option<Arc<Together>>) -> Training {
    let program = Program::new("/bin/sh").argument("-c").argument(script);
    program.start(Options { together, ..Options::default() }).unwrap()
}

/// The store of a sealed version, and what publishes it there.
async fn together() -> (tempfile::TempDir, Arc<Together>, impl Fn() -> Option<VersionId>) {
    let begin = || {
        let (folder, models, shared) = sealed();
        let together = Arc::new(Together::begin(shared.clone(), &models, 10).unwrap());
        (folder, together, move || {
            let shared = shared.clone();
            let current = std::thread::spawn(move || shared.see_current().unwrap().current);
            current.join().unwrap().map(|current| current.version)
        })
    };
    tokio::task::spawn_blocking(begin).await.unwrap()
}

#[tokio::test]
async fn a_process_that_asks_for_its_version_to_be_published_is_answered_where_it_told() {
    let script = format!(
        r#"{}read -r answer <&1
        case "$answer" in *not_published*) echo '{{"event":"ended","outcome":"locked","why":"it is not"}}';; esac"#,
        about_to("to_publish")
    );
    let (outcome, _) = reported(&script).await;
    assert_eq!(outcome, Outcome::Locked { why: "it is not".to_owned(), published_elsewhere: false });
}

#[tokio::test]
async fn a_version_that_was_published_is_told_whatever_becomes_of_its_process_or_whatever_that_tells() {
    let says_no = r#"read -r answer <&1; echo '{"event":"ended","outcome":"failed","why":"a panic"}'"#;
    for then in ["kill -9 $$", "read -r answer <&1; kill -9 $$", says_no] {
        let (_folder, together, current) = together().await;
        let outcome = started(&format!("{}{then}", about_to("to_publish")), Some(together)).outcome(|_| {}).await;
        assert_eq!(current(), Some(ID.parse().unwrap()));
        let Outcome::Published { version, failed_checks, .. } = outcome else { panic!("{then}: {outcome:?}") };
        assert_eq!((version.as_str(), failed_checks.len()), (ID, 1), "{then}");
    }
}

#[tokio::test]
async fn a_version_that_could_not_be_published_is_told_so_where_its_process_is_gone() {
    let (folder, together, current) = together().await;
    let other = r#"{"version":"20270101T000000Z-0123abcd","by":"process 7","at":"2027-01-01T00:00:00Z"}"#;
    std::fs::write(folder.path().join("store/current"), other).unwrap();
    let script = format!("{}kill -9 $$", about_to("to_publish"));
    let outcome = started(&script, Some(together)).outcome(|_| {}).await;
    let Outcome::Locked { why, published_elsewhere: true } = outcome else { panic!("{outcome:?}") };
    assert!(why.contains("process 7"), "{why}");
    assert_ne!(current(), Some(ID.parse().unwrap()));
}

#[tokio::test]
async fn a_version_that_its_process_published_is_told_where_that_dies_before_it_tells() {
    let (folder, models, _) = sealed();
    let script = format!("{}kill -9 $$", about_to("publishing"));
    let outcome = async || {
        let mut training = started(&script, None);
        training.models = Some(models.clone());
        training.outcome(|_| {}).await
    };
    let before = why(outcome().await);
    assert!(before.contains("killed by signal 9"), "{before}");
    std::os::unix::fs::symlink(format!("versions/{ID}"), folder.path().join("models/current")).unwrap();
    assert!(is_published(&outcome().await));
}

#[tokio::test]
async fn a_process_that_would_publish_twice_or_something_else_is_ended() {
    let another = r#"echo '{"event":"to_publish","outcome":"ended","why":"x"}'; "#;
    for script in [another.to_owned(), about_to("to_publish").repeat(2)] {
        let why = why(reported(&format!("{script}exec tail -f /dev/null")).await.0);
        assert!(why.contains("another thing than one version") || why.contains("not started to be"), "{why}");
    }
}

#[tokio::test]
async fn a_process_that_does_not_take_its_answer_is_ended() {
    let mut training = started(&format!("{}exec tail -f /dev/null", about_to("to_publish")), None);
    let event = training.next_event().await.unwrap().unwrap();
    training.take(event);
    while training.answers.try_write(&[b' '; 4096]).is_ok() {}
    tokio::time::pause();
    let error = training.next_event().await.unwrap_err();
    assert!(error.to_string().contains("did not take the answer"), "{error}");
    // Nor is it waited for where it is ended.
    training.end(by_request()).await;
}

#[tokio::test(start_paused = true)]
async fn a_training_that_is_ended_while_it_waits_to_be_published_gives_that_up() {
    let (_folder, together, current) = together().await;
    let script = r#"echo '{"event":"progress","step":"publishing","share":0.97}'; exec tail -f /dev/null"#;
    let mut training = started(script, Some(together.clone()));
    let event = training.next_event().await.unwrap().unwrap();
    training.take(event);
    let (answer, published) = (tokio::spawn(std::future::pending()), by_request());
    training.publication = Publication::Asked { published, answer };
    assert_eq!(training.end(by_request()).await, by_request(), "nothing was published, and that is known");
    let published = tokio::task::spawn_blocking(move || together.put_and_swap(&ID.parse().unwrap())).await.unwrap();
    assert!(matches!(published, Err(RetrainError::NotPublished(_))));
    assert_eq!(current(), None);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_known_of_a_publication_is_told_as_not_known() {
    let mut training = started(&format!("{}exec tail -f /dev/null", about_to("publishing")), None);
    let event = training.next_event().await.unwrap().unwrap();
    training.take(event);
    let outcome = training.end(by_request()).await;
    let Outcome::Failed { why, cause: FailureCause::Unsettled } = outcome else { panic!("{outcome:?}") };
    assert!(why.contains("GET /models says what is live"), "{why}");
}

#[tokio::test]
async fn a_comparison_that_was_made_is_kept_whatever_ends_the_training_after_it() {
    let compared = r#"echo '{"event":"compared","comparison":{"customers":10,"tried_on":10,"candidates":[],"best":null,
        "sentence":"None passes."}}' | tr -d '\n'; echo; "#;
    let kept = |outcome: Outcome| {
        let Outcome::Compared { comparison, then: Some(then) } = outcome else { panic!("{outcome:?}") };
        assert_eq!(comparison.sentence, "None passes.");
        *then
    };
    assert!(matches!(kept(reported(&format!("{compared}kill -9 $$")).await.0), Outcome::Failed { .. }));
    let failed = r#"echo '{"event":"ended","outcome":"failed","why":"no disk"}'"#;
    assert_eq!(why(kept(reported(&format!("{compared}{failed}")).await.0)), "no disk");
    let mut training = started(&format!("{compared}exec tail -f /dev/null"), None);
    let event = training.next_event().await.unwrap().unwrap();
    training.take(event);
    assert_eq!(kept(training.end(by_request()).await), by_request());
}
