//! Root does not work as root on data that belong to the service's user: that user could not open what root would
//! leave. A command that writes becomes their owner first. By then the settings and secrets have been read, and no
//! thread runs.
//!
//! Nothing changes for another user than root, and where the folders are root's own, as in a container without users.

use std::ffi::CString;
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::unistd::{Gid, Uid, User, geteuid, initgroups, setgid, setgroups, setuid};

use super::config::Config;

/// A user and the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    uid: u32,
    gid: u32,
}

/// A folder of the service that is there, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owned {
    variable: &'static str,
    path: PathBuf,
    owner: Owner,
}

/// Why root cannot work on the data as their owner.
#[derive(Debug, thiserror::Error)]
pub enum OwnerError {
    /// Nobody can tell whose files new ones are to be.
    #[error("{one} and {other}: give them one owner (chown -R), or run this as the user of the server")]
    Several {
        /// A folder.
        one: Owned,
        /// Another one, of another owner.
        other: Owned,
    },
    /// This process may not become another user.
    #[error("{owned}, and this process cannot become that user: run it as that user")]
    Refused {
        /// The folder.
        owned: Owned,
        /// What the system said.
        #[source]
        cause: nix::Error,
    },
    /// A folder around the data is closed to their owner, as systemd closes `/var/lib/private`.
    #[error(
        "{owned}, who cannot reach it from here: run this in the folder around it (cd), with paths below it in the \
         settings, or by systemd-run as docs/operations.md says"
    )]
    Unreachable {
        /// The folder.
        owned: Owned,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.uid == 0 { f.write_str("root") } else { write!(f, "user {}", self.uid) }
    }
}

impl fmt::Display for Owned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} belongs to {}", self.variable, self.path.display(), self.owner)
    }
}

/// Becomes the owner of the folders that the settings name, where root runs this and they belong to another user. Call
/// it before the first thread starts. The folder that decided it, where one did.
///
/// # Errors
/// [`OwnerError`]; this process is then still root's, or of no further use.
pub fn become_owner(config: &Config) -> Result<Option<Owned>, OwnerError> {
    if !geteuid().is_root() {
        return Ok(None);
    }
    let written = [
        ("STATE_DIR", &config.writer.state_dir),
        ("MODEL_DIR", &config.paths.models),
        ("UPLOAD_DIR", &config.server.upload_dir),
    ];
    let mut found: Vec<Owned> = written.into_iter().filter_map(|(variable, path)| owned(variable, path)).collect();
    if found.is_empty() {
        // Which a server may only read: it decides where nothing was written yet.
        found.extend(owned("BASE_DATA_DIR", &config.paths.base_data));
    }
    let Some(chosen) = whom_to_become(&found)? else { return Ok(None) };
    take_over(chosen.owner).map_err(|cause| OwnerError::Refused { owned: chosen.clone(), cause })?;
    for owned in &found {
        fs::metadata(&owned.path).map_err(|cause| OwnerError::Unreachable { owned: owned.clone(), cause })?;
    }
    Ok(Some(chosen.clone()))
}

/// The folder at `path`, if there is one.
fn owned(variable: &'static str, path: &Path) -> Option<Owned> {
    let found = fs::metadata(path).ok()?;
    Some(Owned { variable, path: path.to_owned(), owner: Owner { uid: found.uid(), gid: found.gid() } })
}

/// The folder whose owner root has to become; `None` where that is root.
fn whom_to_become(found: &[Owned]) -> Result<Option<&Owned>, OwnerError> {
    let Some((first, others)) = found.split_first() else { return Ok(None) };
    if let Some(other) = others.iter().find(|other| other.owner.uid != first.owner.uid) {
        return Err(OwnerError::Several { one: first.clone(), other: other.clone() });
    }
    Ok((first.owner.uid != 0).then_some(first))
}

/// For every thread, and for good: no way leads back to root. The groups are those of the user, where the system knows
/// one, and else the folder's alone.
fn take_over(owner: Owner) -> nix::Result<()> {
    let uid = Uid::from_raw(owner.uid);
    let user = User::from_uid(uid)?.and_then(|user| Some((CString::new(user.name).ok()?, user.gid)));
    let gid = user.as_ref().map_or(Gid::from_raw(owner.gid), |(_, gid)| *gid);
    match &user {
        Some((name, _)) => initgroups(name, gid)?,
        None => setgroups(&[gid])?,
    }
    setgid(gid)?;
    setuid(uid)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variable: &'static str, uid: u32) -> Owned {
        Owned { variable, path: variable.to_lowercase().into(), owner: Owner { uid, gid: 7 } }
    }

    #[test]
    fn root_becomes_the_one_owner_of_the_folders_unless_that_is_root() {
        for roots in [vec![], vec![of("STATE_DIR", 0)], vec![of("STATE_DIR", 0), of("MODEL_DIR", 0)]] {
            assert_eq!(whom_to_become(&roots).unwrap(), None, "{roots:?}");
        }
        let found = [of("MODEL_DIR", 61_234), of("UPLOAD_DIR", 61_234)];
        assert_eq!(whom_to_become(&found).unwrap(), Some(&found[0]));
    }

    #[test]
    fn folders_of_several_owners_are_named() {
        for (uid, whose) in [(0, "root"), (10_001, "user 10001")] {
            let found = [of("MODEL_DIR", 61_234), of("UPLOAD_DIR", uid)];
            let error = whom_to_become(&found).unwrap_err().to_string();
            let named =
                format!("MODEL_DIR model_dir belongs to user 61234 and UPLOAD_DIR upload_dir belongs to {whose}: ");
            assert!(error.starts_with(&named), "{error}");
        }
    }
}
