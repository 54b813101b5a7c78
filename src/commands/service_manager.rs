//! What a service manager (systemd) is told, and what it hands over: readiness, reloads, the end, signs of life, a sentence
//! on how the server is, a bound socket.
//!
//! Speaks sd_notify(3) and sd_listen_fds(3). Where nobody listens, nothing is said.

use std::net::TcpListener;
use std::time::Duration;

use anyhow::Context;
use listenfd::ListenFd;
use sd_notify::NotifyState;

/// Where a service manager listens.
const NOTIFY_SOCKET: &str = "NOTIFY_SOCKET";
/// How often the sentence on how the server is is looked at.
const STATUS_EVERY: Duration = Duration::from_secs(2);

/// The socket that the service manager has bound for this process, where it has.
pub fn socket() -> anyhow::Result<Option<TcpListener>> {
    let socket = ListenFd::from_env().take_tcp_listener(0).context("the service manager's socket is no TCP socket")?;
    if let Some(socket) = &socket {
        socket.set_nonblocking(true).context("the service manager's socket cannot be used")?;
    }
    Ok(socket)
}

/// The server answers, or has taken over what was new; and how it is.
pub fn say_ready(sentence: &str) {
    say(&[NotifyState::Ready, NotifyState::Status(sentence)]);
}

/// The server looks for what is new; [`say_ready`] ends it.
pub fn say_reloading() {
    // systemd 253 and newer tell by the time whether the reload was asked for before or after it.
    match NotifyState::monotonic_usec_now() {
        Ok(now) => say(&[NotifyState::Reloading, now]),
        Err(error) => tracing::warn!(%error, "the service manager cannot be told of the reload"),
    }
}

/// The server is about to end.
pub fn say_stopping() {
    say(&[NotifyState::Stopping, NotifyState::Status("finishing the requests under way")]);
}

/// Says how the server is, which `systemctl status` shows, whenever that has changed; at once done where nobody listens.
pub async fn keep_status(sentence: impl Fn() -> String) {
    if std::env::var_os(NOTIFY_SOCKET).is_none() {
        return;
    }
    let mut said = String::new();
    let mut looks = tokio::time::interval(STATUS_EVERY);
    loop {
        looks.tick().await;
        let now = sentence();
        if now != said {
            say(&[NotifyState::Status(&now)]);
            said = now;
        }
    }
}

/// Says twice as often as is asked for that the process goes on; at once done where nobody asks.
pub async fn say_alive_for_ever() {
    let Some(at_least_every) = sd_notify::watchdog_enabled() else { return };
    let mut beats = tokio::time::interval(at_least_every / 2);
    loop {
        beats.tick().await;
        say(&[NotifyState::Watchdog]);
    }
}

fn say(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager cannot be told how the server is");
    }
}
