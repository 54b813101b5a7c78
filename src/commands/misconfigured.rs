//! Settings that can be read and do not work, and the exit code that reports them to a service manager.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use content_portal::config::ConfigErrors;
use content_portal::content::WriterConfigError;
use content_portal::shared_store::SharedStoreError;
use tracing_subscriber::filter::ParseError;

/// `EX_CONFIG` of sysexits.h: another start would fail in the same way.
const EX_CONFIG: u8 = 78;
/// As clap has it for an argument that it cannot take.
const WRONG_COMMAND_LINE: u8 = 2;

/// A setting that does not work.
#[derive(Debug, thiserror::Error)]
pub enum Misconfigured {
    /// A file that a setting names cannot be used.
    #[error("{variable} {}", path.display())]
    File {
        /// The setting.
        variable: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        cause: Box<dyn Error + Send + Sync>,
    },
    /// A folder that a setting names cannot be written.
    #[error("{variable} {} cannot be written: let this user write there, or name another folder", path.display())]
    Folder {
        /// The setting.
        variable: &'static str,
        /// The folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// The writer cannot be set up as the settings have it.
    #[error(transparent)]
    Writer(#[from] WriterConfigError),
    /// Anybody could call the server, and the settings do not allow that.
    #[error(
        "the server would listen on {address}, beyond this machine, and take requests of everybody: set API_KEYS or \
         KEYS_FILE, or ALLOW_OPEN=1 where only those who may call can reach it"
    )]
    Open {
        /// Where it would listen.
        address: SocketAddr,
    },
    /// The shared store cannot be set up as the settings have it.
    #[error(transparent)]
    SharedStore(#[from] SharedStoreError),
    /// A command needs a shared store, and none is named.
    #[error("name the store, such as s3://bucket/prefix or file:///folder, or set STORE_URL")]
    NoStore,
    /// A command lists the keys of a file, and none is named.
    #[error("KEYS_FILE is not set")]
    NoKeysFile,
    /// A word of `RUST_LOG` is no level.
    #[error(
        "RUST_LOG: {0} is no level; the levels are off, error, warn, info, debug and trace, and a module has one \
         behind =, such as content_portal=debug"
    )]
    LogLevel(String),
    /// `RUST_LOG` is not a filter.
    #[error("RUST_LOG must be a filter such as info or content_portal=debug")]
    LogFilter(#[source] ParseError),
}

/// An argument that cannot be taken and that only the command itself can judge.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct WrongArgument(pub String);

/// The exit code of a command that failed.
pub fn exit_code(error: &anyhow::Error) -> ExitCode {
    if is_misconfigured(error) {
        ExitCode::from(EX_CONFIG)
    } else if error.chain().any(|cause| cause.is::<WrongArgument>()) {
        ExitCode::from(WRONG_COMMAND_LINE)
    } else {
        ExitCode::FAILURE
    }
}

/// Whether a setting is what has to change.
pub fn is_misconfigured(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.is::<Misconfigured>() || cause.is::<ConfigErrors>())
}

/// The exit code of settings that cannot be used.
pub fn misconfigured() -> ExitCode {
    ExitCode::from(EX_CONFIG)
}
