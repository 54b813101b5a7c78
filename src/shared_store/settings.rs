//! `STORE_URL` and the settings of S3, under the names that its own tools read.

use std::fs::File;

use url::Url;

use super::StoreUrl;
use crate::config::{Reader, Secret};

const ENDPOINT: &str = "AWS_ENDPOINT_URL";

/// Where the shared store is, and how it is entered.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// `STORE_URL`, the store that several servers share; none.
    pub url: Option<StoreUrl>,
    /// How S3 is reached.
    pub s3: S3Settings,
}

/// What is wrong with a setting. Never holds its value, which may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} {what}")]
pub struct WrongSetting {
    /// The setting.
    pub name: &'static str,
    /// The rest of the sentence.
    pub what: &'static str,
}

/// How S3, or a server that speaks its API, is reached.
#[derive(Debug, Clone, Default)]
pub struct S3Settings {
    /// `AWS_ACCESS_KEY_ID`.
    pub access_key_id: Option<Secret>,
    /// `AWS_SECRET_ACCESS_KEY`.
    pub secret_access_key: Option<Secret>,
    /// `AWS_SESSION_TOKEN`, of keys that are good for some hours.
    pub session_token: Option<Secret>,
    /// `AWS_REGION`; `us-east-1`.
    pub region: String,
    /// `AWS_ENDPOINT_URL`, the address of another server than Amazon's.
    pub endpoint: Option<String>,
    /// `AWS_ALLOW_HTTP`, whether that address may be an unencrypted one; 0.
    pub allow_http: bool,
    /// `AWS_ROLE_ARN`, the role that a Kubernetes service account stands for.
    pub role_arn: Option<String>,
    /// `AWS_WEB_IDENTITY_TOKEN_FILE`, the file of that account's token.
    pub web_identity_token_file: Option<String>,
}

impl Settings {
    /// Reads the settings of the shared store.
    pub fn read(read: &mut Reader<'_>) -> Self {
        let url = read.value("STORE_URL", None, StoreUrl::EXPECTED, |text| text.parse().ok());
        if url.is_none() {
            // What is wrong with it may be a key that stands in it.
            read.show("STORE_URL", |_| "(not an address of a store)".to_owned());
        }
        let s3 = S3Settings::read(read);
        if matches!(url, Some(StoreUrl::S3 { .. })) {
            s3.faults().iter().for_each(|wrong| read.mistake(wrong.name, wrong.what));
        }
        Self { url, s3 }
    }

    /// Whether a setting is one of these.
    pub fn is_one(name: &str) -> bool {
        name == "STORE_URL" || name.starts_with("AWS_")
    }
}

impl S3Settings {
    fn read(read: &mut Reader<'_>) -> Self {
        let endpoint = read.optional_text(ENDPOINT);
        if endpoint.as_ref().is_some_and(|address| address.contains('@')) {
            // What is before it may be a key.
            read.show(ENDPOINT, |_| "(an address with keys)".to_owned());
        }
        let others = [("1", true), ("false", false), ("true", true)];
        Self {
            access_key_id: read.secret("AWS_ACCESS_KEY_ID"),
            secret_access_key: read.secret("AWS_SECRET_ACCESS_KEY"),
            session_token: read.secret("AWS_SESSION_TOKEN"),
            region: read.text("AWS_REGION", "us-east-1"),
            endpoint,
            allow_http: read.choice("AWS_ALLOW_HTTP", ("0", false), &others),
            role_arn: read.optional_text("AWS_ROLE_ARN"),
            web_identity_token_file: read.optional_text("AWS_WEB_IDENTITY_TOKEN_FILE"),
        }
    }

    /// What would fail at the first call, or end the process there: these texts become headers and addresses.
    pub(super) fn faults(&self) -> Vec<WrongSetting> {
        let mut faults = Vec::new();
        let mut is_wrong = |name, what| faults.push(WrongSetting { name, what });
        let Self { access_key_id, secret_access_key, session_token, .. } = self;
        if access_key_id.is_some() != secret_access_key.is_some() {
            is_wrong("AWS_ACCESS_KEY_ID", "and AWS_SECRET_ACCESS_KEY must be set together");
        } else if session_token.is_some() && access_key_id.is_none() {
            is_wrong("AWS_SESSION_TOKEN", "needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY beside it");
        }
        for (name, secret) in [
            ("AWS_ACCESS_KEY_ID", access_key_id),
            ("AWS_SECRET_ACCESS_KEY", secret_access_key),
            ("AWS_SESSION_TOKEN", session_token),
        ] {
            if secret.as_ref().is_some_and(|secret| !is_visible(secret.expose())) {
                is_wrong(name, "must be one line of ASCII letters, digits and signs, without blanks");
            }
        }
        if self.role_arn.as_deref().is_some_and(|arn| !is_visible(arn)) {
            is_wrong("AWS_ROLE_ARN", "must look like arn:aws:iam::123456789012:role/name");
        }
        if !self.region.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
            is_wrong("AWS_REGION", "must be a region such as eu-central-1: letters, digits and hyphens");
        }
        if let Some(what) = self.endpoint.as_deref().and_then(|endpoint| fault_of_endpoint(endpoint, self.allow_http)) {
            is_wrong(ENDPOINT, what);
        }
        faults
    }

    /// Whether the token of a service account, where that is what yields keys, can be read.
    pub(super) fn fault_of_token_file(&self) -> Option<WrongSetting> {
        let file = self.web_identity_token_file.as_ref().filter(|_| self.access_key_id.is_none())?;
        let is_read = self.role_arn.is_none() || File::open(file).is_ok();
        (!is_read)
            .then_some(WrongSetting { name: "AWS_WEB_IDENTITY_TOKEN_FILE", what: "names a file that cannot be read" })
    }
}

/// What is wrong with the address of a server.
fn fault_of_endpoint(endpoint: &str, allow_http: bool) -> Option<&'static str> {
    const EXPECTED: &str = "must be an address such as https://minio.example.com:9000";
    let Ok(url) = Url::parse(endpoint) else { return Some(EXPECTED) };
    if !url.username().is_empty() || url.password().is_some() {
        return Some("must hold no keys: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
    }
    if !is_visible(endpoint) || !url.has_host() || url.query().is_some() || url.fragment().is_some() {
        return Some(EXPECTED);
    }
    match url.scheme() {
        "https" => None,
        "http" if allow_http => None,
        "http" => Some("is unencrypted: use an https address, or set AWS_ALLOW_HTTP=1 for a server on this machine"),
        _ => Some(EXPECTED),
    }
}

/// Whether a text can be in a header or an address as it is.
fn is_visible(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Loaded;

    fn loaded(pairs: &[(&str, &str)]) -> Loaded<Settings> {
        Loaded::from_pairs(pairs, "", Settings::read)
    }

    #[test]
    fn each_field_is_read_from_its_own_variable() {
        let all = [
            ("STORE_URL", "s3://ml/portal"),
            ("AWS_ACCESS_KEY_ID", "the-id"),
            ("AWS_SECRET_ACCESS_KEY", "the-key"),
            ("AWS_SESSION_TOKEN", "the-token"),
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ENDPOINT_URL", "http://localhost:9000"),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_ROLE_ARN", "the-role"),
            ("AWS_WEB_IDENTITY_TOKEN_FILE", "the-file"),
        ];
        let settings = loaded(&all).config().unwrap();
        assert_eq!(settings.url, "s3://ml/portal".parse().ok());
        assert!(all.iter().all(|(name, _)| Settings::is_one(name)));
        let S3Settings { access_key_id, secret_access_key, session_token, .. } = &settings.s3;
        let secrets = [access_key_id, secret_access_key, session_token].map(|key| key.as_ref().map(Secret::expose));
        assert_eq!(secrets, [Some("the-id"), Some("the-key"), Some("the-token")]);
        let S3Settings { region, endpoint, allow_http, role_arn, web_identity_token_file, .. } = settings.s3;
        assert_eq!((region.as_str(), endpoint.as_deref()), ("eu-central-1", Some("http://localhost:9000")));
        assert_eq!((allow_http, role_arn.as_deref()), (true, Some("the-role")));
        assert_eq!(web_identity_token_file.as_deref(), Some("the-file"));
    }

    #[test]
    fn keys_that_are_set_for_other_programs_are_no_mistake() {
        let pairs = [("AWS_ACCESS_KEY_ID", "the-id"), ("AWS_ENDPOINT_URL", "nonsense")];
        assert!(loaded(&pairs).config().unwrap().url.is_none());
    }

    #[test]
    fn what_would_fail_at_the_first_call_is_a_mistake_and_no_key_in_an_address_is_shown() {
        let mistakes = |pairs: &[(&str, &str)]| loaded(pairs).config().unwrap_err().to_string();
        let url = ("STORE_URL", "s3://ml/portal");
        assert!(mistakes(&[url, ("AWS_ACCESS_KEY_ID", "x")]).contains("must be set together"));
        assert!(mistakes(&[url, ("AWS_ENDPOINT_URL", "http://minio:9000")]).contains("AWS_ALLOW_HTTP=1"));
        let with_key = loaded(&[("STORE_URL", "s3://id:secret@ml/portal")]);
        assert!(!format!("{:?}", with_key.settings).contains("secret"));
        assert!(with_key.config().is_err());
        let with_key = loaded(&[url, ("AWS_ENDPOINT_URL", "https://id:secret@minio:9000")]);
        assert!(!format!("{:?}", with_key.settings).contains("secret"));
        assert!(with_key.config().unwrap_err().to_string().contains("must hold no keys"));
    }

    #[test]
    fn a_value_that_cannot_be_in_a_header_or_an_address_is_named_and_not_shown() {
        let keys =
            [("STORE_URL", "s3://ml/portal"), ("AWS_ACCESS_KEY_ID", "an-id"), ("AWS_SECRET_ACCESS_KEY", "a-key")];
        for (name, value) in [
            ("AWS_ACCESS_KEY_ID", "an hidden-id"),
            ("AWS_SECRET_ACCESS_KEY", "a-\nhidden-key"),
            ("AWS_SESSION_TOKEN", "a-\nhidden-token"),
            ("AWS_SESSION_TOKEN", "a-hidden-t\u{f6}ken"),
            ("AWS_REGION", "eu hidden"),
            ("AWS_REGION", "eu\nhidden"),
            ("AWS_REGION", "eu.hidden/"),
            ("AWS_ENDPOINT_URL", "hidden:9000"),
            ("AWS_ENDPOINT_URL", "hidden"),
            ("AWS_ENDPOINT_URL", "https://hid den"),
            ("AWS_ENDPOINT_URL", "https://hid\nden"),
            ("AWS_ENDPOINT_URL", "https://hidden/?a=b"),
            ("AWS_ENDPOINT_URL", "ftp://hidden"),
            ("AWS_ROLE_ARN", "a hidden role"),
        ] {
            let pairs: Vec<_> = keys.into_iter().filter(|(key, _)| *key != name).chain([(name, value)]).collect();
            let told = loaded(&pairs).config().unwrap_err().to_string();
            assert!(told.contains(name) && !told.contains("hid"), "{name} {value:?}: {told}");
        }
        let file = [("STORE_URL", "file:///srv/portal"), ("AWS_REGION", "for another program")];
        assert!(loaded(&file).config().is_ok());
    }
}
