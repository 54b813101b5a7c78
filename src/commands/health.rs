//! `health`: whether the server at HOST and PORT answers, for a container's health check.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use super::config::Config;
use super::output::print_line;

/// How long a healthy server takes at the most.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);
const MAX_ANSWER_BYTES: usize = 64 << 10;

#[derive(Debug, Args)]
pub struct HealthArgs {
    /// Ask whether the process answers (/healthz), and not whether it is ready for customers (/readyz).
    #[arg(long)]
    live: bool,
}

/// Asks, and prints what the server says of itself.
pub fn health(config: &Config, args: &HealthArgs) -> anyhow::Result<ExitCode> {
    let address = reachable(config.server.address);
    if address.port() == 0 {
        bail!("PORT is 0, so that nobody knows where the server listens");
    }
    let path = if args.live { "/healthz" } else { "/readyz" };
    let (status, answer) = ask(address, path).with_context(|| format!("no answer from http://{address}{path}"))?;
    let said = |key: &str| answer.get(key).and_then(Value::as_str).unwrap_or_default();
    if status != StatusCode::OK {
        bail!("http://{address}{path} answers {}: {}", status.as_u16(), said("error"));
    }
    print_line!("{}", said("status"));
    Ok(ExitCode::SUCCESS)
}

/// Where a server that listens on `address` is reached from the same machine: one that listens everywhere is at the
/// loopback address, too.
pub fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// Status and JSON of a GET, within three seconds.
pub fn ask(address: SocketAddr, path: &str) -> anyhow::Result<(StatusCode, Value)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let asking = async {
        let stream = TcpStream::connect(address).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let request = Request::get(path).header(header::HOST, address.to_string()).body(Empty::<Bytes>::new())?;
        let response = sender.send_request(request).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), MAX_ANSWER_BYTES).collect().await;
        let body = body.map_err(anyhow::Error::from_boxed)?.to_bytes();
        Ok((status, serde_json::from_slice(&body).unwrap_or_default()))
    };
    runtime.block_on(async { tokio::time::timeout(ANSWER_WITHIN, asking).await.context("it did not answer in time")? })
}
