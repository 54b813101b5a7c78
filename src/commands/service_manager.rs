//! What the service manager (systemd) gets, and what it hands over: readiness, reloads, the end, watchdog pings, a
//! status sentence; a bound socket.
//!
//! Speaks sd_notify(3) and sd_listen_fds(3). Without a service manager nothing is sent.

use std::net::TcpListener;
use std::time::Duration;

use anyhow::Context;
use listenfd::ListenFd;
use sd_notify::NotifyState;

/// Where a service manager listens.
const NOTIFY_SOCKET: &str = "NOTIFY_SOCKET";
/// How often the status sentence is compared with the last one sent.
const STATUS_EVERY: Duration = Duration::from_secs(2);

/// The socket that the service manager has bound for this process, where it has.
pub fn socket() -> anyhow::Result<Option<TcpListener>> {
    let socket =
        ListenFd::from_env().take_tcp_listener(0).context("the service manager's socket is not a TCP socket")?;
    if let Some(socket) = &socket {
        socket.set_nonblocking(true).context("the service manager's socket cannot be used")?;
    }
    Ok(socket)
}

/// Reports that the server answers, or that a reload is done, with its status.
pub fn notify_ready(sentence: &str) {
    notify(&[NotifyState::Ready, NotifyState::Status(sentence)]);
}

/// Reports that the server reloads; [`notify_ready`] ends it.
pub fn notify_reloading() {
    // systemd 253 and newer compare this time with that of the reload request.
    match NotifyState::monotonic_usec_now() {
        Ok(now) => notify(&[NotifyState::Reloading, now]),
        Err(error) => {
            tracing::warn!(
                event = "service_manager_reload_failed",
                %error,
                "the reload cannot be reported to the service manager"
            )
        }
    }
}

/// Reports that the server stops.
pub fn notify_stopping() {
    notify(&[NotifyState::Stopping, NotifyState::Status("finishing the requests under way")]);
}

/// Sends the status, which `systemctl status` shows, whenever it changes. Returns at once without a service manager.
pub async fn run_status(sentence: impl Fn() -> String) {
    if std::env::var_os(NOTIFY_SOCKET).is_none() {
        return;
    }
    let mut said = String::new();
    let mut looks = tokio::time::interval(STATUS_EVERY);
    loop {
        looks.tick().await;
        let now = sentence();
        if now != said {
            notify(&[NotifyState::Status(&now)]);
            said = now;
        }
    }
}

/// Sends watchdog pings at twice the required rate. Returns at once where none are required.
pub async fn run_watchdog() {
    let Some(at_least_every) = sd_notify::watchdog_enabled() else { return };
    let mut beats = tokio::time::interval(at_least_every / 2);
    loop {
        beats.tick().await;
        notify(&[NotifyState::Watchdog]);
    }
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(
            event = "service_manager_notify_failed",
            %error,
            "the status cannot be reported to the service manager"
        );
    }
}
