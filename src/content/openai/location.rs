//! Where a server is reached: the addresses of its endpoints, made from the one that is configured.
//!
//! People configure the address that their server's documentation shows: with a slash at the end, with
//! `/chat/completions`, or with a query that every call needs, such as Azure's `?api-version=`. For the openai provider
//! and the choice of a provider.

use reqwest::Url;

const CHAT: &str = "/chat/completions";
const IMAGES: &str = "/images/generations";

/// The addresses of one server.
#[derive(Debug)]
pub(super) struct Location {
    /// The configured address, without an endpoint.
    pub(super) base: Url,
    /// `POST` texts here.
    pub(super) chat: Url,
    /// `POST` pictures here.
    pub(super) images: Url,
}

impl Location {
    /// The addresses of the server at `base_url`; `None` where that is no `http` or `https` URL.
    pub(super) fn new(base_url: &str) -> Option<Self> {
        let mut base = Url::parse(base_url.trim()).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
        base.set_fragment(None);
        let path = base.path().trim_end_matches('/');
        let path = [CHAT, IMAGES].iter().find_map(|endpoint| path.strip_suffix(endpoint)).unwrap_or(path);
        let path = path.trim_end_matches('/').to_owned();
        base.set_path(&path);
        let at = |endpoint: &str| {
            let mut url = base.clone();
            url.set_path(&format!("{path}{endpoint}"));
            url
        };
        Some(Self { chat: at(CHAT), images: at(IMAGES), base })
    }
}

/// Whether `base_url` is OpenAI's own API, which takes no call without a key; its regions have hosts of their own.
pub(in crate::content) fn is_openai_s_own(base_url: &str) -> bool {
    let url = Url::parse(base_url.trim()).ok();
    let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
    host == "api.openai.com" || host.ends_with(".api.openai.com")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_an_address_leads_to_the_same_endpoints() {
        for (base_url, chat, images) in [
            ("http://h:1/v1", "http://h:1/v1/chat/completions", "http://h:1/v1/images/generations"),
            (" http://h:1/v1/ ", "http://h:1/v1/chat/completions", "http://h:1/v1/images/generations"),
            ("http://h:1/v1/chat/completions", "http://h:1/v1/chat/completions", "http://h:1/v1/images/generations"),
            ("http://h:1/v1/chat/completions/", "http://h:1/v1/chat/completions", "http://h:1/v1/images/generations"),
            ("http://h:1/v1/images/generations", "http://h:1/v1/chat/completions", "http://h:1/v1/images/generations"),
            ("http://h:1", "http://h:1/chat/completions", "http://h:1/images/generations"),
            ("http://h:1/v1#x", "http://h:1/v1/chat/completions", "http://h:1/v1/images/generations"),
            (
                "https://a.example/openai/deployments/gpt%204/?api-version=2024-10-21",
                "https://a.example/openai/deployments/gpt%204/chat/completions?api-version=2024-10-21",
                "https://a.example/openai/deployments/gpt%204/images/generations?api-version=2024-10-21",
            ),
            (
                "https://a.example/openai/deployments/d/chat/completions?api-version=2024-10-21&x=%20",
                "https://a.example/openai/deployments/d/chat/completions?api-version=2024-10-21&x=%20",
                "https://a.example/openai/deployments/d/images/generations?api-version=2024-10-21&x=%20",
            ),
        ] {
            let location = Location::new(base_url).unwrap();
            assert_eq!((location.chat.as_str(), location.images.as_str()), (chat, images), "{base_url}");
        }
        for base_url in ["", "h:1/v1", "/v1", "ftp://h/v1", "http://"] {
            assert!(Location::new(base_url).is_none(), "{base_url}");
        }
    }

    #[test]
    fn openai_s_own_api_is_known_by_its_host_alone() {
        for own in ["https://api.openai.com/v1", "https://API.OpenAI.com", "https://eu.api.openai.com/v1/"] {
            assert!(is_openai_s_own(own), "{own}");
        }
        for other in [
            "http://localhost:11434/v1",
            "https://proxy.example/api.openai.com/v1",
            "https://api.openai.com.evil.example",
        ] {
            assert!(!is_openai_s_own(other), "{other}");
        }
    }
}
