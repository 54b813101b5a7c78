//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07): a repeated request gets the first answer, and no
//! text is written or paid for twice.
//!
//! Answers are stored by client and key, so that no client can read another's. A fingerprint of the request is stored
//! beside them, so that a key with another request is rejected. Concurrent duplicates wait for the first request, which
//! runs to its end even when its client disconnects. Only successes are stored, in memory and for a day; a failed
//! request may be repeated.

mod error;
mod memory;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, header};
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tokio::task::JoinError;
use tokio::time::{Instant, timeout_at};
use tracing::Instrument;

use crate::model_store::VersionId;
pub use error::IdempotencyError;
use error::MAX_KEY_CHARS;
use memory::{Found, Memory};

/// Carries the key.
pub(super) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Marks an answer that was given before.
pub(super) const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// How long a duplicate waits for the first request: longer than texts and pictures take together.
const MAX_WAIT: Duration = Duration::from_secs(300);

/// A key, as a client sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct IdempotencyKey(String);

/// A request with a key: client and key as `id`, path and body as `fingerprint`. Answers are counted by `client`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Claim {
    id: [u8; 32],
    client: [u8; 32],
    fingerprint: [u8; 32],
}

/// Whose key it is, by which admission counts clients.
#[derive(Debug)]
pub(super) struct Whose {
    /// What tells the client from others.
    pub identity: Vec<u8>,
    /// The same of its network, which a site with many clients has as one.
    pub network: Vec<u8>,
}

/// A stored answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stored {
    /// The JSON of the answer.
    pub json: Arc<str>,
    /// The model version that it was made with.
    pub version: VersionId,
}

/// What to do with a request that has a key.
pub(super) enum Turn {
    /// Run it.
    First(First),
    /// Return the stored answer.
    Again(Stored),
}

/// The stored answers. Cheap to clone; all clones share them.
#[derive(Clone, Default)]
pub(super) struct Idempotency(Arc<Mutex<Memory>>);

/// The first request with its key. When it is dropped without an answer, the next request with that key becomes the
/// first.
pub(super) struct First {
    idempotency: Idempotency,
    claim: Claim,
    /// Duplicates wait until this is dropped.
    _running: watch::Sender<()>,
}

impl IdempotencyKey {
    /// The key that a request carries, if any: a quoted string (RFC 8941, 3.3.3) as the draft has it, or the bare text
    /// that many clients send.
    ///
    /// # Errors
    /// [`IdempotencyError::BadKey`].
    pub fn of(headers: &HeaderMap) -> Result<Option<Self>, IdempotencyError> {
        let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
        let Some(value) = values.next() else { return Ok(None) };
        let text = value.to_str().map_err(|_| IdempotencyError::BadKey)?.trim();
        let unquoted = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        let key = unquoted.unwrap_or(text);
        let is_key = (1..=MAX_KEY_CHARS).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic());
        if values.next().is_some() || !is_key {
            return Err(IdempotencyError::BadKey);
        }
        Ok(Some(Self(key.to_owned())))
    }
}

impl Claim {
    /// The claim of a request with `key` and `body` for `path`. Clients differ by their identity, and by their
    /// `Authorization`, which a proxy in front may check.
    pub fn new(key: &IdempotencyKey, whose: &Whose, headers: &HeaderMap, path: &str, body: &[u8]) -> Self {
        let Whose { identity, network } = whose;
        let authorization = headers.get(header::AUTHORIZATION).map(|value| value.as_bytes()).unwrap_or_default();
        Self {
            id: digest(&[identity, authorization, key.0.as_bytes()]),
            client: digest(&[network]),
            fingerprint: digest(&[path.as_bytes(), body]),
        }
    }
}

/// The digest of several parts. Each follows its length, so that different lists never give the same digest.
fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(part.len().to_le_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}

impl Idempotency {
    /// Whether to run the request; waits while another one with its key is running.
    ///
    /// # Errors
    /// [`IdempotencyError::OtherRequest`]; [`IdempotencyError::StillRunning`] after five minutes.
    pub async fn begin(&self, claim: Claim) -> Result<Turn, IdempotencyError> {
        let until = Instant::now() + MAX_WAIT;
        loop {
            let (running, ended) = watch::channel(());
            let found = self.memory().find_or_begin(claim.id, claim.fingerprint, ended, Instant::now());
            let mut ended = match found {
                Found::Begun => {
                    return Ok(Turn::First(First { idempotency: self.clone(), claim, _running: running }));
                }
                Found::Stored(answer) => return Ok(Turn::Again(answer)),
                Found::OtherRequest => return Err(IdempotencyError::OtherRequest),
                Found::Running(ended) => ended,
            };
            // Nothing is ever sent: the wait ends when the sender is dropped.
            if timeout_at(until, ended.changed()).await.is_err() {
                return Err(IdempotencyError::StillRunning);
            }
        }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl First {
    /// Runs `work` in its own task, which outlives the client's connection, and stores the JSON that `json_of` finds in
    /// its outcome, if any. Drops `held`, such as a slot, only then.
    ///
    /// # Errors
    /// When `work` panicked.
    pub async fn run<T: Send + 'static>(
        self,
        held: impl Send + 'static,
        version: VersionId,
        work: impl Future<Output = T> + Send + 'static,
        json_of: fn(&T) -> Option<&str>,
    ) -> Result<T, JoinError> {
        let working = async move {
            let outcome = work.await;
            if let Some(json) = json_of(&outcome) {
                self.store(Stored { json: json.into(), version });
            }
            drop(held);
            outcome
        };
        tokio::spawn(working.in_current_span()).await
    }

    fn store(self, answer: Stored) {
        self.idempotency.memory().store(self.claim, answer, Instant::now());
    }
}

impl Drop for First {
    fn drop(&mut self) {
        self.idempotency.memory().end(&self.claim.id);
    }
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use super::*;

    fn stored(json: &str) -> Stored {
        Stored { json: json.into(), version: VersionId::from_str("20261122T194851Z-2a945ef3").unwrap() }
    }

    fn claim(id: u8, fingerprint: u8) -> Claim {
        Claim { id: [id; 32], client: [1; 32], fingerprint: [fingerprint; 32] }
    }

    async fn first(idempotency: &Idempotency, claim: Claim) -> First {
        match idempotency.begin(claim).await.unwrap() {
            Turn::First(first) => first,
            Turn::Again(stored) => panic!("answered before: {stored:?}"),
        }
    }

    async fn again(idempotency: &Idempotency, claim: Claim) -> Stored {
        match idempotency.begin(claim).await.unwrap() {
            Turn::First(_) => panic!("not answered before"),
            Turn::Again(stored) => stored,
        }
    }

    #[test]
    fn a_key_is_one_text_of_plain_characters_with_or_without_quotes() {
        let key = |values: &[&[u8]]| {
            let headers = values.iter().map(|value| (IDEMPOTENCY_KEY, (*value).try_into().unwrap())).collect();
            IdempotencyKey::of(&headers)
        };
        let uuid = "8e03978e-40d5-43e8-bc93-6894a57f9324";
        for text in [uuid.to_owned(), format!("\"{uuid}\""), format!(" {uuid} ")] {
            assert_eq!(key(&[text.as_bytes()]), Ok(Some(IdempotencyKey(uuid.to_owned()))), "{text}");
        }
        assert_eq!(key(&[]), Ok(None));
        let long = "a".repeat(256);
        for values in
            [&[&b""[..]][..], &[b"\"\""], &[b"a b"], &["\u{e9}".as_bytes()], &[long.as_bytes()], &[b"a", b"b"]]
        {
            assert_eq!(key(values), Err(IdempotencyError::BadKey), "{values:?}");
        }
    }

    #[tokio::test]
    async fn an_answer_is_given_again_to_the_same_request_and_to_no_other() {
        let idempotency = Idempotency::default();
        first(&idempotency, claim(1, 1)).await.store(stored("{}"));
        assert_eq!(again(&idempotency, claim(1, 1)).await, stored("{}"));
        assert!(matches!(idempotency.begin(claim(1, 2)).await, Err(IdempotencyError::OtherRequest)));
        first(&idempotency, claim(2, 1)).await.store(stored("{\"of\": 2}"));
        assert_eq!(again(&idempotency, claim(1, 1)).await, stored("{}"));
    }

    #[tokio::test]
    async fn a_client_that_sends_ten_thousand_requests_pushes_out_no_answer_of_another() {
        let claim = |client: &str, network: &str, key: usize| {
            let whose = Whose { identity: client.into(), network: network.into() };
            Claim::new(&IdempotencyKey(key.to_string()), &whose, &HeaderMap::new(), "/generate-post", b"{}")
        };
        for of_many_addresses in [false, true] {
            let idempotency = Idempotency::default();
            for key in 0..3 {
                first(&idempotency, claim("polite", "polite", key)).await.store(stored("{\"of\": 1}"));
            }
            let greedy = |key: usize| {
                let client = if of_many_addresses { format!("greedy {key}") } else { "greedy".to_owned() };
                claim(&client, "greedy", key)
            };
            for key in 0..10_400 {
                first(&idempotency, greedy(key)).await.store(stored("{}"));
            }
            for key in 0..3 {
                assert_eq!(again(&idempotency, claim("polite", "polite", key)).await, stored("{\"of\": 1}"));
            }
            assert!(
                matches!(idempotency.begin(greedy(0)).await.unwrap(), Turn::First(_)),
                "its own oldest answer made room"
            );
        }
    }

    #[tokio::test]
    async fn a_duplicate_waits_for_the_first_and_becomes_the_first_where_that_fails() {
        let idempotency = Idempotency::default();
        let one = first(&idempotency, claim(1, 1)).await;
        let two = tokio::spawn({
            let idempotency = idempotency.clone();
            async move { first(&idempotency, claim(1, 1)).await }
        });
        tokio::task::yield_now().await;
        assert!(!two.is_finished());
        assert!(matches!(idempotency.begin(claim(1, 2)).await, Err(IdempotencyError::OtherRequest)));
        drop(one);
        let two = two.await.unwrap();
        let three = tokio::spawn({
            let idempotency = idempotency.clone();
            async move { again(&idempotency, claim(1, 1)).await }
        });
        tokio::task::yield_now().await;
        two.store(stored("{}"));
        assert_eq!(three.await.unwrap(), stored("{}"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_duplicate_waits_for_five_minutes_at_most() {
        let idempotency = Idempotency::default();
        let _first = first(&idempotency, claim(1, 1)).await;
        assert!(matches!(idempotency.begin(claim(1, 1)).await, Err(IdempotencyError::StillRunning)));
    }

    #[test]
    fn no_two_lists_of_parts_are_digested_alike() {
        assert_ne!(digest(&[b"ab", b"c"]), digest(&[b"a", b"bc"]));
        assert_ne!(digest(&[b"", b"a"]), digest(&[b"a", b""]));
    }
}
