//! The few numbers of `GET /status`: counted beside the registry, which only writes texts.

use std::array::from_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use serde_json::Value;

use crate::pipeline::Drift;

const BUCKETS: usize = 20;
/// The first bucket's bound, in milliseconds; each further one is twice the one before.
const FIRST_MS: f64 = 0.25;
/// Routes that look or that pages are made of: their requests are no work.
const LOOKS: [&str; 7] = ["/", "/console/{*file}", "/healthz", "/readyz", "/metrics", "/status", "/openapi.json"];

/// Routes whose requests may wait for a training, for as long as that takes: it is no overhead.
const TRAININGS: [&str; 3] = ["/retrain", "/retrain/{id}", "/compare"];

/// Requests by the class of their status, their overhead, the cost and the last upload's drift.
#[derive(Debug)]
pub(in crate::http) struct Totals {
    requests: [AtomicU64; 3],
    overhead: [AtomicU64; BUCKETS],
    cost_usd: AtomicU64,
    drift: Mutex<Option<Value>>,
}

impl Default for Totals {
    fn default() -> Self {
        Self {
            requests: from_fn(|_| AtomicU64::new(0)),
            overhead: from_fn(|_| AtomicU64::new(0)),
            cost_usd: AtomicU64::new(0),
            drift: Mutex::default(),
        }
    }
}

impl Totals {
    pub(super) fn add(&self, route: &str, status: StatusCode, overhead: Duration) {
        if LOOKS.contains(&route) || route.starts_with("/docs") {
            return;
        }
        let [ok, client_error, server_error] = &self.requests;
        let class = match status.as_u16() {
            ..400 => ok,
            400..500 => client_error,
            500.. => server_error,
        };
        class.fetch_add(1, Ordering::Relaxed);
        if TRAININGS.contains(&route) {
            return;
        }
        let milliseconds = overhead.as_secs_f64() * 1_000.0;
        let is_within = |bucket: &usize| milliseconds <= bound_ms(*bucket);
        let bucket = (0..BUCKETS).find(is_within).unwrap_or(BUCKETS - 1);
        if let Some(count) = self.overhead.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn spent(&self, cost_usd: f64) {
        self.cost_usd.store(cost_usd.to_bits(), Ordering::Relaxed);
    }

    pub(super) fn set_drift(&self, drift: &Drift) {
        *self.drift.lock().unwrap_or_else(PoisonError::into_inner) = serde_json::to_value(drift).ok();
    }

    /// Requests with a status of 2xx and 3xx, 4xx, 5xx.
    pub fn requests(&self) -> [u64; 3] {
        self.requests.each_ref().map(|count| count.load(Ordering::Relaxed))
    }

    /// Within how many milliseconds this share of the requests was answered, at the most; `None` before the first one.
    pub fn overhead_ms(&self, share: f64) -> Option<f64> {
        let counts = self.overhead.each_ref().map(|count| count.load(Ordering::Relaxed));
        let total: u64 = counts.iter().sum();
        let wanted = (share * total as f64).ceil() as u64;
        let mut sum = 0;
        let reached = counts.iter().position(|count| {
            sum += count;
            sum >= wanted
        });
        reached.filter(|_| total > 0).map(bound_ms)
    }

    /// Estimated cost since the start, in US dollars.
    pub fn cost_usd(&self) -> f64 {
        f64::from_bits(self.cost_usd.load(Ordering::Relaxed))
    }

    /// The last upload's drift.
    pub fn drift(&self) -> Option<Value> {
        self.drift.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn bound_ms(bucket: usize) -> f64 {
    FIRST_MS * f64::from(1_u32 << bucket.min(31))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_counted_by_class_and_looks_are_not() {
        let totals = Totals::default();
        for (route, status) in [("/upload-excel", 200), ("/models", 404), ("/models", 503), ("/status", 200)] {
            totals.add(route, StatusCode::from_u16(status).unwrap(), Duration::ZERO);
        }
        assert_eq!(totals.requests(), [1, 1, 1]);
        totals.add("/retrain", StatusCode::OK, Duration::from_secs(60));
        assert_eq!((totals.requests(), totals.overhead_ms(0.99)), ([2, 1, 1], Some(FIRST_MS)), "a training is awaited");
    }

    #[test]
    fn a_share_of_requests_is_within_the_bound_of_its_bucket() {
        let totals = Totals::default();
        assert_eq!(totals.overhead_ms(0.5), None);
        for milliseconds in [1, 1, 1, 100] {
            totals.add("/models", StatusCode::OK, Duration::from_millis(milliseconds));
        }
        assert_eq!((totals.overhead_ms(0.5), totals.overhead_ms(0.99)), (Some(1.0), Some(128.0)));
    }
}
