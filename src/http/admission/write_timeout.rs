//! A connection with a write timeout and a least rate: a client that takes nothing of its answer, or that takes it too
//! slowly, is cut off. What answers hold ends when everything is written ([`super::lease`]). After a rejection in the
//! middle of a body it closes as [`super::lingering_close`] describes. A request whose head cannot be read gets a
//! problem document ([`super::refused_head`]).

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

use super::lease::Departing;
use super::limits::{ANSWER_BYTES_A_SECOND, ANSWER_CREDIT, WRITE_TIMEOUT};
use super::lingering_close::{Drain, Unread};
use super::refused_head::Refusal;

/// How much of an answer the system buffers before the client's window has room for it, in bytes. By default it buffers
/// megabytes, and then reports no progress for a minute while a slow client takes them.
const MAX_UNSENT_BYTES: u32 = 128 << 10;

/// A client's connection, which fails once a write has made no progress for [`WRITE_TIMEOUT`], or once its client has
/// used up [`ANSWER_CREDIT`].
pub(super) struct TimedStream {
    stream: TcpStream,
    pending: Option<Pending>,
    /// How much longer the client may let writes wait. It earns time by what it takes.
    credit: Duration,
    unread: Unread,
    departing: Departing,
    drain: Option<Drain>,
    refusal: Option<Refusal>,
}

/// A write that waits for the client.
struct Pending {
    since: Instant,
    until: Pin<Box<Sleep>>,
}

impl TimedStream {
    /// `unread` and `departing` are shared with the connection's requests.
    pub(super) fn new(stream: TcpStream, unread: Unread, departing: Departing) -> Self {
        // Without the first, small answers wait for the client's acknowledgement; without the second, progress shows
        // late. Both fail only where the client is gone.
        let _ = stream.set_nodelay(true);
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let _ = SockRef::from(&stream).set_tcp_notsent_lowat(MAX_UNSENT_BYTES);
        Self { stream, pending: None, credit: ANSWER_CREDIT, unread, departing, drain: None, refusal: None }
    }

    /// Writes `refusal` first, if there is one or one was begun: the connection calls again with the same bytes until
    /// they are written.
    fn poll_refuse(
        &mut self,
        context: &mut Context<'_>,
        refusal: impl FnOnce() -> Option<Refusal>,
    ) -> Option<Poll<io::Result<usize>>> {
        if self.refusal.is_none() {
            self.refusal = refusal();
        }
        let mut refusal = self.refusal.take()?;
        // What the client still sends would make its system discard the answer.
        self.unread.set();
        let written = refusal.poll_write(&mut self.stream, context);
        if written.is_pending() {
            self.refusal = Some(refusal);
        }
        Some(self.in_time(context, written))
    }

    /// The outcome of a write, or an error once it has been pending for too long.
    fn in_time(&mut self, context: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(outcome) = &written {
            if let Some(pending) = self.pending.take() {
                self.credit = self.credit.saturating_sub(pending.since.elapsed());
            }
            let n_bytes = outcome.as_ref().map_or(0, |n_bytes| *n_bytes as u64);
            let earned = Duration::from_micros(n_bytes.saturating_mul(1_000_000) / ANSWER_BYTES_A_SECOND);
            self.credit = self.credit.saturating_add(earned).min(ANSWER_CREDIT);
            return written;
        }
        let wait = WRITE_TIMEOUT.min(self.credit);
        let begin = || Pending { since: Instant::now(), until: Box::pin(sleep(wait)) };
        if self.pending.get_or_insert_with(begin).until.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        // The system discards its buffer as well.
        let _ = self.stream.set_zero_linger();
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for TimedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for TimedStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Some(refused) = self.poll_refuse(context, || Refusal::of(bytes)) {
            return refused;
        }
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.in_time(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Some(refused) = self.poll_refuse(context, || Refusal::of_pieces(pieces)) {
            return refused;
        }
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.in_time(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        // The HTTP connection flushes only once its own buffer is empty.
        self.departing.all_written();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
        let Self { stream, unread, drain, .. } = &mut *self;
        if unread.is_set() {
            ready!(drain.get_or_insert_with(Drain::new).poll_discard(stream, context));
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    async fn pair() -> (TimedStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (TimedStream::new(listener.accept().await.unwrap().0, Unread::default(), Departing::default()), client)
    }

    /// Writes until the client's and the system's buffers are full, and then until the timeout.
    async fn fill(stream: &mut TimedStream) -> io::Error {
        let piece = [0; 64 << 10];
        loop {
            if let Err(error) = stream.write_all(&piece).await {
                return error;
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_is_cut_off_and_the_buffer_is_discarded() {
        let (mut stream, client) = pair().await;
        assert_eq!(fill(&mut stream).await.kind(), io::ErrorKind::TimedOut);
        drop(stream);
        let error = SockRef::from(&client).take_error().unwrap().map(|error| error.kind());
        assert_eq!(error, Some(io::ErrorKind::ConnectionReset));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_some_now_and_then_is_waited_for() {
        let (mut stream, mut client) = pair().await;
        let sent = vec![1; 8 << 20];
        let sending = async {
            stream.write_all(&sent).await.unwrap();
            drop(stream);
        };
        let taking = async {
            let (mut n_bytes, mut some) = (0, vec![0; 1 << 20]);
            loop {
                sleep(WRITE_TIMEOUT / 2).await;
                match client.read(&mut some).await.unwrap() {
                    0 => return n_bytes,
                    n => n_bytes += n,
                }
            }
        };
        assert_eq!(tokio::join!(sending, taking).1, sent.len());
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_reads_more_slowly_than_the_least_rate_is_cut_off_in_the_end() {
        for (bytes_a_second, is_served) in [(2 * ANSWER_BYTES_A_SECOND, true), (ANSWER_BYTES_A_SECOND / 4, false)] {
            let (mut stream, mut client) = pair().await;
            // What the system buffers for the client is not its doing.
            SockRef::from(&client).set_recv_buffer_size(64 << 10).unwrap();
            SockRef::from(&stream.stream).set_send_buffer_size(64 << 10).unwrap();
            let sent = vec![1; 4 << 20];
            let sending = async move {
                let outcome = stream.write_all(&sent).await;
                drop(stream);
                outcome.map_err(|error| error.kind())
            };
            let reading = async move {
                let mut some = vec![0; bytes_a_second as usize];
                while client.read_exact(&mut some).await.is_ok() {
                    sleep(Duration::from_secs(1)).await;
                }
            };
            let (outcome, ()) = tokio::join!(sending, reading);
            assert_eq!(outcome, if is_served { Ok(()) } else { Err(io::ErrorKind::TimedOut) }, "{bytes_a_second}");
        }
    }
}
