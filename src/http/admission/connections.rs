//! Connections: accepted up to a limit in all and from one address, closed where they are too slow, ended with the
//! server.
//!
//! A connection beyond the limit waits. One beyond its address's share is told so and closed at once, so that those of
//! others do not wait behind it. The addresses of one network have two shares together. Trusted proxies have no share:
//! behind them, everybody has the same address.
//!
//! `axum::serve` has no time-out for a request's head, so this is a loop of our own over hyper's connection. It speaks
//! HTTP/1.1 only: the proxy in front does, too, and telling the two versions apart would wait without limit for a first
//! byte.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::ServiceExt;

use super::lease::Departing;
use super::limits::{CLIENTS_OF_NETWORK, CONNECTION_SHARE, MIN_CONNECTIONS_OF_ONE, REFUSALS, REFUSE_WITHIN};
use super::lingering_close::Unread;
use super::tally::Tally;
use super::write_timeout::TimedStream;
use crate::http::access::{Client, Network, Peer, TrustedProxies};

/// How long a connection may take for a request's head, including the time before its first byte.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// Bytes of a head, and of a body in transit, that one connection buffers.
const MAX_BUFFER_BYTES: usize = 64 << 10;
/// How long to wait after the system could not accept a connection, such as for want of a file descriptor.
const AFTER_FAILURE: Duration = Duration::from_millis(200);

/// What a connection beyond its address's share is told.
const REFUSAL: &str = concat!(
    "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\nRetry-After: 5\r\n",
    "Connection: close\r\nContent-Length: 194\r\n\r\n",
    r#"{"type":"about:blank","title":"Service Unavailable","status":503,"code":"too_many_connections","#,
    r#""detail":"This address has too many connections.","error":"This address has too many connections."}"#
);

/// How many connections there may be.
pub(in crate::http) struct ConnectionLimits {
    /// In all.
    pub max_connections: NonZeroUsize,
    /// Whose connections have no share.
    pub trusted_proxies: TrustedProxies,
}

/// Serves `router` to as many connections as `limits` allow, from when `opened` is done until `stop` is done. Returns
/// once the requests in progress are answered.
pub(in crate::http) async fn serve(
    listener: TcpListener,
    router: Router,
    limits: ConnectionLimits,
    opened: impl Future<Output = ()>,
    stop: impl Future<Output = ()>,
) {
    let permits = Arc::new(Semaphore::new(limits.max_connections.get().min(Semaphore::MAX_PERMITS)));
    let (addresses, refusals) = (Addresses::new(&limits), Arc::new(Semaphore::new(REFUSALS)));
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
        let Some(of_address) = addresses.count(peer.ip()) else {
            refuse(stream, &refusals);
            continue;
        };
        let router = router.clone();
        let (unread, departing) = (Unread::default(), Departing::default());
        let stream = TimedStream::new(stream, unread.clone(), departing.clone());
        let of_connection = OfConnection { peer, unread, departing };
        let service = service_fn(move |request| answer(router.clone(), request, of_connection.clone()));
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN).max_buf_size(MAX_BUFFER_BYTES);
        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            // The client is gone, so there is nobody to answer.
            if let Err(error) = connection.await {
                tracing::debug!(event = "connection_ended_early", %error, "a connection ended early");
            }
            drop((permit, of_address));
        });
    }
    drop(listener);
    graceful.shutdown().await;
}

/// Tells a client that its address has its share of connections. At most [`REFUSALS`] clients at a
/// time get this answer; the connections of further ones are closed without one.
fn refuse(mut stream: TcpStream, refusals: &Arc<Semaphore>) {
    let Ok(permit) = refusals.clone().try_acquire_owned() else { return };
    tokio::spawn(async move {
        let telling = async {
            stream.write_all(REFUSAL.as_bytes()).await?;
            stream.shutdown().await?;
            // Closed with its request unread, the client's system would discard the answer.
            let mut rest = [0; 1 << 10];
            while stream.read(&mut rest).await? > 0 {}
            Ok::<_, io::Error>(())
        };
        // A client that is gone, or does not close in time, is not told.
        let _ = tokio::time::timeout(REFUSE_WITHIN, telling).await;
        drop(permit);
    });
}

/// The connections of each address.
#[derive(Clone)]
struct Addresses {
    counts: Arc<Mutex<Counts>>,
    of_one: usize,
    trusted_proxies: TrustedProxies,
}

#[derive(Default)]
struct Counts {
    addresses: Tally<Client>,
    networks: Tally<Network>,
}

/// A connection of an address, until this is dropped.
struct OfAddress {
    addresses: Addresses,
    address: Client,
}

impl Addresses {
    fn new(limits: &ConnectionLimits) -> Self {
        let all = limits.max_connections.get();
        let of_one = (all / CONNECTION_SHARE).max(MIN_CONNECTIONS_OF_ONE);
        Self { counts: Arc::default(), of_one, trusted_proxies: limits.trusted_proxies.clone() }
    }

    /// One more connection; none where the address has its share already.
    fn count(&self, peer: IpAddr) -> Option<OfAddress> {
        let peer = peer.to_canonical();
        let address = Client::at(peer);
        let mut counts = self.lock();
        let has_share = counts.addresses.of(&address) >= self.of_one
            || counts.networks.of(&address.network()) >= self.of_one * CLIENTS_OF_NETWORK;
        if has_share && !self.trusted_proxies.trusts(peer) {
            return None;
        }
        counts.addresses.add(address.clone(), 1);
        counts.networks.add(address.network(), 1);
        drop(counts);
        Some(OfAddress { addresses: self.clone(), address })
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for OfAddress {
    fn drop(&mut self) {
        let mut counts = self.addresses.lock();
        counts.addresses.remove(&self.address, 1);
        counts.networks.remove(&self.address.network(), 1);
    }
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

/// What a connection and its requests share.
#[derive(Clone)]
struct OfConnection {
    peer: SocketAddr,
    unread: Unread,
    departing: Departing,
}

async fn answer(
    router: Router,
    request: hyper::Request<Incoming>,
    of_connection: OfConnection,
) -> Result<Response, Infallible> {
    let OfConnection { peer, unread, departing } = of_connection;
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(Peer(peer.ip()));
    request.extensions_mut().insert(unread.clone());
    request.extensions_mut().insert(departing);
    let mut response = router.oneshot(request).await?;
    if unread.is_set() {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(max_connections: usize, trusted: &str) -> Addresses {
        let networks = trusted.split_terminator(',').map(|network| network.parse().unwrap()).collect();
        let max_connections = NonZeroUsize::new(max_connections).unwrap();
        Addresses::new(&ConnectionLimits { max_connections, trusted_proxies: TrustedProxies::new(networks) })
    }

    fn taken(addresses: &Addresses, peer: &str) -> Vec<OfAddress> {
        let peer = peer.parse().unwrap();
        std::iter::from_fn(|| addresses.count(peer)).take(1_000).collect()
    }

    #[test]
    fn one_address_has_a_quarter_and_a_trusted_proxy_as_many_as_there_are() {
        let addresses = addresses(400, "127.0.0.1/32");
        let mut mine = taken(&addresses, "192.0.2.1");
        assert_eq!((mine.len(), taken(&addresses, "192.0.2.2").len()), (100, 100));
        assert_eq!(taken(&addresses, "::ffff:127.0.0.1").len(), 1_000);
        mine.pop();
        assert_eq!(taken(&addresses, "::ffff:192.0.2.1").len(), 1, "the same address");
        drop(mine);
        assert_eq!(addresses.lock().addresses.len(), 0, "those that have gone are forgotten");
    }

    #[test]
    fn a_subscriber_s_addresses_share_and_a_browser_always_has_enough() {
        let addresses = addresses(3, "");
        let mine = taken(&addresses, "2001:db8:1:2::1");
        assert_eq!((mine.len(), taken(&addresses, "2001:db8:1:2:ffff::1").len()), (MIN_CONNECTIONS_OF_ONE, 0));
        let more: Vec<_> = (3..9).flat_map(|n| taken(&addresses, &format!("2001:db8:1:{n}::1"))).collect();
        assert_eq!(more.len(), MIN_CONNECTIONS_OF_ONE, "its network has twice that");
        assert_eq!(taken(&addresses, "2001:db8:2:2::1").len(), MIN_CONNECTIONS_OF_ONE);
    }

    #[test]
    fn the_refusal_is_a_whole_answer() {
        let (head, body) = REFUSAL.split_once("\r\n\r\n").unwrap();
        let problem: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!((problem["status"].as_u64(), problem["code"].as_str()), (Some(503), Some("too_many_connections")));
        assert!(head.contains(&format!("Content-Length: {}", body.len())), "{}", body.len());
    }
}
