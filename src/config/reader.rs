//! Settings as text, one at a time, and every mistake in them.

use std::io;
use std::net::IpAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use jiff::tz::TimeZone;

use super::{Secret, WriterKind, WriterSettings};
use crate::schedule::Schedule;

/// A key that can be guessed is no key.
const MIN_KEY_BYTES: usize = 16;
pub(super) const CONNECTIONS_10K: NonZeroUsize = NonZeroUsize::MIN.saturating_add(9_999);
/// The program alone takes up some of the reader's memory; less would refuse every workbook.
pub(super) const MIN_READER_MB: u32 = 128;
pub(super) const ROWS_1M: NonZeroUsize = NonZeroUsize::MIN.saturating_add(999_999);
pub(super) const VERSIONS_10: NonZeroUsize = NonZeroUsize::MIN.saturating_add(9);
pub(super) const WRITERS_8: NonZeroUsize = NonZeroUsize::MIN.saturating_add(7);

/// What reads them, from whatever answers for one name.
pub(super) struct Reader<'a> {
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    pub mistakes: Vec<String>,
}

impl Reader<'_> {
    pub fn text(&self, name: &str) -> Option<String> {
        (self.variable)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    pub fn path(&self, name: &str) -> Option<PathBuf> {
        self.text(name).map(PathBuf::from)
    }

    pub fn parsed<T: std::str::FromStr>(&mut self, name: &str, default: T, expected: &str) -> T {
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
    pub fn megabytes(&mut self, name: &str, default: u32, least: u32) -> u64 {
        let megabytes: u32 = self.parsed(name, default, &format!("{least} or more megabytes"));
        if megabytes < least {
            self.mistakes.push(format!("{name} must be {least} or more megabytes"));
        }
        u64::from(megabytes) << 20
    }

    pub fn seconds(&mut self, name: &str, default: u32) -> Duration {
        let seconds: u32 = self.parsed(name, default, "a whole number of seconds, 1 or more");
        if seconds == 0 {
            self.mistakes.push(format!("{name} must be a whole number of seconds, 1 or more"));
        }
        Duration::from_secs(seconds.into())
    }

    pub fn list(&self, name: &str) -> Vec<String> {
        let text = self.text(name).unwrap_or_default();
        text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(str::to_owned).collect()
    }

    pub fn dollars(&mut self, name: &str) -> Option<f64> {
        let usd = self.text(name)?.parse().ok().filter(|usd: &f64| usd.is_finite() && *usd > 0.0);
        if usd.is_none() {
            self.mistakes.push(format!("{name} must be US dollars, more than 0, such as 2.50"));
        }
        usd
    }

    /// `TIME_ZONE`, or what its old name says.
    pub fn time_zone(&mut self) -> TimeZone {
        let (new, old) = (self.text("TIME_ZONE"), self.text("RETRAIN_TZ"));
        if new.is_some() && old.is_some() && new != old {
            let mistake = "RETRAIN_TZ is the old name of TIME_ZONE, which is set as well: remove RETRAIN_TZ";
            self.mistakes.push(mistake.to_owned());
        }
        let name = if new.is_none() && old.is_some() { "RETRAIN_TZ" } else { "TIME_ZONE" };
        let text = new.or(old).unwrap_or_else(|| "Asia/Singapore".to_owned());
        TimeZone::get(&text).unwrap_or_else(|_| {
            self.mistakes.push(format!("{name} must be a time zone such as Asia/Singapore or Europe/Berlin"));
            TimeZone::UTC
        })
    }

    pub fn schedule(&mut self, zone: &TimeZone) -> Option<Schedule> {
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

    pub fn origins(&mut self) -> Vec<String> {
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

    pub fn admin_key(&mut self) -> Option<Secret> {
        let key = self.secret("ADMIN_KEY")?;
        self.check_length("ADMIN_KEY", &key);
        Some(key)
    }

    pub fn api_keys(&mut self) -> Vec<Secret> {
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

    pub fn trusted_proxies(&mut self) -> Vec<IpNet> {
        let text = self.text("TRUSTED_PROXIES").unwrap_or_default();
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        let network = |entry: &str| entry.parse::<IpAddr>().map(IpNet::from).or_else(|_| entry.parse());
        entries.map(network).collect::<Result<_, _>>().unwrap_or_else(|_| {
            let expected = "must be addresses or networks such as 127.0.0.1, 10.0.0.0/8";
            self.mistakes.push(format!("TRUSTED_PROXIES {expected}"));
            Vec::new()
        })
    }

    pub fn one_or_more(&mut self, name: &str, things: &str) -> Option<NonZeroU32> {
        let parsed = self.text(name)?.parse().ok();
        if parsed.is_none() {
            self.mistakes.push(format!("{name} must be 1 or more {things}"));
        }
        parsed
    }

    pub fn public_url(&mut self) -> Option<String> {
        let url = self.text("PUBLIC_URL")?.trim_end_matches('/').to_owned();
        let host = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
        if !host
            .is_some_and(|host| !host.is_empty() && host.bytes().all(|b| b.is_ascii_graphic() && !b"@?#".contains(&b)))
        {
            self.mistakes.push("PUBLIC_URL must be an address such as https://content.example.com".to_owned());
        }
        Some(url)
    }

    pub fn writer(&mut self) -> WriterSettings {
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
