//! Connections: accepted up to a cap, closed where they dawdle, ended when the server is.
//!
//! `axum::serve` has no timer for a request's head, so the loop is ours, over hyper's connection. HTTP/1.1 alone: the
//! proxy in front speaks it, and telling the two versions apart would wait for a first byte without a bound.

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

use super::client::Peer;
use super::lingering_close::Unread;
use super::write_timeout::Outgoing;

/// How long a connection may take for a request's head, the time before its first byte included.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// Bytes of a head, and of a body on its way, that one connection holds.
const MAX_BUFFER_BYTES: usize = 64 << 10;
/// How long to wait where the system has no file descriptor for another connection.
const AFTER_REFUSAL: Duration = Duration::from_millis(200);

/// Serves `router` to at most `max_connections` at a time from when `opened` is done until `stop` is; then ends when the
/// requests under way are answered.
pub(in crate::http) async fn serve(
    listener: TcpListener,
    router: Router,
    max_connections: NonZeroUsize,
    opened: impl Future<Output = ()>,
    stop: impl Future<Output = ()>,
) {
    let places = Arc::new(Semaphore::new(max_connections.get().min(Semaphore::MAX_PERMITS)));
    let graceful = GracefulShutdown::new();
    let mut stop = pin!(stop);
    tokio::select! {
        () = opened => {}
        () = &mut stop => return,
    }
    loop {
        let (place, stream, peer) = tokio::select! {
            accepted = accept(&listener, &places) => match accepted {
                Some(accepted) => accepted,
                None => continue,
            },
            () = &mut stop => break,
        };
        let router = router.clone();
        let unread = Unread::default();
        let outgoing = Outgoing::new(stream, unread.clone());
        let service = service_fn(move |request| answer(router.clone(), request, peer, unread.clone()));
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN).max_buf_size(MAX_BUFFER_BYTES);
        let connection = graceful.watch(http.serve_connection(TokioIo::new(outgoing), service));
        tokio::spawn(async move {
            // However it ended, nobody is left to be told.
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(place);
        });
    }
    drop(listener);
    graceful.shutdown().await;
}

/// The next connection with its place; `None` where the system refused one.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(OwnedSemaphorePermit, TcpStream, SocketAddr)> {
    // Nobody closes the semaphore.
    let place = places.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => Some((place, stream, peer)),
        Err(error) => {
            if !is_of_the_connection(&error) {
                tracing::error!(%error, "no connection can be accepted");
                tokio::time::sleep(AFTER_REFUSAL).await;
            }
            None
        }
    }
}

/// Whether the caller went away, and not the system ran out of something.
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
