//! Customers and requests drawn at random, the same in every run.

use content_portal::customer::MONTHS;
use serde_json::{Value, json};

const TOWNS: [&str; 12] = [
    "Bedok",
    "Tampines",
    "Yishun",
    "Punggol",
    "Bishan",
    "Jurong West",
    "Woodlands",
    "Clementi",
    "Hougang",
    "Sengkang",
    "Queenstown",
    "Bukit Panjang",
];
const TIERS: [&str; 3] = ["Silver", "Gold", "Platinum"];
const GENDERS: [&str; 2] = ["Female", "Male"];

/// Words in windows-1252, UTF-8, windows-1251, Shift_JIS and windows-1250.
const WORDS_IN_ENCODINGS: [&[u8]; 5] = [
    b"Z\xfcrich Stra\xdfe",
    "Köln".as_bytes(),
    b"\xcc\xee\xf1\xea\xe2\xe0",
    b"\x93\x8c\x8b\x9e\x93s",
    b"\xa3\xf3d\x9f \xaf\xf3\xb3\xe6",
];

/// Numbers that are the same in every run (SplitMix64).
pub struct Draws(u64);

impl Draws {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    /// One of 200 addresses that callers come from.
    pub fn caller(&mut self) -> String {
        format!("198.51.100.{}", 1 + self.below(200))
    }

    /// The smart form for a customer.
    pub fn form(&mut self, post_type: &str) -> Value {
        json!({
            "gender": self.one_of(&GENDERS), "location": self.one_of(&TOWNS), "loyalty_tier": self.one_of(&TIERS),
            "join_year": 2018 + self.below(8), "join_month": self.one_of(&MONTHS),
            "objective": "More visits on weekdays", "industry": "Bakery", "marketing_funnel_stage": "Consideration",
            "past_engagement": "Moderate", "platform": "Facebook", "post_type": post_type, "tone": "Fun",
            "num_variants": 1,
        })
    }

    /// A sheet of nearly `n_bytes` as CSV, in which every cell of text is in another encoding than the one before. Each
    /// has to be decoded by itself: no other file of its size takes the reader as long.
    pub fn mixed_sheet(&mut self, n_bytes: usize) -> Vec<u8> {
        let mut sheet = b"Customer ID,Date Joined,Location,Gender,Loyalty Tier\n".to_vec();
        let mut words = WORDS_IN_ENCODINGS.into_iter().cycle();
        for id in 0_u32.. {
            let mut row = format!("C{id},2020-01-0{}", 1 + id % 9).into_bytes();
            for word in words.by_ref().take(3) {
                row.extend([b",", word, self.below(1 << 30).to_string().as_bytes()].concat());
            }
            row.push(b'\n');
            if sheet.len() + row.len() > n_bytes {
                break;
            }
            sheet.extend(row);
        }
        sheet
    }

    /// A sheet of `n_rows` customers as CSV.
    pub fn sheet(&mut self, n_rows: usize) -> Vec<u8> {
        let mut sheet = "Customer ID,Date Joined,Location,Gender,Loyalty Tier\n".to_owned();
        for _ in 0..n_rows {
            let (year, month, day) = (2018 + self.below(8), 1 + self.below(12), 1 + self.below(28));
            let (town, gender, tier) = (self.one_of(&TOWNS), self.one_of(&GENDERS), self.one_of(&TIERS));
            sheet.push_str(&format!("C{},{year}-{month:02}-{day:02},{town},{gender},{tier}\n", self.next()));
        }
        sheet.into_bytes()
    }
}
