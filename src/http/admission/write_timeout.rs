//! A connection whose caller has to take what it is sent: whoever takes nothing, or next to nothing, is cut off. Whoever
//! was refused in the middle of a body is parted with as [`super::lingering_close`] says.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use super::lingering_close::{Rest, Unread};

/// How long a caller may take none of an answer.
const TAKEN_WITHIN: Duration = Duration::from_secs(12);
/// How much the system holds of an answer before its caller's window has room for it, in bytes. Left to itself the
/// system takes megabytes, and says for a minute that there is no room while a slow caller takes them.
const MAX_UNSENT_BYTES: u32 = 128 << 10;

/// A caller's connection. One that takes none of what waits for it ends with an error, and with it what waits.
pub(super) struct Outgoing {
    stream: TcpStream,
    /// Until when some of what waits has to be taken; none while nothing waits.
    until: Option<Pin<Box<Sleep>>>,
    unread: Unread,
    rest: Option<Rest>,
}

impl Outgoing {
    /// `unread` is what the connection's requests say of their bodies.
    pub(super) fn new(stream: TcpStream, unread: Unread) -> Self {
        // Without the one, small answers wait for the caller's acknowledgement; without the other, progress shows late.
        // A caller who is gone already needs neither.
        let _ = stream.set_nodelay(true);
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let _ = SockRef::from(&stream).set_tcp_notsent_lowat(MAX_UNSENT_BYTES);
        Self { stream, until: None, unread, rest: None }
    }

    /// What the system said of a write, once it has taken too long to say so.
    fn in_time<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.until = None;
            return written;
        }
        let until = self.until.get_or_insert_with(|| Box::pin(sleep(TAKEN_WITHIN)));
        if until.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        // The system, too, is to forget what the caller does not take.
        let _ = self.stream.set_zero_linger();
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Outgoing {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Outgoing {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.in_time(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.in_time(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
        let Self { stream, unread, rest, .. } = &mut *self;
        if unread.is_set() {
            ready!(rest.get_or_insert_with(Rest::new).poll_thrown_away(stream, context));
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    async fn pair() -> (Outgoing, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let caller = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (Outgoing::new(listener.accept().await.unwrap().0, Unread::default()), caller)
    }

    /// Writes until the caller's and the system's buffers are full, and then until it is too late.
    async fn fill(outgoing: &mut Outgoing) -> io::Error {
        let piece = [0; 64 << 10];
        loop {
            if let Err(error) = outgoing.write_all(&piece).await {
                return error;
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_who_takes_nothing_is_cut_off_and_what_waits_is_forgotten() {
        let (mut outgoing, caller) = pair().await;
        assert_eq!(fill(&mut outgoing).await.kind(), io::ErrorKind::TimedOut);
        drop(outgoing);
        let told = SockRef::from(&caller).take_error().unwrap().map(|error| error.kind());
        assert_eq!(told, Some(io::ErrorKind::ConnectionReset));
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_who_takes_some_now_and_then_is_waited_for() {
        let (mut outgoing, mut caller) = pair().await;
        let sent = vec![1; 8 << 20];
        let sending = async {
            outgoing.write_all(&sent).await.unwrap();
            drop(outgoing);
        };
        let taking = async {
            let (mut n_bytes, mut some) = (0, vec![0; 1 << 20]);
            loop {
                sleep(TAKEN_WITHIN / 2).await;
                match caller.read(&mut some).await.unwrap() {
                    0 => return n_bytes,
                    n => n_bytes += n,
                }
            }
        };
        assert_eq!(tokio::join!(sending, taking).1, sent.len());
    }
}
