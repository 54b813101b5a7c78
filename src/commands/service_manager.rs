//! What a service manager (systemd) is told, and what it hands over: readiness, the end, signs of life, a bound socket.
//!
//! Speaks sd_notify(3) and sd_listen_fds(3). Where nobody listens, nothing is said.

use std::net::TcpListener;

use anyhow::Context;
use listenfd::ListenFd;
use sd_notify::NotifyState;

/// The socket that the service manager has bound for this process, where it has.
pub fn socket() -> anyhow::Result<Option<TcpListener>> {
    let socket = ListenFd::from_env().take_tcp_listener(0).context("the service manager's socket is no TCP socket")?;
    if let Some(socket) = &socket {
        socket.set_nonblocking(true).context("the service manager's socket cannot be used")?;
    }
    Ok(socket)
}

/// The server answers.
pub fn say_ready() {
    say(NotifyState::Ready);
}

/// The server is about to end.
pub fn say_stopping() {
    say(NotifyState::Stopping);
}

/// Says twice as often as is asked for that the process goes on; at once done where nobody asks.
pub async fn say_alive_for_ever() {
    let Some(at_least_every) = sd_notify::watchdog_enabled() else { return };
    let mut beats = tokio::time::interval(at_least_every / 2);
    loop {
        beats.tick().await;
        say(NotifyState::Watchdog);
    }
}

fn say(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "the service manager cannot be told how the server is");
    }
}
