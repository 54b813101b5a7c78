//! Connections: accepted up to a limit, closed where they are too slow, ended with the server.
//!
//! `axum::serve` has no time-out for a request's head, so this is a loop of our own over hyper's connection. It speaks
//! HTTP/1.1 only: the proxy in front does, too, and telling the two versions apart would wait without limit for a first
//! byte.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::ServiceExt;

use super::lingering_close::Unread;
use super::write_timeout::TimedStream;
use crate::http::access::Peer;

/// How long a connection may take for a request's head, including the time before its first byte.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// Bytes of a head, and of a body in transit, that one connection buffers.
const MAX_BUFFER_BYTES: usize = 64 << 10;
/// How long to wait after the system could not accept a connection, such as for want of a file descriptor.
const AFTER_FAILURE: Duration = Duration::from_millis(200);

/// Serves `router` to at most `max_connections` at a time, from when `opened` is done until `stop` is done. Returns
/// once the requests in progress are answered.
pub(in crate::http) async fn serve(
    listener: TcpListener,
    router: Router,
    max_connections: NonZeroUsize,
    opened: impl Future<Output = ()>,
    stop: impl Future<Output = ()>,
) {
    let permits = Arc::new(Semaphore::new(max_connections.get().min(Semaphore::MAX_PERMITS)));
    let graceful = GracefulShutdown::new();
    let mut stop = pin!(stop);
    tokio::select! {
        () = opened => {}
        () = &mut stop => return,
    }
    loop {
        let (permit, stream, peer) = tokio::select! {
            accepted = accept(&listener, &permits) => match accepted {
                Some(accepted) => accepted,
                None => continue,
            },
            () = &mut stop => break,
        };
        let router = router.clone();
        let unread = Unread::default();
        let stream = TimedStream::new(stream, unread.clone());
        let service = service_fn(move |request| answer(router.clone(), request, peer, unread.clone()));
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN).max_buf_size(MAX_BUFFER_BYTES);
        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            // The client is gone, so there is nobody to answer.
            if let Err(error) = connection.await {
                tracing::debug!(event = "connection_ended_early", %error, "a connection ended early");
            }
            drop(permit);
        });
    }
    drop(listener);
    graceful.shutdown().await;
}

/// The next connection with its permit; `None` where accepting one failed.
async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> Option<(OwnedSemaphorePermit, TcpStream, SocketAddr)> {
    // Nobody closes the semaphore.
    let permit = permits.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => Some((permit, stream, peer)),
        Err(error) => {
            if !is_of_the_connection(&error) {
                tracing::error!(event = "accept_failed", %error, "no connection can be accepted");
                tokio::time::sleep(AFTER_FAILURE).await;
            }
            None
        }
    }
}

/// Whether the client went away; otherwise the system ran out of something.
fn is_of_the_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

async fn answer(
    router: Router,
    request: hyper::Request<Incoming>,
    peer: SocketAddr,
    unread: Unread,
) -> Result<Response, Infallible> {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(Peer(peer.ip()));
    request.extensions_mut().insert(unread.clone());
    let mut response = router.oneshot(request).await?;
    if unread.is_set() {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}
