//! A body with something done to it on its way: a limit on its rate, a slot that it holds, pieces.
//!
//! Request bodies that outlive their handler are another matter: see `admission::lingering_close`.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use http_body::{Body as HttpBody, Frame, SizeHint};

/// The next frame of a body, once there is one; `None` at its end.
pub(super) type PollFrame = Poll<Option<Result<Frame<Bytes>, axum::Error>>>;

/// What is done to a body. The defaults hand everything on as it is.
pub(super) trait Wrap: Send + Unpin + 'static {
    /// The next frame that the reader gets.
    fn poll_frame(&mut self, body: &mut Body, context: &mut Context<'_>) -> PollFrame {
        Pin::new(body).poll_frame(context)
    }

    /// Whether the reader has got everything.
    fn is_end_stream(&self, body: &Body) -> bool {
        body.is_end_stream()
    }

    /// How much the reader has still to get.
    fn size_hint(&self, body: &Body) -> SizeHint {
        body.size_hint()
    }
}

/// A body in pieces of a limited size, cut from the one copy of each frame.
#[derive(Default)]
pub(super) struct Pieces {
    /// The rest of the body's last frame.
    rest: Bytes,
}

impl Pieces {
    /// Whether data is there to be cut; else what `poll` answers instead: that it is pending, at its end, or no data.
    pub fn poll_data(&mut self, poll: impl FnOnce() -> PollFrame) -> Result<(), PollFrame> {
        if !self.rest.is_empty() {
            return Ok(());
        }
        let frame = match poll() {
            Poll::Ready(Some(Ok(frame))) => frame,
            other => return Err(other),
        };
        self.rest = frame.into_data().map_err(|other| Poll::Ready(Some(Ok(other))))?;
        Ok(())
    }

    /// The next piece of the data that is there.
    pub fn cut(&mut self, max_bytes: usize) -> Frame<Bytes> {
        Frame::data(self.rest.split_to(self.rest.len().min(max_bytes)))
    }

    /// Whether the reader has got everything.
    pub fn is_end_stream(&self, body: &Body) -> bool {
        self.rest.is_empty() && body.is_end_stream()
    }

    /// How much the reader has still to get.
    pub fn size_hint(&self, body: &Body) -> SizeHint {
        let (inner, rest) = (body.size_hint(), self.rest.len() as u64);
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower().saturating_add(rest));
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint
    }
}

struct Wrapped<W> {
    body: Body,
    wrap: W,
}

/// The same body with `wrap` around it.
pub(super) fn wrap(body: Body, wrap: impl Wrap) -> Body {
    Body::new(Wrapped { body, wrap })
}

impl<W: Wrap> HttpBody for Wrapped<W> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> PollFrame {
        let Self { body, wrap } = &mut *self;
        wrap.poll_frame(body, context)
    }

    fn is_end_stream(&self) -> bool {
        self.wrap.is_end_stream(&self.body)
    }

    fn size_hint(&self) -> SizeHint {
        self.wrap.size_hint(&self.body)
    }
}
