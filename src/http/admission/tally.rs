//! How many of something each client, or each network, has.

use std::collections::HashMap;
use std::hash::Hash;

/// A number for each key; keys with none are forgotten.
#[derive(Debug)]
pub(super) struct Tally<K>(HashMap<K, usize>);

impl<K> Default for Tally<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Eq + Hash> Tally<K> {
    pub fn of(&self, key: &K) -> usize {
        self.0.get(key).copied().unwrap_or_default()
    }

    pub fn add(&mut self, key: K, n: usize) {
        if n > 0 {
            *self.0.entry(key).or_default() += n;
        }
    }

    pub fn remove(&mut self, key: &K, n: usize) {
        if let Some(count) = self.0.get_mut(key) {
            *count = count.saturating_sub(n);
            if *count == 0 {
                self.0.remove(key);
            }
        }
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}
