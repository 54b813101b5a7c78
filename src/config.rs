//! Typed settings, each with its default and unit; the only reader of the environment.
//!
//! Values come from the process environment, then from a `.env` file in the working directory. An empty value counts
//! as not set. All mistakes are reported together. Imports the schedule alone of ours: `main` hands each module its own
//! part.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use jiff::tz::TimeZone;

use crate::schedule::Schedule;

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
    /// `RETRAIN_TZ`, whose clock the schedule and the days of trainings go by; Asia/Singapore.
    pub retrain_zone: TimeZone,
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
        let retrain_zone = read.zone("RETRAIN_TZ", "Asia/Singapore");
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
            retrain_schedule: read.schedule(&retrain_zone),
            retrain_zone,
            log_filter: read.text("RUST_LOG"),
            leftovers: ["FLASK_ENV", "FLASK_DEBUG"].into_iter().filter(|name| variable(name).is_some()).collect(),
        };
        if read.mistakes.is_empty() { Ok(config) } else { Err(ConfigErrors(read.mistakes)) }
    }
}

/// A key that can be guessed is no key.
const MIN_KEY_BYTES: usize = 16;
const CONNECTIONS_10K: NonZeroUsize = NonZeroUsize::MIN.saturating_add(9_999);
/// The program alone takes up some of the reader's memory; less would refuse every workbook.
const MIN_READER_MB: u32 = 128;
const ROWS_1M: NonZeroUsize = NonZeroUsize::MIN.saturating_add(999_999);
const VERSIONS_10: NonZeroUsize = NonZeroUsize::MIN.saturating_add(9);
const WRITERS_8: NonZeroUsize = NonZeroUsize::MIN.saturating_add(7);

struct Reader<'a> {
    variable: &'a dyn Fn(&str) -> Option<String>,
    mistakes: Vec<String>,
}

impl Reader<'_> {
    fn text(&self, name: &str) -> Option<String> {
        (self.variable)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        self.text(name).map(PathBuf::from)
    }

    fn parsed<T: std::str::FromStr>(&mut self, name: &str, default: T, expected: &str) -> T {
        match self.text(name).map(|text| text.parse()) {
            None => default,
            Some(Ok(value)) => value,
            Some(Err(_)) => {
                self.mistakes.push(format!("{name} must be {expected}"));
                default
            }
        }
    }

    /// So many megabytes, in bytes.
    fn megabytes(&mut self, name: &str, default: u32, least: u32) -> u64 {
        let megabytes: u32 = self.parsed(name, default, &format!("{least} or more megabytes"));
        if megabytes < least {
            self.mistakes.push(format!("{name} must be {least} or more megabytes"));
        }
        u64::from(megabytes) << 20
    }

    fn seconds(&mut self, name: &str, default: u32) -> Duration {
        let seconds: u32 = self.parsed(name, default, "a whole number of seconds, 1 or more");
        if seconds == 0 {
            self.mistakes.push(format!("{name} must be a whole number of seconds, 1 or more"));
        }
        Duration::from_secs(seconds.into())
    }

    fn list(&self, name: &str) -> Vec<String> {
        let text = self.text(name).unwrap_or_default();
        text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(str::to_owned).collect()
    }

    fn dollars(&mut self, name: &str) -> Option<f64> {
        let usd = self.text(name)?.parse().ok().filter(|usd: &f64| usd.is_finite() && *usd > 0.0);
        if usd.is_none() {
            self.mistakes.push(format!("{name} must be US dollars, more than 0, such as 2.50"));
        }
        usd
    }

    fn zone(&mut self, name: &str, default: &str) -> TimeZone {
        let text = self.text(name).unwrap_or_else(|| default.to_owned());
        TimeZone::get(&text).unwrap_or_else(|_| {
            self.mistakes.push(format!("{name} must be a time zone such as Asia/Singapore or Europe/Berlin"));
            TimeZone::UTC
        })
    }

    fn schedule(&mut self, zone: &TimeZone) -> Option<Schedule> {
        let text = self.text("RETRAIN_SCHEDULE").filter(|text| !text.eq_ignore_ascii_case("off"))?;
        let schedule = Schedule::new(&text, zone.clone());
        if schedule.is_err() {
            self.mistakes.push(
                "RETRAIN_SCHEDULE must be off, quarterly, or a cron expression of five fields such as 0 2 1 * *"
                    .to_owned(),
            );
        }
        schedule.ok()
    }

    fn origins(&mut self) -> Vec<String> {
        let text =
            self.text("ALLOW_ORIGINS").unwrap_or_else(|| "http://localhost:4200,http://127.0.0.1:4200".to_owned());
        let origins: Vec<String> =
            text.split(',').map(|origin| origin.trim().trim_end_matches('/').to_owned()).collect();
        let is_origin = |origin: &String| {
            let host = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
            origin == "*"
                || host.is_some_and(|host| !host.is_empty() && host.bytes().all(|b| b.is_ascii_graphic() && b != b'/'))
        };
        if !origins.iter().all(is_origin) {
            self.mistakes
                .push("ALLOW_ORIGINS must be origins such as http://localhost:4200, separated by commas".to_owned());
        }
        origins
    }

    /// A secret from the variable itself, from the file that `<name>_FILE` names, or from systemd's credential of this
    /// name in lower case.
    fn secret(&mut self, name: &str) -> Option<Secret> {
        if let Some(secret) = self.text(name) {
            return Some(Secret(secret));
        }
        let file = format!("{name}_FILE");
        let path = match self.path(&file) {
            Some(path) => path,
            None => self.path("CREDENTIALS_DIRECTORY")?.join(name.to_ascii_lowercase()),
        };
        match std::fs::read_to_string(&path) {
            Ok(text) => Some(text.trim()).filter(|text| !text.is_empty()).map(|text| Secret(text.to_owned())),
            // A service may have other credentials than this one.
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.text(&file).is_none() => None,
            Err(_) => {
                self.mistakes.push(format!("{file}: {} cannot be read as text", path.display()));
                None
            }
        }
    }

    fn admin_key(&mut self) -> Option<Secret> {
        let key = self.secret("ADMIN_KEY")?;
        self.check_length("ADMIN_KEY", &key);
        Some(key)
    }

    fn api_keys(&mut self) -> Vec<Secret> {
        let keys = self.secret("API_KEYS");
        let keys = keys.iter().flat_map(|keys| keys.expose().split([',', '\n'])).map(str::trim);
        let keys: Vec<_> = keys.filter(|key| !key.is_empty()).map(|key| Secret(key.to_owned())).collect();
        keys.iter().for_each(|key| self.check_length("API_KEYS", key));
        keys
    }

    fn check_length(&mut self, name: &str, key: &Secret) {
        if key.expose().len() < MIN_KEY_BYTES {
            self.mistakes.push(format!("{name} must be at least {MIN_KEY_BYTES} characters long"));
        }
    }

    fn trusted_proxies(&mut self) -> Vec<IpNet> {
        let text = self.text("TRUSTED_PROXIES").unwrap_or_default();
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        let network = |entry: &str| entry.parse::<IpAddr>().map(IpNet::from).or_else(|_| entry.parse());
        entries.map(network).collect::<Result<_, _>>().unwrap_or_else(|_| {
            let expected = "must be addresses or networks such as 127.0.0.1, 10.0.0.0/8";
            self.mistakes.push(format!("TRUSTED_PROXIES {expected}"));
            Vec::new()
        })
    }

    fn one_or_more(&mut self, name: &str, things: &str) -> Option<NonZeroU32> {
        let parsed = self.text(name)?.parse().ok();
        if parsed.is_none() {
            self.mistakes.push(format!("{name} must be 1 or more {things}"));
        }
        parsed
    }

    fn public_url(&mut self) -> Option<String> {
        let url = self.text("PUBLIC_URL")?.trim_end_matches('/').to_owned();
        let host = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
        if !host
            .is_some_and(|host| !host.is_empty() && host.bytes().all(|b| b.is_ascii_graphic() && !b"@?#".contains(&b)))
        {
            self.mistakes.push("PUBLIC_URL must be an address such as https://content.example.com".to_owned());
        }
        Some(url)
    }

    fn writer(&mut self) -> WriterSettings {
        let kind = match self.text("WRITER").map(|kind| kind.to_ascii_lowercase()).as_deref() {
            None | Some("auto") => WriterKind::Auto,
            Some("openai") => WriterKind::Openai,
            Some("offline") => WriterKind::Offline,
            Some(_) => {
                self.mistakes.push("WRITER must be auto, openai or offline".to_owned());
                WriterKind::Auto
            }
        };
        let settings = WriterSettings {
            kind,
            api_key: self.secret("OPENAI_API_KEY"),
            base_url: self.text("OPENAI_BASE_URL"),
            model: self.text("OPENAI_MODEL"),
            fallback_models: self.list("OPENAI_FALLBACK_MODELS"),
            image_model: self.text("OPENAI_IMAGE_MODEL"),
            timeout: self.seconds("OPENAI_TIMEOUT_S", 30),
            deadline: self.seconds("OPENAI_DEADLINE_S", 60),
            daily_budget_usd: self.dollars("DAILY_BUDGET_USD"),
            prompt_dir: self.path("PROMPT_DIR"),
            prices: self.path("PRICES_PATH"),
        };
        if settings.base_url.as_ref().is_some_and(|url| !url.starts_with("http://") && !url.starts_with("https://")) {
            self.mistakes.push("OPENAI_BASE_URL must begin with http:// or https://".to_owned());
        }
        if kind == WriterKind::Openai && settings.api_key.is_none() && settings.base_url.is_none() {
            self.mistakes
                .push("WRITER=openai needs OPENAI_API_KEY (or OPENAI_BASE_URL of a server without keys)".to_owned());
        }
        settings
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
            ("RETRAIN_TZ", "Atlantis/Capital"),
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
