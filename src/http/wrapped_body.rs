//! A body with something done to it on its way: a limit on its rate, a slot that it holds, slices.
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
