//! Typed settings, each with its default and unit; the only reader of the environment.
//!
//! Values come from the process environment, then from a `.env` file in the working directory. An empty value counts
//! as not set. All mistakes are reported together. Each part reads itself from a `Reader`, which remembers what it
//! read: that is what `content-portal settings` shows. Imports the schedule and text files alone of ours: `main` hands
//! each module its own part.

mod env_file;
mod reader;
mod secret;
mod server;
mod setting;
mod variables;
mod writer;

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::TimeZone;

use crate::schedule::Schedule;

pub use secret::Secret;
pub use server::ServerConfig;
pub use setting::{Setting, Source};
pub use writer::{WriterKind, WriterSettings};

use reader::Reader;
use variables::Variables;

/// The program alone takes up some of the reader's memory; less would refuse every workbook.
const MIN_READER_MB: u32 = 128;
const ROWS_1M: NonZeroUsize = NonZeroUsize::MIN.saturating_add(999_999);
const VERSIONS_10: NonZeroUsize = NonZeroUsize::MIN.saturating_add(9);
const WRITERS_8: NonZeroUsize = NonZeroUsize::MIN.saturating_add(7);

/// Everything that can be set.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the server listens and for whom.
    pub server: ServerConfig,
    /// Who writes the content.
    pub writer: WriterSettings,
    /// Where data lives.
    pub paths: Paths,
    /// What a caller may ask for.
    pub limits: Limits,
    /// `RETRAIN_KEEP`, trained versions that are kept; 10. The live one and the one before it always are.
    pub retrain_keep: NonZeroUsize,
    /// `RETRAIN_SCHEDULE`, when a server retrains by itself; never.
    pub retrain_schedule: Option<Schedule>,
    /// `TIME_ZONE`, by whose clock a day begins, for uploads, commands, trainings and their schedule; Asia/Singapore.
    /// `RETRAIN_TZ` is its old name.
    pub time_zone: TimeZone,
    /// `RUST_LOG`, what is logged, such as `content_portal=debug`.
    pub log_filter: Option<String>,
}

/// Where data lives.
#[derive(Debug, Clone)]
pub struct Paths {
    /// `MODEL_DIR`; `./models`.
    pub models: PathBuf,
    /// `BASE_DATA_DIR`, what models are trained on; `./base_data`.
    pub base_data: PathBuf,
    /// `UPLOAD_DIR`, where every accepted upload is kept; `./uploads`.
    pub uploads: PathBuf,
    /// `IMAGE_DIR`, where pictures are kept; `./images`.
    pub images: PathBuf,
    /// `STATE_DIR`, what has to survive a restart, such as what is spent of the day's budget; `./state`.
    pub state: PathBuf,
    /// `PERSONA_PATH`, a JSON file of marketers' additions to the personas.
    pub personas: Option<PathBuf>,
    /// `SCHEMA_PATH`, a JSON file that names other customer columns.
    pub schema: Option<PathBuf>,
}

/// What a caller may ask for.
#[derive(Debug, Clone)]
pub struct Limits {
    /// `MAX_UPLOAD_MB`, megabytes of one uploaded file; 50.
    pub upload_bytes: u64,
    /// `UPLOAD_KEEP_DAYS`, days that an upload is kept since it was last sent; for ever without it.
    pub upload_keep_days: Option<NonZeroU32>,
    /// `UPLOAD_MAX_GB`, gigabytes that all kept uploads may hold together; no limit without it.
    pub upload_max_gb: Option<NonZeroU32>,
    /// `MIN_FREE_MB`, megabytes that must stay free where uploads are kept; 256.
    pub min_free_bytes: u64,
    /// `MAX_ROWS`, rows of one workbook; 1,000,000.
    pub rows: NonZeroUsize,
    /// `MAX_UNPACKED_MB`, megabytes of one `.xlsx` once it is unpacked; 1,024.
    pub unpacked_bytes: u64,
    /// `READER_MEMORY_MB`, megabytes of address space that reading one workbook may take; 1,024.
    pub reader_memory_bytes: u64,
    /// `READER_TIMEOUT_S`, seconds that reading one workbook may take; 8.
    pub reader_time: Duration,
    /// `MAX_MEMBERS`, customers listed in one answer; 20,000.
    pub members: usize,
    /// `WRITERS_AT_ONCE`, segments of one upload that are written side by side; 8.
    pub writers_at_once: NonZeroUsize,
}

/// Settings as they were read, whether or not they can be used.
#[derive(Debug)]
pub struct Loaded {
    /// The values; where a setting cannot be taken, its default.
    config: Config,
    /// Every setting, in the order in which they were read.
    pub settings: Vec<Setting>,
    /// One sentence for each name that is probably a mistake.
    pub warnings: Vec<String>,
    /// One sentence for each setting that cannot be taken.
    pub mistakes: Vec<String>,
}

/// Every mistake in the settings.
#[derive(Debug, thiserror::Error)]
#[error("the settings cannot be taken:\n  - {}", .0.join("\n  - "))]
pub struct ConfigErrors(pub Vec<String>);

impl Loaded {
    /// Reads the environment and `.env`.
    pub fn from_environment() -> Self {
        Self::from_variables(&Variables::of_process())
    }

    fn from_variables(variables: &Variables<'_>) -> Self {
        let mut read = Reader::new(variables);
        let config = Config::read(&mut read);
        let Reader { settings, mistakes, mut warnings, old_names, .. } = read;
        let names = settings.iter().map(|setting| setting.name).chain(old_names.iter().map(|(_, old)| *old));
        let known: Vec<String> = names.map(str::to_owned).collect();
        warnings.extend(variables.warnings(&known));
        Self { config, settings, warnings, mistakes: variables.mistakes(&known).chain(mistakes).collect() }
    }

    /// The settings, where all can be taken.
    ///
    /// # Errors
    /// [`ConfigErrors`] with every mistake.
    pub fn config(self) -> Result<Config, ConfigErrors> {
        if self.mistakes.is_empty() { Ok(self.config) } else { Err(ConfigErrors(self.mistakes)) }
    }
}

impl Config {
    fn read(read: &mut Reader<'_>) -> Self {
        let server = ServerConfig::read(read);
        let log_filter = read.value("RUST_LOG", Some("info".to_owned()), "a filter", |text| Some(text.to_owned()));
        let (writer, paths) = (WriterSettings::read(read), Paths::read(read));
        let time_zone = time_zone(read);
        let retrain_keep = read.parsed("RETRAIN_KEEP", VERSIONS_10, "a whole number of versions, 1 or more");
        Self {
            server,
            writer,
            paths,
            retrain_keep,
            retrain_schedule: schedule(read, &time_zone),
            time_zone,
            limits: Limits::read(read),
            log_filter,
        }
    }
}

impl Paths {
    fn read(read: &mut Reader<'_>) -> Self {
        Self {
            models: read.path("MODEL_DIR", "models"),
            base_data: read.path("BASE_DATA_DIR", "base_data"),
            uploads: read.path("UPLOAD_DIR", "uploads"),
            images: read.path("IMAGE_DIR", "images"),
            state: read.path("STATE_DIR", "state"),
            personas: read.optional_path("PERSONA_PATH"),
            schema: read.optional_path("SCHEMA_PATH"),
        }
    }
}

fn schedule(read: &mut Reader<'_>, zone: &TimeZone) -> Option<Schedule> {
    let expected = "off, quarterly, or a cron expression of five fields such as 0 2 1 * *";
    let parse = |text: &str| match text {
        off if off.eq_ignore_ascii_case("off") => Some(None),
        text => Schedule::new(text, zone.clone()).ok().map(Some),
    };
    read.value("RETRAIN_SCHEDULE", Some("off".to_owned()), expected, parse).flatten()
}

fn time_zone(read: &mut Reader<'_>) -> TimeZone {
    let default = "Asia/Singapore";
    let expected = "a time zone such as Asia/Singapore or Europe/Berlin";
    read.old_name("TIME_ZONE", "RETRAIN_TZ");
    let zone = read.value("TIME_ZONE", Some(default.to_owned()), expected, |name| TimeZone::get(name).ok());
    // The default is in the table of zones that the program brings along.
    zone.or_else(|| TimeZone::get(default).ok()).unwrap_or(TimeZone::UTC)
}

impl Limits {
    fn read(read: &mut Reader<'_>) -> Self {
        Self {
            upload_bytes: read.megabytes("MAX_UPLOAD_MB", 1, 50),
            upload_keep_days: read.limit("UPLOAD_KEEP_DAYS", "days"),
            upload_max_gb: read.limit("UPLOAD_MAX_GB", "gigabytes"),
            min_free_bytes: read.megabytes("MIN_FREE_MB", 0, 256),
            rows: read.parsed("MAX_ROWS", ROWS_1M, "a whole number of rows, 1 or more"),
            unpacked_bytes: read.megabytes("MAX_UNPACKED_MB", 1, 1_024),
            reader_memory_bytes: read.megabytes("READER_MEMORY_MB", MIN_READER_MB, 1_024),
            reader_time: read.seconds("READER_TIMEOUT_S", 8),
            members: read.parsed("MAX_MEMBERS", 20_000, "a whole number of rows"),
            writers_at_once: read.parsed("WRITERS_AT_ONCE", WRITERS_8, "a whole number, 1 or more"),
        }
    }
}

#[cfg(test)]
mod tests;
