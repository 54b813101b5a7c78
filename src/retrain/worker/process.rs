//! The process: started, listened to, ended.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::event::{Answer, Event, Outcome};
use super::publish::Publish;
use crate::model_store::VersionId;
use crate::pipeline::TrainingSettings;
use crate::retrain::{Progress, Publisher as _, Step, Together};

/// The longest line that is read, in bytes: an outcome's lists and texts are bounded to half of it.
pub(super) const MAX_LINE_BYTES: u64 = 1 << 20;

/// A retraining that tells nothing for so long has come to a stop: it waits for a disk that does not answer. The second
/// training, the longest step without a word, takes minutes on a million profiles.
pub(super) const SILENT_FOR: Duration = Duration::from_secs(6 * 3_600);

/// How long a process may take to end after it has told its outcome or closed its output.
const END_WITHIN: Duration = Duration::from_secs(30);

/// Before a process is killed, the events that it has written already are read; each must come within this time.
const HEARD_WITHIN: Duration = Duration::from_millis(20);

/// How long to read, in all, the events that a process has written already.
const LAST_WORDS_WITHIN: Duration = Duration::from_secs(1);

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
    /// What publishes the version; `None` where the program does.
    pub together: Option<Arc<Together>>,
}

/// A running retraining. Dropping it kills its process.
#[derive(Debug)]
pub struct Training {
    child: Child,
    output: BufReader<OwnedReadHalf>,
    answers: OwnedWriteHalf,
    together: Option<Arc<Together>>,
    /// The answer to the process, which is waiting until its version is published.
    to_answer: Option<JoinHandle<Answer>>,
    /// The version that the process has asked to be published, until it is.
    unpublished: Option<VersionId>,
    /// What has come of the next line.
    line: Vec<u8>,
    /// Whether it has begun to publish.
    is_publishing: bool,
    /// What the process told of its outcome.
    told: Option<Outcome>,
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
        let together = options.together;
        if let Some(together) = &together {
            command.args(["--parent-publishes".to_owned(), together.next_segment_id().to_string()]);
        }
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let (output, answers) = tokio::net::UnixStream::from_std(ours)?.into_split();
        let child = command.stdout(OwnedFd::from(theirs)).kill_on_drop(true).spawn()?;
        let (output, line) = (BufReader::new(output), Vec::new());
        Ok(Training {
            child,
            output,
            answers,
            together,
            to_answer: None,
            unpublished: None,
            line,
            is_publishing: false,
            told: None,
        })
    }
}

impl Training {
    /// Reads events until the process has ended, and passes progress to `show`. A process that ends without an outcome
    /// has failed. So has one that writes anything but events, or nothing for hours; it is killed. An outcome that was
    /// told stays, whatever the process does after it. Where this is dropped, [`Training::end`] goes on from there.
    pub async fn outcome(&mut self, mut show: impl FnMut(Progress)) -> Outcome {
        let fault = loop {
            let patience = if self.told.is_some() { END_WITHIN } else { SILENT_FOR };
            match timeout(patience, self.next_event()).await {
                Ok(Ok(Some(event))) => self.take(event).into_iter().for_each(&mut show),
                Ok(Ok(None)) => break None,
                Ok(Err(error)) => break Some(format!("what it reported could not be understood: {error}")),
                Err(_) if self.told.is_some() => break Some(does_not_end()),
                Err(_) => {
                    break Some(format!(
                        "it reported no progress for {} hours and was stopped",
                        SILENT_FOR.as_secs() / 3_600
                    ));
                }
            }
        };
        let status = match fault {
            Some(fault) => Err(fault),
            None => match timeout(END_WITHIN, self.child.wait()).await {
                Ok(Ok(status)) => Ok(status),
                Ok(Err(error)) => Err(format!("its end could not be waited for: {error}")),
                Err(_) => Err(does_not_end()),
            },
        };
        if status.is_err() {
            self.kill().await;
        }
        self.take_back();
        match (self.told.take(), status) {
            (Some(outcome), Ok(_)) => outcome,
            (Some(outcome), Err(why)) => {
                tracing::warn!(
                    event = "retraining_ended_badly",
                    why,
                    "the process of a retraining did not end as it should after it had reported its outcome, which counts"
                );
                outcome
            }
            (None, Ok(status)) => Outcome::failed(silent_end(status)),
            (None, Err(why)) => Outcome::failed(format!("the retraining did not finish: {why}")),
        }
    }

    /// Ends the process, and returns what it told of its outcome. One that publishes is killed only where it does not
    /// tell what came of that: its version may be the current one from one moment to the next. From then on nothing is
    /// published; the store may have been asked to already, and then it is not known what comes of that.
    pub async fn end(&mut self) -> Option<Outcome> {
        self.hear(HEARD_WITHIN, LAST_WORDS_WITHIN).await;
        if self.is_publishing {
            self.hear(END_WITHIN, END_WITHIN).await;
        }
        let is_given_up = self.told.is_none() && self.together.as_ref().is_some_and(|together| together.give_up());
        let was_waiting = is_given_up && self.to_answer.take().is_some();
        if was_waiting {
            // It takes its version out of MODEL_DIR, and tells that it has published nothing.
            let _ = self.write(&Answer::not_published("the training was ended")).await;
            self.hear(LAST_WORDS_WITHIN, LAST_WORDS_WITHIN).await;
        }
        let has_ended = self.told.is_some() && timeout(LAST_WORDS_WITHIN, self.child.wait()).await.is_ok();
        if !has_ended {
            self.kill().await;
            // A process of its own that outlives it may keep the pipe open.
            self.hear(LAST_WORDS_WITHIN, LAST_WORDS_WITHIN).await;
        }
        self.take_back();
        let killed = || Outcome::failed("it was killed while it published; GET /models says what is live".to_owned());
        let told = self.told.take().filter(|_| !was_waiting);
        told.or_else(|| (self.is_publishing && !is_given_up).then(killed))
    }

    /// Takes the version of a process that is gone out of `MODEL_DIR`, if it was to be published and is not: one that
    /// tells its outcome has done so by itself. Waits for nothing.
    fn take_back(&mut self) {
        let to_answer = self.to_answer.take();
        let (Some(id), Some(together), None) = (self.unpublished.take(), self.together.clone(), &self.told) else {
            return;
        };
        tokio::spawn(async move {
            let is_published = match to_answer {
                Some(answer) => matches!(answer.await, Ok(Answer::Published)),
                None => false,
            };
            if !is_published && let Err(error) = tokio::task::spawn_blocking(move || together.take_back(&id)).await {
                tracing::error!(event = "take_back_panicked", %error, "removing an unpublished version failed");
            }
        });
    }

    /// Reads events up to the outcome, as long as each comes within `patience` and all of them within `in_all`.
    async fn hear(&mut self, patience: Duration, in_all: Duration) {
        let hear = async {
            while self.told.is_none() {
                let Ok(Ok(Some(event))) = timeout(patience, self.next_event()).await else { return };
                self.take(event);
            }
        };
        // What has come until then is remembered.
        let _ = timeout(in_all, hear).await;
    }

    /// Remembers what an event says; the progress that it reports.
    fn take(&mut self, event: Event) -> Option<Progress> {
        match event {
            Event::Progress(progress) => {
                self.is_publishing |= progress.step == Step::Publishing;
                Some(progress)
            }
            Event::Ended(outcome) => {
                self.told = Some(outcome);
                None
            }
            Event::ToPublish { version } => {
                self.is_publishing = true;
                self.unpublished = Some(version.clone());
                let together = self.together.clone();
                let publish = move || match together.map(|together| together.publish(&version)) {
                    Some(Ok(())) => Answer::Published,
                    Some(Err(error)) => Answer::of_error(&error),
                    None => Answer::not_published("it was not started to be published by another process"),
                };
                self.to_answer = Some(tokio::task::spawn_blocking(publish));
                None
            }
        }
    }

    /// Waits until a version is published that is to be, and answers the process. Where this is dropped, the version is
    /// published all the same, and the process is answered by the next call.
    async fn answer(&mut self) -> io::Result<()> {
        let Some(answer) = &mut self.to_answer else { return Ok(()) };
        let answer = answer.await;
        self.to_answer = None;
        let answer = answer.unwrap_or_else(|_| Answer::not_published("the process that was to publish it failed"));
        if answer == Answer::Published {
            self.unpublished = None;
        }
        self.write(&answer).await
    }

    async fn write(&mut self, answer: &Answer) -> io::Result<()> {
        let mut line = serde_json::to_vec(answer)?;
        line.push(b'\n');
        // A process that is gone takes no answer; how it ended says why. The socket has room for this one line.
        let _ = self.answers.write_all(&line).await;
        Ok(())
    }

    async fn kill(&mut self) {
        if let Some(together) = &self.together {
            together.give_up();
        }
        // A process that waits for a disk ends once the disk answers.
        let killed = timeout(END_WITHIN, self.child.kill()).await.unwrap_or_else(|late| Err(late.into()));
        if let Err(error) = killed {
            tracing::warn!(event = "retraining_kill_failed", %error, "a retraining cannot be ended");
        }
    }

    /// The next event; `None` at the end of the output. Where this is dropped, what has come of a line is kept.
    async fn next_event(&mut self) -> io::Result<Option<Event>> {
        self.answer().await?;
        let room = MAX_LINE_BYTES.saturating_sub(self.line.len() as u64);
        (&mut self.output).take(room).read_until(b'\n', &mut self.line).await?;
        let line = std::mem::take(&mut self.line);
        match line.strip_suffix(b"\n") {
            // The parser's own message may quote the line.
            Some(json) => serde_json::from_slice(json).map(Some).map_err(|_| invalid("a line is not an event")),
            None if line.is_empty() => Ok(None),
            None => Err(invalid("a line is cut off or too long")),
        }
    }
}

fn does_not_end() -> String {
    format!("it did not end within {} seconds of its last word, and was killed", END_WITHIN.as_secs())
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
mod tests;
