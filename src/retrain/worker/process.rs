//! The process: started, listened to, ended.

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::str::FromStr;
use std::time::Duration;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use super::event::{Event, Outcome};
use crate::pipeline::{CandidateName, Comparison, Judged, TrainingSettings};
use crate::retrain::Progress;

/// The longest line that is read, in bytes: an outcome's lists and texts are bounded to half of it.
const MAX_LINE_BYTES: u64 = 1 << 20;

/// A retraining that tells nothing for so long has come to a stop: it waits for a disk that does not answer. The second
/// training, the longest step without a word, takes minutes on a million profiles.
const SILENT_FOR: Duration = Duration::from_secs(6 * 3_600);

/// The program that retrains: this one, or another that writes the same events.
#[derive(Debug, Clone)]
pub struct Program {
    path: PathBuf,
    arguments: Vec<OsString>,
    alone_in: Option<PathBuf>,
    environment: Option<Vec<(String, String)>>,
    log: Option<PathBuf>,
}

/// How a retraining is to be made.
#[derive(Debug, Default)]
pub struct Options {
    /// Whether a candidate of poor quality is published all the same.
    pub force: bool,
    /// Tables of waiting uploads that are not to be read again: the file of a [`Recorder`](crate::workbook::Recorder).
    pub recorded: Option<File>,
    /// What is to be different from the settings and the live version.
    pub training: TrainingSettings,
    /// Whether ways to train are compared first, and what is published then; nothing else is trained for good.
    pub compare: Option<Publish>,
}

/// What becomes of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Publish {
    /// Nothing is trained for good.
    #[default]
    Nothing,
    /// A model is trained by the best way, where one passes.
    Best,
    /// A model is trained by this way.
    Named(CandidateName),
}

impl Publish {
    /// The candidate of `comparison` that is to be trained by.
    pub fn choose(self, comparison: &Comparison) -> Option<&Judged> {
        match self {
            Self::Nothing => None,
            Self::Best => comparison.best(),
            Self::Named(name) => comparison.candidate(name),
        }
    }
}

impl fmt::Display for Publish {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => out.write_str("nothing"),
            Self::Best => out.write_str("best"),
            Self::Named(name) => name.fmt(out),
        }
    }
}

impl FromStr for Publish {
    type Err = String;

    /// Reads `best` or the name of a candidate.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "best" { Ok(Self::Best) } else { text.parse().map(Self::Named) }
    }
}

/// A running retraining. Dropping it kills its process.
#[derive(Debug)]
pub struct Training {
    child: Child,
    output: BufReader<ChildStdout>,
    line: Vec<u8>,
}

impl Program {
    /// The program at `path`, in this process's folder and environment: it reads the same settings.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), arguments: Vec::new(), alone_in: None, environment: None, log: None }
    }

    /// With `argument` before those that ask for a retraining.
    pub fn argument(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// In the folder `dir`, with nothing of the surrounding environment.
    pub fn alone_in(mut self, dir: impl Into<PathBuf>) -> Self {
        self.alone_in = Some(dir.into());
        self
    }

    /// With these variables alone, and without a `.env`: settings of which none is a secret.
    pub fn with_environment(mut self, variables: Vec<(String, String)>) -> Self {
        self.environment = Some(variables);
        self
    }

    /// With its log at the end of this file, and not where this process's goes.
    pub fn log_to(mut self, file: impl Into<PathBuf>) -> Self {
        self.log = Some(file.into());
        self
    }

    /// Starts a retraining.
    ///
    /// # Errors
    /// What the system said when the program could not be started, or the file of its log not opened.
    pub fn start(&self, options: Options) -> io::Result<Training> {
        let mut command = Command::new(&self.path);
        let name = if options.compare.is_some() { "compare" } else { "retrain" };
        command.args(&self.arguments).args([name, "--events", "--lower-priority"]);
        if let Some(chosen) = options.compare.filter(|&chosen| chosen != Publish::Nothing) {
            command.args(["--publish".to_owned(), chosen.to_string()]);
        }
        if options.force {
            command.arg("--force");
        }
        command.args(options.training.flags());
        if let Some(variables) = &self.environment {
            command.arg("--no-env-file").env_clear().envs(variables.iter().map(|(name, value)| (name, value)));
        }
        if let Some(dir) = &self.alone_in {
            command.current_dir(dir).env_clear();
        }
        if let Some(file) = &self.log {
            command.stderr(File::options().create(true).append(true).open(file)?);
        }
        match options.recorded {
            Some(file) => command.arg("--recorded").stdin(file),
            None => command.stdin(Stdio::null()),
        };
        command.stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn()?;
        let output = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(Training { child, output: BufReader::new(output), line: Vec::new() })
    }
}

impl Training {
    /// Reads events until the process has ended, and passes progress to `show`. A process that ends without an outcome
    /// has failed. So has one that writes anything but events, or nothing for hours; it is killed.
    pub async fn outcome(&mut self, mut show: impl FnMut(Progress)) -> Outcome {
        let mut outcome = None;
        loop {
            let why = match timeout(SILENT_FOR, next_event(&mut self.output, &mut self.line)).await {
                Ok(Ok(Some(Event::Progress(progress)))) => {
                    show(progress);
                    continue;
                }
                Ok(Ok(Some(Event::Ended(ended)))) => {
                    outcome = Some(ended);
                    continue;
                }
                Ok(Ok(None)) => break,
                Ok(Err(error)) => format!("what the retraining reported could not be understood: {error}"),
                Err(_) => {
                    format!("the retraining told nothing for {} hours, and was ended", SILENT_FOR.as_secs() / 3_600)
                }
            };
            self.kill().await;
            return Outcome::failed(why);
        }
        match (self.child.wait().await, outcome) {
            (_, Some(outcome)) => outcome,
            (Ok(status), None) => Outcome::failed(silent_end(status)),
            (Err(error), None) => Outcome::failed(format!("the retraining's end could not be waited for: {error}")),
        }
    }

    /// Kills the process and waits for its end. Nothing that was published is lost.
    pub async fn kill(&mut self) {
        if let Err(error) = self.child.kill().await {
            tracing::warn!(event = "retraining_kill_failed", %error, "a retraining cannot be ended");
        }
    }
}

/// The next event; `None` at the end of the output.
async fn next_event(output: &mut (impl AsyncBufRead + Unpin), line: &mut Vec<u8>) -> io::Result<Option<Event>> {
    line.clear();
    if output.take(MAX_LINE_BYTES).read_until(b'\n', line).await? == 0 {
        return Ok(None);
    }
    match line.strip_suffix(b"\n") {
        // The parser's own message may quote the line.
        Some(json) => serde_json::from_slice(json).map(Some).map_err(|_| invalid("a line is not an event")),
        None => Err(invalid("a line is cut off or too long")),
    }
}

fn invalid(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

fn silent_end(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    let how = match (status.signal(), status.code()) {
        (Some(signal), _) => format!("killed by signal {signal}"),
        (None, Some(code)) => format!("it ended with exit code {code}"),
        (None, None) => "it ended".to_owned(),
    };
    format!("the retraining did not finish: {how} before it reported a result; its log is beside the server's")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The outcome of a shell that runs `script`, and the progress that it reported.
    async fn reported(script: &str) -> (Outcome, Vec<f32>) {
        let program = Program::new("/bin/sh").argument("-c").argument(script);
        let mut shares = Vec::new();
        let outcome = program.start(Options::default()).unwrap().outcome(|progress| shares.push(progress.share)).await;
        (outcome, shares)
    }

    fn why(outcome: Outcome) -> String {
        match outcome {
            Outcome::Failed { why } => why,
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
        assert_eq!(outcome, Outcome::Locked { why: "process 7".to_owned() });
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
        assert!(why.contains("told nothing for 6 hours"), "{why}");
    }

    #[tokio::test]
    async fn a_killed_process_is_gone_when_it_is_said_to_be() {
        let mut training = Program::new("/bin/sh")
            .argument("-c")
            .argument("exec tail -f /dev/null")
            .start(Options::default())
            .unwrap();
        training.kill().await;
        assert!(why(training.outcome(|_| {}).await).contains("killed by signal 9"));
    }
}
