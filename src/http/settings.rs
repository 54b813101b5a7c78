//! What a server is given at its start: settings that it reads itself, and the parts that `main` puts together.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::sync::Arc;

use ipnet::IpNet;
use jiff::tz::TimeZone;
use url::{Host, Origin, Url};

use super::access::{Hosts, Key, Rules, TrustedProxies};
use crate::audit::AuditSettings;
use crate::config::{Reader, Secret, defaults, entries};
use crate::customer::Schema;
use crate::retrain::worker::Program;
use crate::schedule::{self, Schedule};
use crate::upload_store::UploadRules;
use crate::workbook;

/// Shorter keys can be guessed.
const MIN_KEY_BYTES: usize = 16;
/// The portal's own addresses.
const PORTAL: &str = "http://localhost:4200,http://127.0.0.1:4200";

/// The settings of a server.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `HOST` and `PORT`; 127.0.0.1:5000. Port 0 takes a free one.
    pub address: SocketAddr,
    /// `CONSOLE`, whether the page for people is served at `/`; on.
    pub console: bool,
    /// `ALLOW_ORIGINS`, comma separated, as browsers write them; the portal's two addresses. `*` stands for every
    /// origin, and for the first parts of a host in `https://*.example.com`.
    pub allow_origins: Vec<String>,
    /// `ALLOW_HOSTS`, comma separated host names that the server answers for, beside its addresses, `localhost` and the
    /// host of `PUBLIC_URL`; none. `*` stands for every one.
    pub allow_hosts: Hosts,
    /// `ALLOW_OPEN`, whether the server may listen beyond this machine without keys; 1.
    pub allow_open: bool,
    /// `PUBLIC_URL`, where callers reach the server; without one, answers name images by the host a request names.
    pub public_url: Option<String>,
    /// `ADMIN_KEY`, opens the routes for administrators; closed without one.
    pub admin_key: Option<Key>,
    /// `API_KEYS`, comma separated, one of which every caller needs; none. The administrators' key is one, too.
    pub api_keys: Vec<Key>,
    /// `KEYS_FILE`, keys with names and rights; none.
    pub keys_file: Option<PathBuf>,
    /// Where requests are noted.
    pub audit: AuditSettings,
    /// `LOG_ADDRESSES`, whether logs show addresses `whole` or `truncated`; truncated.
    pub logs_whole_addresses: bool,
    /// `TRUSTED_PROXIES`, comma separated, whose `X-Forwarded-For` is taken; none.
    pub trusted_proxies: TrustedProxies,
    /// `RATE_LIMIT_PER_MINUTE`, requests a minute by one API key or address; no limit.
    pub requests_per_minute: Option<NonZeroU32>,
    /// `MAX_CONNECTIONS`, at a time; 10,000.
    pub max_connections: NonZeroUsize,
    /// `UPLOAD_DIR`, where every accepted upload is kept; `uploads`.
    pub upload_dir: PathBuf,
    /// What bounds the uploads that are kept.
    pub upload_rules: UploadRules,
    /// `MAX_UPLOAD_MB`, megabytes of one uploaded file; 50.
    pub max_upload_bytes: u64,
    /// `MAX_MEMBERS`, customers listed in one answer; 20,000.
    pub max_members: usize,
    /// `WRITERS_AT_ONCE`, segments of one upload that are written side by side; 8.
    pub writers_at_once: NonZeroUsize,
    /// `TIME_ZONE`, by whose clock a day begins: dates after it are in the future; Asia/Singapore. `RETRAIN_TZ` is its
    /// old name.
    pub time_zone: TimeZone,
    /// `RETRAIN_SCHEDULE`, when a server retrains by itself; never.
    pub schedule: Option<Schedule>,
}

/// What a server works with.
#[derive(Debug, Clone)]
pub struct Parts {
    /// What is started for a retraining.
    pub program: Program,
    /// The columns that it learns from; workbooks that are sent for it must have them.
    pub schema: Arc<Schema>,
    /// Reads the workbooks of uploads.
    pub reader: workbook::Reader,
    /// `STATE_DIR`, the folder of the key of identifiers.
    pub state_dir: PathBuf,
}

impl Settings {
    /// Reads the settings of a server.
    pub fn read(read: &mut Reader<'_>) -> Self {
        let host = read.parsed("HOST", IpAddr::V4(Ipv4Addr::LOCALHOST), "an IP address such as 127.0.0.1");
        let port = read.parsed("PORT", 5000, "a port from 0 to 65535");
        let time_zone = schedule::time_zone(read);
        let (admin_key, api_keys) = (admin_key(read), api_keys(read));
        if admin_key.is_some_and(|admin_key| api_keys.iter().any(|key| key.is(&admin_key))) {
            read.mistake("ADMIN_KEY", "is one of API_KEYS, whose callers would be administrators: take another key");
        }
        Self {
            address: SocketAddr::new(host, port),
            console: read.choice("CONSOLE", ("on", true), &[("off", false)]),
            allow_origins: allow_origins(read),
            allow_hosts: allow_hosts(read),
            allow_open: read.choice("ALLOW_OPEN", ("1", true), &[("0", false)]),
            public_url: public_url(read),
            admin_key,
            api_keys,
            keys_file: read.optional_path("KEYS_FILE"),
            audit: AuditSettings::read(read),
            logs_whole_addresses: read.choice("LOG_ADDRESSES", ("truncated", false), &[("whole", true)]),
            trusted_proxies: trusted_proxies(read),
            requests_per_minute: read.limit("RATE_LIMIT_PER_MINUTE", "requests"),
            max_connections: read.count("MAX_CONNECTIONS", 10_000, "connections"),
            upload_dir: read.path("UPLOAD_DIR", "uploads"),
            upload_rules: UploadRules::read(read),
            max_upload_bytes: read.megabytes("MAX_UPLOAD_MB", 1, 50),
            max_members: read.parsed("MAX_MEMBERS", 20_000, "a whole number of rows"),
            writers_at_once: read.count("WRITERS_AT_ONCE", 8, "segments"),
            schedule: Schedule::read(read, &time_zone),
            time_zone,
        }
    }

    /// Who may do what.
    pub(super) fn access_rules(&self) -> Rules {
        Rules {
            api_keys: self.api_keys.clone(),
            admin_key: self.admin_key,
            keys_file: self.keys_file.clone(),
            trusted_proxies: self.trusted_proxies.clone(),
            requests_per_minute: self.requests_per_minute,
            shows_whole_addresses: self.logs_whole_addresses,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        defaults(Self::read)
    }
}

fn allow_hosts(read: &mut Reader<'_>) -> Hosts {
    let expected = "host names such as content.example.com or *.example.com, separated by commas and without a port; \
                    a * alone stands for every host";
    read.value("ALLOW_HOSTS", None, expected, |text| Hosts::new(entries(text))).unwrap_or_default()
}

fn allow_origins(read: &mut Reader<'_>) -> Vec<String> {
    let expected = "origins such as http://localhost:4200 or https://*.example.com, separated by commas; a * may stand \
                    alone, or for the first parts of a host";
    let all = |text: &str| {
        let origins: Option<Vec<String>> = entries(text).map(origin).collect();
        origins.filter(|origins| !origins.is_empty())
    };
    let origins = read.value("ALLOW_ORIGINS", Some(PORTAL.to_owned()), expected, all);
    origins.unwrap_or_else(|| entries(PORTAL).map(str::to_owned).collect())
}

/// An origin as browsers write it: in lower case, an international name in ASCII, without the usual port or a slash.
fn origin(entry: &str) -> Option<String> {
    if entry == "*" {
        return Some(entry.to_owned());
    }
    let (scheme, host) = entry.split_once("://")?;
    let (first, host) = host.strip_prefix("*.").map_or(("", host), |host| ("*.", host));
    let url = Url::parse(&format!("{scheme}://{host}")).ok()?;
    let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    let Origin::Tuple(scheme, host, _) = url.origin() else { return None };
    // Every host below a whole top-level domain is no group that anybody means.
    let is_group_of_hosts = matches!(&host, Host::Domain(domain) if domain.contains('.'));
    let host = host.to_string();
    if !is_bare || host.contains('*') || !(first.is_empty() || is_group_of_hosts) || !scheme.starts_with("http") {
        return None;
    }
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    Some(format!("{scheme}://{first}{host}{port}"))
}

fn public_url(read: &mut Reader<'_>) -> Option<String> {
    let expected = "an address such as https://content.example.com";
    read.value("PUBLIC_URL", None, expected, |text| {
        let url = text.trim_end_matches('/');
        let host = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"))?;
        let is_plain = !host.is_empty() && host.bytes().all(|b| b.is_ascii_graphic() && !b"@?#".contains(&b));
        is_plain.then(|| url.to_owned())
    })
}

fn admin_key(read: &mut Reader<'_>) -> Option<Key> {
    let key = read.secret("ADMIN_KEY")?;
    check_keys(read, "ADMIN_KEY", std::slice::from_ref(&key));
    Some(Key::new(key.expose()))
}

/// Keys between commas or in lines of their own; in a file a line may be a comment.
fn api_keys(read: &mut Reader<'_>) -> Vec<Key> {
    let Some(secret) = read.secret("API_KEYS") else {
        for name in ["API_KEYS", "API_KEYS_FILE"] {
            read.warn_if_blank(name, "so no caller needs a key: name one, or leave it out");
        }
        return Vec::new();
    };
    let lines = secret.expose().lines().filter(|line| !line.trim_start().starts_with('#'));
    let keys: Vec<Secret> = lines.flat_map(entries).filter_map(Secret::new).collect();
    if keys.is_empty() {
        read.mistake("API_KEYS", "holds no key, and without one everybody may call: name one, or leave it out");
    }
    check_keys(read, "API_KEYS", &keys);
    let n_keys = keys.len();
    read.show("API_KEYS", |_| if n_keys == 1 { "(1 key)".to_owned() } else { format!("({n_keys} keys)") });
    keys.iter().map(|key| Key::new(key.expose())).collect()
}

fn check_keys(read: &mut Reader<'_>, name: &str, keys: &[Secret]) {
    if keys.iter().any(|key| key.expose().len() < MIN_KEY_BYTES) {
        read.mistake(name, &format!("must be at least {MIN_KEY_BYTES} characters long"));
    }
    // No header carries another one, so that nobody could ever call with such a key.
    if keys.iter().any(|key| !key.expose().bytes().all(|byte| byte.is_ascii_graphic())) {
        read.mistake(name, "must be of letters, digits and signs without a blank; a comma separates keys");
    }
}

fn trusted_proxies(read: &mut Reader<'_>) -> TrustedProxies {
    let network = |entry: &str| entry.parse::<IpAddr>().map(IpNet::from).or_else(|_| entry.parse()).ok();
    let expected = "addresses or networks such as 127.0.0.1, 10.0.0.0/8";
    let all = |text: &str| entries(text).map(network).collect();
    TrustedProxies::new(read.value("TRUSTED_PROXIES", None, expected, all).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Loaded;
    use crate::upload_store::{KeepUploads, TrainOn};

    #[test]
    fn each_field_is_read_from_its_own_variable() {
        let all = [
            ("HOST", "::1"),
            ("PORT", "5001"),
            ("ALLOW_ORIGINS", "https://a.example"),
            ("ALLOW_HOSTS", "c.example"),
            ("ALLOW_OPEN", "0"),
            ("PUBLIC_URL", "https://b.example/"),
            ("ADMIN_KEY", "a-key-of-the-administrators"),
            ("API_KEYS", "a-key-of-the-portal"),
            ("KEYS_FILE", "the-keys"),
            ("LOG_ADDRESSES", "whole"),
            ("TRUSTED_PROXIES", "10.0.0.0/8"),
            ("RATE_LIMIT_PER_MINUTE", "11"),
            ("MAX_CONNECTIONS", "12"),
            ("UPLOAD_DIR", "the-uploads"),
            ("UPLOAD_KEEP_DAYS", "13"),
            ("UPLOAD_MAX_GB", "14"),
            ("MIN_FREE_MB", "15"),
            ("KEEP_UPLOADS", "Columns"),
            ("TRAIN_ON_UPLOADS", "off"),
            ("MAX_UPLOAD_MB", "16"),
            ("MAX_MEMBERS", "17"),
            ("WRITERS_AT_ONCE", "18"),
            ("TIME_ZONE", "Europe/Berlin"),
            ("RETRAIN_SCHEDULE", "15 4 * * 1"),
        ];
        let read = Loaded::from_pairs(&all, "", Settings::read).config().unwrap();
        assert_eq!(
            (read.address.to_string().as_str(), read.allow_origins.as_slice()),
            ("[::1]:5001", &["https://a.example".to_owned()][..])
        );
        assert_eq!(read.public_url.as_deref(), Some("https://b.example"));
        assert_eq!((read.allow_hosts, read.allow_open), (Hosts::new(["c.example"]).unwrap(), false));
        assert_eq!((read.keys_file, read.logs_whole_addresses), (Some(PathBuf::from("the-keys")), true));
        assert!(read.admin_key.unwrap().is(&Key::new("a-key-of-the-administrators")));
        assert!(matches!(read.api_keys.as_slice(), [key] if key.is(&Key::new("a-key-of-the-portal"))));
        assert_eq!(read.trusted_proxies, TrustedProxies::new(vec!["10.0.0.0/8".parse().unwrap()]));
        assert_eq!((read.requests_per_minute.unwrap().get(), read.max_connections.get()), (11, 12));
        let day = std::time::Duration::from_secs(86_400);
        assert_eq!((read.upload_dir, read.upload_rules.keep_for), (PathBuf::from("the-uploads"), Some(13 * day)));
        assert_eq!((read.upload_rules.max_total_bytes, read.upload_rules.min_free_bytes), (Some(14 << 30), 15 << 20));
        assert_eq!((read.upload_rules.keep, read.upload_rules.train_on), (KeepUploads::Columns, TrainOn::Off));
        assert_eq!((read.max_upload_bytes, read.max_members, read.writers_at_once.get()), (16 << 20, 17, 18));
        assert_eq!(read.time_zone.iana_name(), Some("Europe/Berlin"));
        let next = read.schedule.unwrap().next_after("2026-11-22T00:00:00Z".parse().unwrap()).unwrap();
        assert_eq!(next.to_string(), "2026-11-23T04:15:00+01:00[Europe/Berlin]");
    }

    #[test]
    fn a_list_of_keys_that_is_set_to_nothing_is_warned_of() {
        for name in ["API_KEYS", "API_KEYS_FILE"] {
            let loaded = Loaded::from_pairs(&[(name, "\"\"")], "", Settings::read);
            let warning =
                format!("{name} is set to nothing (environment), so no caller needs a key: name one, or leave it out");
            assert_eq!(loaded.warnings, [warning]);
        }
        let mut file = tempfile::NamedTempFile::new().unwrap();
        std::io::Write::write_all(&mut file, b"a-key-of-the-portal").unwrap();
        let other = [("API_KEYS", ""), ("API_KEYS_FILE", file.path().to_str().unwrap())];
        assert!(Loaded::from_pairs(&other, "", Settings::read).warnings.is_empty(), "the file counts");
    }

    #[test]
    fn an_origin_is_written_as_a_browser_writes_it() {
        for (entry, written) in [
            ("*", "*"),
            ("http://localhost:4200/", "http://localhost:4200"),
            ("HTTPS://Portal.Example.com:443", "https://portal.example.com"),
            ("http://münchen.example", "http://xn--mnchen-3ya.example"),
            ("http://[::1]:4200", "http://[::1]:4200"),
            ("https://*.example.com", "https://*.example.com"),
            ("https://*.Example.com:8443/", "https://*.example.com:8443"),
        ] {
            assert_eq!(origin(entry).as_deref(), Some(written), "{entry}");
        }
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for entry in [
            "localhost:4200",
            "portal.example.com",
            "http://",
            "http://localhost:4200/app",
            "http://me@localhost",
            "ftp://example.com",
            "https://*",
            "https://*.com",
            "https://*.0.0.1",
            "https://*.*.example.com",
            "https://portal*.example.com",
            "https://portal.*.com",
            "*.example.com",
            "null",
        ] {
            assert_eq!(origin(entry), None, "{entry}");
        }
    }
}
