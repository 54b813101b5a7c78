//! `STORE_URL` and the settings of S3, under the names that its own tools read.

use url::Url;

use super::StoreUrl;
use crate::config::{Reader, Secret};

/// Where the shared store is, and how it is entered.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// `STORE_URL`, the store that several servers share; none.
    pub url: Option<StoreUrl>,
    /// How S3 is reached.
    pub s3: S3Settings,
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
        if url.is_some() {
            s3.check(read);
        }
        Self { url, s3 }
    }

    /// The secrets by their names, for a child process that has to reach the store as well.
    pub fn secrets(&self) -> Vec<(String, String)> {
        let S3Settings { access_key_id, secret_access_key, session_token, .. } = &self.s3;
        let secrets = [
            ("AWS_ACCESS_KEY_ID", access_key_id),
            ("AWS_SECRET_ACCESS_KEY", secret_access_key),
            ("AWS_SESSION_TOKEN", session_token),
        ];
        let set = secrets.into_iter().filter_map(|(name, secret)| Some((name, secret.as_ref()?)));
        set.filter(|_| self.url.is_some()).map(|(name, secret)| (name.to_owned(), secret.expose().to_owned())).collect()
    }
}

impl S3Settings {
    fn read(read: &mut Reader<'_>) -> Self {
        let flag = |text: &str| match text.to_ascii_lowercase().as_str() {
            "1" | "true" => Some(true),
            "0" | "false" => Some(false),
            _ => None,
        };
        Self {
            access_key_id: read.secret("AWS_ACCESS_KEY_ID"),
            secret_access_key: read.secret("AWS_SECRET_ACCESS_KEY"),
            session_token: read.secret("AWS_SESSION_TOKEN"),
            region: read.text("AWS_REGION", "us-east-1"),
            endpoint: read.optional_text("AWS_ENDPOINT_URL"),
            allow_http: read.value("AWS_ALLOW_HTTP", Some("0".to_owned()), "1 or 0", flag).unwrap_or_default(),
            role_arn: read.optional_text("AWS_ROLE_ARN"),
            web_identity_token_file: read.optional_text("AWS_WEB_IDENTITY_TOKEN_FILE"),
        }
    }

    /// Says what would fail at the first call.
    fn check(&self, read: &mut Reader<'_>) {
        if self.access_key_id.is_some() != self.secret_access_key.is_some() {
            read.mistake("AWS_ACCESS_KEY_ID", "and AWS_SECRET_ACCESS_KEY must be set together");
        }
        let Some(endpoint) = &self.endpoint else { return };
        match Url::parse(endpoint).as_ref().map(Url::scheme) {
            Ok("https") => {}
            Ok("http") if self.allow_http => {}
            Ok("http") => read.mistake(
                "AWS_ENDPOINT_URL",
                "is unencrypted: use an https address, or set AWS_ALLOW_HTTP=1 for a server on this machine",
            ),
            _ => read.mistake("AWS_ENDPOINT_URL", "must be an address that begins with https://"),
        }
    }
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
        let secrets = settings.secrets();
        assert_eq!(
            secrets.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>(),
            ["the-id", "the-key", "the-token"]
        );
        let S3Settings { region, endpoint, allow_http, role_arn, web_identity_token_file, .. } = settings.s3;
        assert_eq!((region.as_str(), endpoint.as_deref()), ("eu-central-1", Some("http://localhost:9000")));
        assert_eq!((allow_http, role_arn.as_deref()), (true, Some("the-role")));
        assert_eq!(web_identity_token_file.as_deref(), Some("the-file"));
    }

    #[test]
    fn keys_that_are_set_for_other_programs_are_handed_to_nobody() {
        let pairs = [("AWS_ACCESS_KEY_ID", "the-id"), ("AWS_ENDPOINT_URL", "nonsense")];
        let settings = loaded(&pairs).config().unwrap();
        assert!(settings.url.is_none() && settings.secrets().is_empty());
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
    }
}
