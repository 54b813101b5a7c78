//! What a poster shows, as the bytes in its name.

use super::super::super::images::MAX_POSTER_BYTES;
use super::super::super::{Platform, Tone};
use super::Order;

/// The first byte. Another one is needed when the same order would be drawn in another way: addresses are cached for
/// good.
const VERSION: u8 = 1;
/// Bytes before the slogan.
const HEAD_BYTES: usize = 12;

impl Order {
    /// The order as bytes. A slogan that is too long is cut.
    pub(in super::super) fn describe(&self) -> Vec<u8> {
        let index = |at: Option<usize>| at.and_then(|at| u8::try_from(at).ok()).unwrap_or_default();
        let tone = index(Tone::ALL.iter().position(|tone| *tone == self.tone));
        let platform = index(Platform::ALL.iter().position(|platform| *platform == self.platform));
        let mut bytes = vec![VERSION, tone, platform, u8::try_from(self.variant).unwrap_or_default()];
        bytes.extend(self.seed.to_le_bytes());
        bytes.extend(self.slogan.bytes());
        let mut end = bytes.len().min(MAX_POSTER_BYTES);
        while !self.slogan.is_char_boundary(end - HEAD_BYTES) {
            end -= 1;
        }
        bytes.truncate(end);
        bytes
    }

    /// The order that [`Order::describe`] made these bytes of.
    pub(in super::super) fn read(bytes: &[u8]) -> Option<Self> {
        let (head, slogan) = bytes.split_at_checked(HEAD_BYTES)?;
        let [VERSION, tone, platform, variant, seed @ ..] = head else { return None };
        Some(Self {
            slogan: std::str::from_utf8(slogan).ok()?.to_owned(),
            tone: *Tone::ALL.get(usize::from(*tone))?,
            platform: *Platform::ALL.get(usize::from(*platform))?,
            seed: u64::from_le_bytes(seed.try_into().ok()?),
            variant: usize::from(*variant),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_read_as_it_was_described() {
        for (tone, platform) in Tone::ALL.iter().flat_map(|tone| Platform::ALL.iter().map(move |other| (*tone, *other)))
        {
            let order =
                Order { slogan: "Warm up — für alle".to_owned(), tone, platform, seed: u64::MAX - 7, variant: 9 };
            assert_eq!(Order::read(&order.describe()), Some(order));
        }
        for bytes in [
            &b""[..],
            b"\x01",
            &[2; 20],
            &[1, 99, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            &[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff],
        ] {
            assert_eq!(Order::read(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn a_long_slogan_is_cut_between_characters() {
        for letter in ["a", "ä", "名"] {
            let order =
                Order { slogan: letter.repeat(600), tone: Tone::Fun, platform: Platform::Email, seed: 1, variant: 0 };
            let bytes = order.describe();
            assert!(bytes.len() <= MAX_POSTER_BYTES);
            let read = Order::read(&bytes).unwrap().slogan;
            assert!(order.slogan.starts_with(&read) && read.len() > MAX_POSTER_BYTES - HEAD_BYTES - 4);
        }
    }
}
