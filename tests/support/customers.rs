//! Customers as lines of CSV, of kinds that are told apart with ease.
#![allow(dead_code, reason = "each test binary uses a part of it")]

pub const HEADER: &str = "Customer ID,Date Joined,Location,Gender,Loyalty Tier\n";

/// Where each kind of customers lives, and the first of the three months in which it joined.
const KINDS: [(char, [&str; 2], &str, i32); 4] = [
    ('A', ["Bedok", "Tampines"], "2022", 1),
    ('B', ["Yishun", "Woodlands"], "2023", 4),
    ('C', ["Clementi", "Queenstown"], "2024", 7),
    ('D', ["Punggol", "Sengkang"], "2025", 10),
];

/// `n` customers of a kind, numbered from `first`, as lines of CSV.
pub fn customers(kind: char, first: usize, n: usize) -> String {
    let (_, towns, year, month) = KINDS.into_iter().find(|(name, ..)| *name == kind).unwrap();
    let line = |i: usize| {
        let month = month + (i % 3) as i32;
        let (town, gender) = (towns[i / 3 % 2], ["Female", "Male"][i / 6 % 2]);
        let tier = ["Silver", "Gold", "Platinum"][i / 12 % 3];
        format!("{kind}{i},{year}-{month:02}-{:02},{town},{gender},{tier}\n", 1 + i % 28)
    };
    (first..first + n).map(line).collect()
}
