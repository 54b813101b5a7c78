//! Who can reach the server that starts, and what it should be told of that.

use content_portal::http::{Application, Settings};

use super::misconfigured::Misconfigured;

/// Warns of a server that others than this machine can reach and that needs no key, or that answers under no name.
///
/// # Errors
/// [`Misconfigured::Open`] where `ALLOW_OPEN` is 0 and no key is needed.
pub fn check(settings: &Settings, application: &Application) -> Result<(), Misconfigured> {
    let address = application.address();
    if address.ip().to_canonical().is_loopback() {
        return Ok(());
    }
    if application.is_open() {
        if !settings.allow_open {
            return Err(Misconfigured::Open { address });
        }
        tracing::warn!(
            event = "open_to_everybody",
            %address,
            "everybody who reaches {address} may send workbooks and have content written: set API_KEYS or KEYS_FILE"
        );
    }
    if settings.allow_hosts.is_empty() && settings.public_url.is_none() {
        tracing::warn!(
            event = "no_host_name",
            %address,
            "requests that name this server by a host name are refused: set PUBLIC_URL, or the name in ALLOW_HOSTS"
        );
    }
    Ok(())
}
