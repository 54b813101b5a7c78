//! Typed settings, each with its default and unit; the only reader of the environment.
//!
//! Values come from the process environment, then from a `.env` file in the working directory. An empty value counts
//! as not set. All mistakes are reported together. Imports the schedule alone of ours: `main` hands each module its own
//! part.

mod reader;

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use jiff::tz::TimeZone;

use crate::schedule::Schedule;

use reader::{CONNECTIONS_10K, MIN_READER_MB, ROWS_1M, Reader, VERSIONS_10, WRITERS_8};

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
    /// Settings of the service this one replaces that were found and mean nothing here.
    pub leftovers: Vec<&'static str>,
}

/// Where the server listens and for whom.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// `HOST` and `PORT`; 127.0.0.1:5000. Port 0 takes a free one.
    pub address: SocketAddr,
    /// `ALLOW_ORIGINS`, comma separated; the portal's two addresses. `*` stands for every origin.
    pub allow_origins: Vec<String>,
    /// `PUBLIC_URL`, where callers reach the server; without one, answers name images by the host a request names.
    pub public_url: Option<String>,
    /// `ADMIN_KEY`, opens the routes for administrators; closed without one.
    pub admin_key: Option<Secret>,
    /// `API_KEYS`, comma separated, one of which every caller needs; nobody needs one without them.
    pub api_keys: Vec<Secret>,
    /// `TRUSTED_PROXIES`, comma separated, whose `X-Forwarded-For` is taken; none.
    pub trusted_proxies: Vec<IpNet>,
}

/// Who writes the content.
#[derive(Debug, Clone)]
pub struct WriterSettings {
    /// `WRITER`; `auto` takes `openai` where a key is set and `offline` elsewhere.
    pub kind: WriterKind,
    /// `OPENAI_API_KEY`.
    pub api_key: Option<Secret>,
    /// `OPENAI_BASE_URL`, any server that speaks OpenAI's API.
    pub base_url: Option<String>,
    /// `OPENAI_MODEL`.
    pub model: Option<String>,
    /// `OPENAI_FALLBACK_MODELS`, comma separated, tried in this order where the model fails; none.
    pub fallback_models: Vec<String>,
    /// `OPENAI_IMAGE_MODEL`.
    pub image_model: Option<String>,
    /// `OPENAI_TIMEOUT_S`, seconds one try may take, of a text or a picture; 30.
    pub timeout: Duration,
    /// `OPENAI_DEADLINE_S`, seconds all tries of one answer may take together; 60.
    pub deadline: Duration,
    /// `DAILY_BUDGET_USD`, US dollars that a day's calls (UTC) may cost by the table of prices; no limit without one.
    pub daily_budget_usd: Option<f64>,
    /// `PROMPT_DIR`, templates in place of the built-in ones.
    pub prompt_dir: Option<PathBuf>,
    /// `PRICES_PATH`, a JSON file of prices laid over the built-in ones.
    pub prices: Option<PathBuf>,
}

/// Which writer is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriterKind {
    /// `openai` where a key is set, `offline` elsewhere.
    Auto,
    /// A server that speaks OpenAI's API.
    Openai,
    /// Deterministic text, made here.
    Offline,
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
    /// `RATE_LIMIT_PER_MINUTE`, requests a minute by one API key or address; no limit.
    pub requests_per_minute: Option<NonZeroU32>,
    /// `MAX_CONNECTIONS`, at a time; 10,000.
    pub connections: NonZeroUsize,
}

/// Text that no log, error or debug print shows.
#[derive(Clone)]
pub struct Secret(String);

/// Every mistake in the settings.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct ConfigErrors(pub Vec<String>);

impl Secret {
    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

impl Config {
    /// Reads the environment and `.env`.
    ///
    /// # Errors
    /// [`ConfigErrors`] with one sentence for each setting that cannot be taken, and for a `.env` that cannot be read.
    pub fn from_environment() -> Result<Self, ConfigErrors> {
        let mut file = HashMap::new();
        match dotenvy::from_path_iter(".env") {
            Ok(entries) => {
                for entry in entries {
                    // The parser's own message quotes the line, and the line may hold a key.
                    let (name, value) =
                        entry.map_err(|_| ConfigErrors(vec![".env has a line that is not NAME=value".to_owned()]))?;
                    file.insert(name, value);
                }
            }
            Err(e) if e.not_found() => {}
            Err(_) => return Err(ConfigErrors(vec![".env cannot be read".to_owned()])),
        }
        let set = |value: &String| !value.trim().is_empty();
        Self::from_variables(&|name| std::env::var(name).ok().filter(set).or_else(|| file.get(name).cloned()))
    }

    /// Reads the settings from `variable`, which answers for one name.
    ///
    /// # Errors
    /// [`ConfigErrors`] with one sentence for each setting that cannot be taken.
    pub fn from_variables(variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigErrors> {
        let mut read = Reader { variable, mistakes: Vec::new() };
        let host = read.parsed("HOST", IpAddr::V4(Ipv4Addr::LOCALHOST), "an IP address such as 127.0.0.1");
        let port = read.parsed("PORT", 5000, "a port from 0 to 65535");
        let time_zone = read.time_zone();
        let config = Self {
            server: ServerConfig {
                address: SocketAddr::new(host, port),
                allow_origins: read.origins(),
                public_url: read.public_url(),
                admin_key: read.admin_key(),
                api_keys: read.api_keys(),
                trusted_proxies: read.trusted_proxies(),
            },
            writer: read.writer(),
            paths: Paths {
                models: read.path("MODEL_DIR").unwrap_or_else(|| "models".into()),
                base_data: read.path("BASE_DATA_DIR").unwrap_or_else(|| "base_data".into()),
                uploads: read.path("UPLOAD_DIR").unwrap_or_else(|| "uploads".into()),
                images: read.path("IMAGE_DIR").unwrap_or_else(|| "images".into()),
                state: read.path("STATE_DIR").unwrap_or_else(|| "state".into()),
                personas: read.path("PERSONA_PATH"),
                schema: read.path("SCHEMA_PATH"),
            },
            limits: Limits {
                upload_bytes: read.megabytes("MAX_UPLOAD_MB", 50, 1),
                upload_keep_days: read.one_or_more("UPLOAD_KEEP_DAYS", "days"),
                upload_max_gb: read.one_or_more("UPLOAD_MAX_GB", "gigabytes"),
                min_free_bytes: u64::from(read.parsed("MIN_FREE_MB", 256_u32, "a number of megabytes")) << 20,
                rows: read.parsed("MAX_ROWS", ROWS_1M, "1 or more rows"),
                unpacked_bytes: read.megabytes("MAX_UNPACKED_MB", 1_024, 1),
                reader_memory_bytes: read.megabytes("READER_MEMORY_MB", 1_024, MIN_READER_MB),
                reader_time: read.seconds("READER_TIMEOUT_S", 8),
                members: read.parsed("MAX_MEMBERS", 20_000, "a number of rows"),
                writers_at_once: read.parsed("WRITERS_AT_ONCE", WRITERS_8, "1 or more"),
                requests_per_minute: read.one_or_more("RATE_LIMIT_PER_MINUTE", "requests"),
                connections: read.parsed("MAX_CONNECTIONS", CONNECTIONS_10K, "1 or more connections"),
            },
            retrain_keep: read.parsed("RETRAIN_KEEP", VERSIONS_10, "1 or more versions"),
            retrain_schedule: read.schedule(&time_zone),
            time_zone,
            log_filter: read.text("RUST_LOG"),
            leftovers: ["FLASK_ENV", "FLASK_DEBUG"].into_iter().filter(|name| variable(name).is_some()).collect(),
        };
        if read.mistakes.is_empty() { Ok(config) } else { Err(ConfigErrors(read.mistakes)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(pairs: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
        let pairs: HashMap<_, _> = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Config::from_variables(&|name| pairs.get(name).cloned())
    }

    #[test]
    fn nothing_set_gives_the_documented_defaults() {
        let config = config(&[]).unwrap();
        assert_eq!(config.server.address.to_string(), "127.0.0.1:5000");
        assert_eq!(config.server.allow_origins, ["http://localhost:4200", "http://127.0.0.1:4200"]);
        assert_eq!(config.writer.kind, WriterKind::Auto);
        assert_eq!((config.writer.image_model, config.writer.prices), (None, None));
        assert_eq!(config.paths.images, PathBuf::from("images"));
        assert_eq!(config.limits.upload_bytes, 50 << 20);
        assert_eq!((config.limits.unpacked_bytes, config.limits.reader_memory_bytes), (1 << 30, 1 << 30));
        assert_eq!(config.limits.reader_time, Duration::from_secs(8));
        assert_eq!((config.limits.upload_keep_days, config.limits.upload_max_gb), (None, None));
        assert_eq!(config.limits.min_free_bytes, 256 << 20);
        assert_eq!((config.limits.rows.get(), config.limits.members), (1_000_000, 20_000));
    }

    #[test]
    fn all_mistakes_are_reported_together() {
        let pairs = [
            ("PORT", "high"),
            ("WRITER", "me"),
            ("ALLOW_ORIGINS", "localhost"),
            ("OPENAI_TIMEOUT_S", "0"),
            ("MAX_UPLOAD_MB", "0"),
            ("READER_MEMORY_MB", "16"),
            ("READER_TIMEOUT_S", "soon"),
            ("PUBLIC_URL", "localhost:5000"),
            ("ADMIN_KEY", "short"),
            ("DAILY_BUDGET_USD", "0"),
            ("RETRAIN_SCHEDULE", "0 2 31 2 *"),
            ("TIME_ZONE", "Atlantis/Capital"),
            ("UPLOAD_KEEP_DAYS", "0"),
            ("UPLOAD_MAX_GB", "-1"),
            ("MIN_FREE_MB", "much"),
        ];
        let mistakes = config(&pairs).unwrap_err().0;
        for (name, _) in pairs {
            assert!(mistakes.iter().any(|m| m.starts_with(name)), "{name} in {mistakes:?}");
        }
    }

    #[test]
    fn a_budget_is_a_sum_and_fallbacks_are_a_list() {
        let config = config(&[("DAILY_BUDGET_USD", "2.50"), ("OPENAI_FALLBACK_MODELS", " gpt-4o, ,gpt-4.1 ")]).unwrap();
        assert_eq!(config.writer.daily_budget_usd, Some(2.5));
        assert_eq!(config.writer.fallback_models, ["gpt-4o", "gpt-4.1"]);
    }

    #[test]
    fn nothing_is_retrained_by_itself_unless_a_schedule_is_set() {
        let schedule = |pairs: &[(&str, &str)]| config(pairs).unwrap().retrain_schedule;
        for off in ["", "off", "OFF"] {
            assert!(schedule(&[("RETRAIN_SCHEDULE", off)]).is_none(), "{off}");
        }
        let next = |pairs| schedule(pairs).unwrap().next_after("2026-11-22T00:00:00Z".parse().unwrap()).unwrap();
        assert_eq!(next(&[("RETRAIN_SCHEDULE", "quarterly")]).to_string(), "2027-01-01T02:00:00+08:00[Asia/Singapore]");
        let berlin = next(&[("RETRAIN_SCHEDULE", "15 4 * * 1"), ("RETRAIN_TZ", "Europe/Berlin")]);
        assert_eq!(berlin.to_string(), "2026-11-23T04:15:00+01:00[Europe/Berlin]");
    }

    #[test]
    fn one_time_zone_is_set_by_its_new_name_or_its_old_one() {
        let zone = |pairs: &[(&str, &str)]| config(pairs).map(|c| c.time_zone.iana_name().unwrap().to_owned());
        assert_eq!(zone(&[]).unwrap(), "Asia/Singapore");
        assert_eq!(zone(&[("TIME_ZONE", "Europe/Berlin")]).unwrap(), "Europe/Berlin");
        assert_eq!(zone(&[("RETRAIN_TZ", "Europe/Berlin")]).unwrap(), "Europe/Berlin");
        assert_eq!(zone(&[("TIME_ZONE", "UTC"), ("RETRAIN_TZ", "UTC")]).unwrap(), "UTC");
        let both = zone(&[("TIME_ZONE", "UTC"), ("RETRAIN_TZ", "Europe/Berlin")]).unwrap_err().0;
        assert_eq!(both, ["RETRAIN_TZ is the old name of TIME_ZONE, which is set as well: remove RETRAIN_TZ"]);
    }

    #[test]
    fn an_empty_value_counts_as_not_set() {
        let config = config(&[("OPENAI_API_KEY", ""), ("PORT", " "), ("MODEL_DIR", "")]).unwrap();
        assert!(config.writer.api_key.is_none());
        assert_eq!(config.paths.models, PathBuf::from("models"));
    }

    #[test]
    fn a_key_never_shows_in_a_debug_print() {
        let config = config(&[("OPENAI_API_KEY", "sk-very-secret")]).unwrap();
        assert!(!format!("{config:?}").contains("very-secret"));
        assert_eq!(config.writer.api_key.unwrap().expose(), "sk-very-secret");
    }

    #[test]
    fn leftover_flask_settings_are_noticed_and_ignored() {
        assert_eq!(config(&[("FLASK_DEBUG", "1")]).unwrap().leftovers, ["FLASK_DEBUG"]);
    }
}
