//! File descriptors: as many as the system gives this process, and fewer connections than that.
//!
//! A shell gives a process 1,024 where it may have many times as many. A server that has none left can neither accept a
//! caller nor receive an upload, start a reader or ask its upstream, so connections leave some for the rest.

use std::num::NonZeroUsize;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// What is left for files, reader processes and the upstream: a few for each upload, one for each text and picture.
const RESERVE: usize = 1_024;

/// Raises this process's limit to the highest that it may have; says how many connections fit into it, `wanted` at the
/// most.
pub fn make_room_for(wanted: NonZeroUsize) -> NonZeroUsize {
    let limit = match raise() {
        Ok(limit) => limit,
        Err(error) => {
            tracing::warn!(
                event = "descriptor_limit_not_raised",
                %error,
                "the limit of file descriptors cannot be raised"
            );
            return wanted;
        }
    };
    let fitting = NonZeroUsize::new(limit.saturating_sub(RESERVE.min(limit / 2))).unwrap_or(NonZeroUsize::MIN);
    if fitting < wanted {
        tracing::warn!(
            event = "connections_limited",
            descriptors = limit,
            connections = fitting,
            "the limit of file descriptors leaves room for fewer connections than MAX_CONNECTIONS"
        );
    }
    wanted.min(fitting)
}

/// The limit that holds from here on.
fn raise() -> nix::Result<usize> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if soft < hard {
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    }
    Ok(usize::try_from(hard).unwrap_or(usize::MAX))
}
