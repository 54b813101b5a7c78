//! The offline writer: deterministic marketing texts without a key or a network.
//!
//! Texts are composed from phrases (`lines.txt`, `trades.txt`) that a hash of the brief chooses among: the same brief
//! always gives the same texts, each variant another. A post has a hook, a benefit and a call to action; it claims
//! nothing that the brief does not say and names no gender. For the writer beside it alone.

mod compose;
mod facts;
mod gender;
mod goal;
mod image;
mod phrases;
mod subject;

use facts::Facts;
use phrases::Phrases;

use super::writer::{Flags, TokenCounts, Written};
use super::{Brief, WriterConfigError};

/// How many times a variant that reads like an earlier one is composed anew.
const MAX_REWRITES: usize = 40;

/// The offline writer.
#[derive(Debug)]
pub(super) struct Offline {
    phrases: Phrases,
}

impl Offline {
    /// Parses the phrases.
    pub(super) fn new() -> Result<Self, WriterConfigError> {
        Ok(Self { phrases: Phrases::built_in()? })
    }

    /// Writes the content for a brief.
    pub(super) fn write(&self, brief: &Brief) -> Written {
        let facts = Facts::new(&self.phrases, brief);
        let output = brief.campaign.output();
        let variants =
            if output.wants_text() { self.variants(&facts, brief.campaign.n_variants()) } else { Vec::new() };
        let picture = output.wants_image().then(|| image::picture(&self.phrases, &facts));
        let (image_prompt, slogan) = picture.unzip();
        Written {
            variants,
            image_prompt,
            slogan,
            model: "offline".to_owned(),
            tokens: TokenCounts::default(),
            flags: Flags { is_offline: true, ..Flags::default() },
        }
    }

    fn variants(&self, facts: &Facts, n_variants: usize) -> Vec<String> {
        let mut variants: Vec<String> = Vec::with_capacity(n_variants);
        let mut turn = 0;
        while variants.len() < n_variants {
            let mut text = compose::post(&self.phrases, facts, turn);
            for _ in 0..MAX_REWRITES {
                if !variants.contains(&text) {
                    break;
                }
                turn += 1;
                text = compose::post(&self.phrases, facts, turn);
            }
            variants.push(text);
            turn += 1;
        }
        variants
    }
}

#[cfg(test)]
mod tests;
