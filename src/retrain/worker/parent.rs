//! The process that started this training. With a shared store it has the keys, which this one has not, and publishes.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use jiff::Timestamp;

use super::event::{Answer, Event, Outcome};
use super::process::{MAX_LINE_BYTES, SILENT_FOR};
use crate::model_store::VersionId;
use crate::pipeline::SegmentId;
use crate::retrain::{NotPublished, Publisher, RetrainError, RetrainReport};

/// The process at the other end of standard output, which is a socket where it publishes.
#[derive(Debug)]
pub struct Parent {
    /// Where it publishes: the first id that no segment has, of what it knows of other machines.
    next_segment_id: Option<SegmentId>,
}

impl Parent {
    /// One that publishes where there is a `next_segment_id`; another is told of the version before it is current.
    pub fn new(next_segment_id: Option<SegmentId>) -> Self {
        Self { next_segment_id }
    }

    /// Whether it publishes for several machines.
    pub fn publishes(&self) -> bool {
        self.next_segment_id.is_some()
    }

    fn ask(published: Outcome) -> io::Result<Answer> {
        let socket = UnixStream::from(io::stdout().as_fd().try_clone_to_owned()?);
        socket.set_read_timeout(Some(SILENT_FOR))?;
        tell(&Event::ToPublish(published))?;
        let mut line = String::new();
        BufReader::new(socket).take(MAX_LINE_BYTES).read_line(&mut line)?;
        match line.as_str() {
            "" => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the process that was to publish it has ended")),
            line => Ok(serde_json::from_str(line)?),
        }
    }
}

fn tell(event: &Event) -> io::Result<()> {
    let line = serde_json::to_string(event)?;
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

impl Publisher for Parent {
    fn next_segment_id(&self) -> SegmentId {
        self.next_segment_id.unwrap_or(SegmentId::new(0))
    }

    fn publish(&self, id: &VersionId, report: &RetrainReport) -> Result<bool, RetrainError> {
        let published = Outcome::published(id, report);
        if !self.publishes() {
            // One that is gone need not know.
            let _ = tell(&Event::Publishing(published));
            return Ok(false);
        }
        let not_published = match Self::ask(published) {
            Ok(Answer::Published) => return Ok(true),
            Ok(Answer::NotPublished(not_published)) => not_published,
            Err(error) => NotPublished { why: error.to_string(), published_elsewhere: false },
        };
        Err(RetrainError::NotPublished(not_published))
    }

    /// The parent does, once it knows the outcome.
    fn prune(&self, _keep: usize, _now: Timestamp) {}
}
