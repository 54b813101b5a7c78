//! The process that started this training: it has the keys of the shared store, which this one has not, and publishes.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use jiff::Timestamp;

use super::event::{Answer, Event};
use super::process::{MAX_LINE_BYTES, SILENT_FOR};
use crate::model_store::VersionId;
use crate::pipeline::SegmentId;
use crate::retrain::{NotPublished, Publisher, RetrainError};

/// The process at the other end of standard output, which is a socket.
#[derive(Debug)]
pub struct Parent {
    next_segment_id: SegmentId,
}

impl Parent {
    /// `next_segment_id` is the first id that no segment has, of what the parent knows of other machines.
    pub fn new(next_segment_id: SegmentId) -> Self {
        Self { next_segment_id }
    }

    fn ask(id: &VersionId) -> io::Result<Answer> {
        let socket = UnixStream::from(io::stdout().as_fd().try_clone_to_owned()?);
        socket.set_read_timeout(Some(SILENT_FOR))?;
        let question = serde_json::to_string(&Event::ToPublish { version: id.clone() })?;
        let mut out = io::stdout().lock();
        writeln!(out, "{question}")?;
        out.flush()?;
        drop(out);
        let mut line = String::new();
        BufReader::new(socket).take(MAX_LINE_BYTES).read_line(&mut line)?;
        match line.as_str() {
            "" => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the process that was to publish it has ended")),
            line => Ok(serde_json::from_str(line)?),
        }
    }
}

impl Publisher for Parent {
    fn next_segment_id(&self) -> SegmentId {
        self.next_segment_id
    }

    fn publish(&self, id: &VersionId) -> Result<(), RetrainError> {
        let (why, published_elsewhere) = match Self::ask(id) {
            Ok(Answer::Published) => return Ok(()),
            Ok(Answer::NotPublished { why, published_elsewhere }) => (why, published_elsewhere),
            Err(error) => (error.to_string(), false),
        };
        Err(RetrainError::NotPublished(NotPublished { why, published_elsewhere }))
    }

    /// The parent does, once it knows the outcome.
    fn prune(&self, _keep: usize, _now: Timestamp) {}
}
