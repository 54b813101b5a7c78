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
use tokio::time::timeout;

use super::event::{Answer, Event, Outcome};
use super::publication::Publication;
use super::publish::Publish;
use crate::model_store::ModelStore;
use crate::pipeline::{Comparison, TrainingSettings};
use crate::retrain::{Progress, Publisher as _, Step, Together};

/// The longest line that is read, in bytes: an outcome's lists and texts are bounded to half of it.
pub(super) const MAX_LINE_BYTES: u64 = 1 << 20;

/// A retraining that reports nothing for so long hangs, most likely on a disk, and is killed. The second training, the
/// longest step without a report, takes minutes on a million profiles.
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
    /// Where the program publishes: looked at where it ends without a word of that.
    pub models: Option<ModelStore>,
}

/// A running retraining. Dropping it kills its process.
#[derive(Debug)]
pub struct Training {
    child: Child,
    output: BufReader<OwnedReadHalf>,
    answers: OwnedWriteHalf,
    together: Option<Arc<Together>>,
    models: Option<ModelStore>,
    publication: Publication,
    /// What was found before the training.
    comparison: Option<Box<Comparison>>,
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
            models: options.models,
            publication: Publication::default(),
            comparison: None,
            line,
            is_publishing: false,
            told: None,
        })
    }
}

impl Training {
    /// Reads events until the process has ended, and passes progress to `show`. A process that ends without an outcome
    /// has failed, unless its version was published. So has one that writes anything but events, or nothing for hours;
    /// it is killed. An outcome that was told stays, whatever the process does after it. Where this is dropped,
    /// [`Training::end`] goes on from there.
    pub async fn outcome(&mut self, mut show: impl FnMut(Progress)) -> Outcome {
        let fault = loop {
            let patience = if self.told.is_some() { END_WITHIN } else { SILENT_FOR };
            match timeout(patience, self.next_event()).await {
                Ok(Ok(Some(event))) => self.take(event).into_iter().for_each(&mut show),
                Ok(Ok(None)) => break None,
                Ok(Err(error)) if error.kind() == io::ErrorKind::InvalidData => {
                    break Some(format!("what it reported could not be understood: {error}"));
                }
                Ok(Err(error)) => break Some(error.to_string()),
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
        let ended_well = self.told.is_some() && status.is_ok();
        let why = status.map_or_else(|fault| format!("the retraining did not finish: {fault}"), silent_end);
        let otherwise = Outcome::failed(why.clone());
        let outcome = self.conclude(otherwise.clone()).await;
        if !ended_well && *outcome.last() != otherwise {
            tracing::warn!(
                event = "retraining_ended_badly",
                why,
                "the process of a retraining did not end as it should; what it had come to counts"
            );
        }
        outcome
    }

    /// Ends the process; how the training ended, which is as it told, or `ended` where nothing was published. A process
    /// that publishes is killed only where it does not tell what came of that: its version may be the current one from
    /// one moment to the next. From then on nothing is published; the store may have been asked to already, and then it
    /// is not known what comes of that.
    pub async fn end(&mut self, ended: Outcome) -> Outcome {
        self.hear(HEARD_WITHIN, LAST_WORDS_WITHIN).await;
        if self.is_publishing {
            self.hear(END_WITHIN, END_WITHIN).await;
        }
        let has_ended = self.told.is_some() && timeout(LAST_WORDS_WITHIN, self.child.wait()).await.is_ok();
        if !has_ended {
            self.kill().await;
            // A process of its own that outlives it may keep the pipe open.
            self.hear(LAST_WORDS_WITHIN, LAST_WORDS_WITHIN).await;
        }
        self.conclude(ended).await
    }

    /// How the training ended: as its process told, unless its version was published whatever that told; `otherwise`
    /// where nothing is known but that it is over. A comparison that was made is part of it in any case.
    async fn conclude(&mut self, otherwise: Outcome) -> Outcome {
        let is_given_up = self.together.as_ref().is_some_and(|together| together.is_given_up());
        let publication = std::mem::take(&mut self.publication);
        let publication = if is_given_up { Publication::Nothing } else { publication };
        let told = self.told.take().filter(|told| !publication.is_done() || told.published_version().is_some());
        let outcome = match told {
            Some(told) => told,
            None => publication.outcome(self.models.take()).await.unwrap_or(otherwise),
        };
        match (self.comparison.take(), outcome) {
            (Some(comparison), then) if !matches!(then, Outcome::Compared { .. }) => {
                Outcome::compared(*comparison, Some(then))
            }
            (_, outcome) => outcome,
        }
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
            Event::Compared { comparison } => {
                self.comparison = Some(comparison);
                None
            }
            Event::Publishing(published) => {
                self.is_publishing = true;
                self.publication = Publication::ByProcess { published };
                None
            }
            Event::ToPublish(published) => {
                self.is_publishing = true;
                if let Some(version) = published.published_version().cloned() {
                    self.publication = Publication::begin(version, published, self.together.clone());
                }
                None
            }
        }
    }

    /// Waits until a version is published that is to be, and answers the process.
    async fn answer(&mut self) -> io::Result<()> {
        match self.publication.answer().await {
            Some(answer) => self.write(&answer).await,
            None => Ok(()),
        }
    }

    async fn write(&mut self, answer: &Answer) -> io::Result<()> {
        let mut line = serde_json::to_vec(answer)?;
        line.push(b'\n');
        match timeout(LAST_WORDS_WITHIN, self.answers.write_all(&line)).await {
            // A process that is gone takes no answer; how it ended says why.
            Ok(_) => Ok(()),
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "it did not take the answer that it had asked for")),
        }
    }

    /// Kills the process. It publishes nothing any more, unless the store was asked to already.
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
            Some(json) => {
                let event = serde_json::from_slice(json).map_err(|_| invalid("a line is not an event"))?;
                self.check(&event).map(|()| Some(event))
            }
            None if line.is_empty() => Ok(None),
            None => Err(invalid("a line is cut off or too long")),
        }
    }

    /// A training publishes one version, and says first what it ends as by that.
    fn check(&self, event: &Event) -> io::Result<()> {
        let (Event::Publishing(published) | Event::ToPublish(published)) = event else { return Ok(()) };
        if self.publication.is_nothing() && matches!(published, Outcome::Published { .. }) {
            Ok(())
        } else {
            Err(invalid("it was to publish another thing than one version"))
        }
    }
}

fn does_not_end() -> String {
    format!("it did not exit within {} seconds after its last event, and was killed", END_WITHIN.as_secs())
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
