//! Who can reach the server and its process: what is closed at the start, and what is warned of.

use content_portal::http::{Application, Settings};

use rustix::process::{DumpableBehavior, set_dumpable_behavior};

use super::misconfigured::Misconfigured;

/// Lets no other process of this user look into this one: its memory and the environment that it was started with hold
/// secrets. Nor does a core dump.
pub fn hide_from_others() {
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        tracing::warn!(event = "process_visible", %error, "other processes of this user can look into this one");
    }
}

/// Warns of a server that other machines can reach, if it needs no key, or if it has no host name to answer under.
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
