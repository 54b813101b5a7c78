//! Drift: no alarm for other customers of the same population, and one for what a marketer calls a change.
//!
//! `DRIFT_RESAMPLES=400` takes more tables than the quick tests do, and prints the figures.
#![allow(clippy::print_stdout, reason = "the long run prints what it measured")]

use std::sync::{Arc, OnceLock};

use content_portal::customer::{CleaningReport, CustomerColumn, CustomerTable, Schema, Value};
use content_portal::pipeline::{Drift, DriftLevel, FitParams, Fitted, TrainingProfile, fit};
use jiff::civil::date;

const TOWNS: [&str; 27] = [
    "Ang Mo Kio",
    "Bedok",
    "Bishan",
    "Bukit Batok",
    "Bukit Merah",
    "Bukit Panjang",
    "Bukit Timah",
    "Central Area",
    "Choa Chu Kang",
    "Clementi",
    "Geylang",
    "Hougang",
    "Jurong East",
    "Jurong West",
    "Kallang",
    "Marine Parade",
    "Novena",
    "Pasir Ris",
    "Punggol",
    "Queenstown",
    "Sembawang",
    "Sengkang",
    "Serangoon",
    "Tampines",
    "Toa Payoh",
    "Woodlands",
    "Yishun",
];
/// The favourite towns, the odds of Silver and Gold, the share of women, and the favourite months of an audience.
type Audience = (f64, [usize; 3], [f64; 2], f64, &'static [u32]);
const AUDIENCES: [Audience; 6] = [
    (0.26, [18, 21, 11], [0.62, 0.28], 0.58, &[1, 2, 3]),
    (0.20, [13, 8, 5], [0.66, 0.26], 0.44, &[10, 11, 12]),
    (0.18, [6, 16, 7], [0.18, 0.34], 0.52, &[5, 6]),
    (0.16, [1, 23, 17], [0.48, 0.36], 0.50, &[7, 8, 9]),
    (0.12, [25, 26, 20], [0.70, 0.22], 0.47, &[4, 5, 6]),
    (0.08, [19, 4, 15], [0.25, 0.45], 0.60, &[11, 12, 1]),
];

/// What happened to a population.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Change {
    Nothing,
    /// A town of 7 % has 14 %.
    TownDoubled,
    /// 52 % women are 60 %.
    MoreWomen,
    /// Ten points more are Platinum.
    MorePlatinum,
    /// Every column is as it was, and nothing goes together.
    AssociationLost,
}

/// Numbers from 0 to 1, the same for the same seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn below(&mut self, n: usize) -> usize {
        ((self.next() * n as f64) as usize).min(n - 1)
    }

    fn audience(&mut self) -> &'static Audience {
        let mut left = self.next();
        AUDIENCES
            .iter()
            .find(|audience| {
                left -= audience.0;
                left < 0.0
            })
            .unwrap_or(&AUDIENCES[5])
    }
}

/// Town, gender, month since 2022 and tier of one customer; of a plain population nothing goes together.
fn customer(random: &mut Random, change: Change, plain: bool) -> [u32; 4] {
    let apart = plain || change == Change::AssociationLost;
    let mut audience = random.audience();
    let mut draw = |random: &mut Random| {
        if apart {
            audience = random.audience();
        }
        audience
    };
    let favourites = draw(random).1;
    let mut town = if random.next() < 0.7 { favourites[random.below(3)] } else { random.below(27) };
    let mut woman = {
        let share = draw(random).3;
        random.next() < share
    };
    let months = draw(random).4;
    let month = loop {
        let month = random.below(12) as u32;
        if months.contains(&(month + 1)) || random.next() < 0.25 {
            break month + 12 * random.below(3) as u32;
        }
    };
    let odds = draw(random).2;
    let drawn = random.next();
    let mut tier = u32::from(drawn >= odds[0]) + u32::from(drawn >= odds[0] + odds[1]);
    let chance = random.next();
    match change {
        Change::TownDoubled if chance < 0.0774 => town = 18,
        Change::MoreWomen if chance < 0.172 => woman = true,
        Change::MorePlatinum if chance < 0.1231 => tier = 2,
        _ => {}
    }
    [town as u32, u32::from(woman), month, tier]
}

fn table(rows: &[[u32; 4]]) -> CustomerTable {
    let values = [
        TOWNS.map(|town| Value::Text(town.to_owned())).to_vec(),
        ["Male", "Female"].map(|gender| Value::Text(gender.to_owned())).to_vec(),
        (0..36).map(|month| Value::Date(date(2022 + month / 12, (month % 12 + 1) as i8, 1))).collect(),
        (0..3).map(Value::Level).collect(),
    ];
    let columns = values.into_iter().enumerate();
    let columns = columns.map(|(c, values)| CustomerColumn { values, codes: rows.iter().map(|row| row[c]).collect() });
    static SCHEMA: OnceLock<Arc<Schema>> = OnceLock::new();
    let schema = SCHEMA.get_or_init(|| Arc::new(Schema::built_in().unwrap())).clone();
    let cleaning = CleaningReport { rows_read: rows.len(), ..CleaningReport::default() };
    CustomerTable::checked(schema, columns.collect(), cleaning, date(2026, 1, 1)).unwrap()
}

fn draw(n: usize, seed: u64, change: Change, plain: bool) -> Vec<[u32; 4]> {
    let mut random = Random(seed << 32);
    (0..n).map(|_| customer(&mut random, change, plain)).collect()
}

/// A version of a population, as a retraining makes it.
struct Trained(Fitted, TrainingProfile);

impl Trained {
    fn on(rows: &[[u32; 4]]) -> Self {
        let table = table(rows);
        let mut fitted = fit(&table, &FitParams::default(), &|_, _| {}).unwrap();
        fitted.refit(&FitParams::default()).unwrap();
        let profile = TrainingProfile::of(&table, &fitted);
        Self(fitted, profile)
    }

    fn drift(&self, rows: &[[u32; 4]]) -> Drift {
        let table = table(rows);
        self.1.drift(&table, &self.0.model.assign(&table).unwrap().segments())
    }
}

fn trained() -> &'static Trained {
    static TRAINED: OnceLock<Trained> = OnceLock::new();
    TRAINED.get_or_init(|| Trained::on(&draw(10_000, 1, Change::Nothing, false)))
}

/// How many tables are taken, and whether their figures are told.
fn resamples() -> (u64, bool) {
    let asked = std::env::var("DRIFT_RESAMPLES").ok().and_then(|n| n.parse().ok());
    (asked.unwrap_or(25), asked.is_some())
}

/// The share of tables of `n` customers of a changed population that are not steady.
fn alarms(n: usize, change: Change) -> f64 {
    let (tables, is_long) = resamples();
    let tables = if n > 10_000 && !is_long { 3 } else { tables };
    let alarmed = (0..tables).filter(|i| trained().drift(&draw(n, 100 + i, change, false)).level != DriftLevel::Steady);
    let share = alarmed.count() as f64 / tables as f64;
    if is_long {
        println!("{change:?} at {n}: {:.2} % of {tables} tables", 100.0 * share);
    }
    share
}

#[test]
fn other_customers_of_the_same_population_are_steady() {
    for n in [30, 200, 2_000, 50_000] {
        let (_, is_long) = resamples();
        assert!(alarms(n, Change::Nothing) <= if is_long { 0.02 } else { 0.041 }, "{n}");
    }
}

#[test]
fn what_a_marketer_calls_a_change_is_seen_in_two_thousand_customers() {
    for change in [Change::TownDoubled, Change::MoreWomen, Change::MorePlatinum, Change::AssociationLost] {
        for n in [2_000, 50_000] {
            let share = alarms(n, change);
            assert!(share >= 0.95, "{change:?} at {n}: {share}");
        }
    }
}

#[test]
fn a_held_out_tenth_does_not_drift() {
    for (seed, n, plain) in [(3, 5_000, false), (4, 5_000, true), (5, 2_000, false), (6, 20_000, false)] {
        let rows = draw(n, seed, Change::Nothing, plain);
        let (held_out, rest) = rows.split_at(n / 10);
        let trained = Trained::on(rest);
        let drift = trained.drift(held_out);
        let in_sample = trained.0.scores.noise_share;
        let expected = trained.1.refit.as_ref().unwrap().outside_share();
        if resamples().1 {
            println!(
                "{n} customers, plain {plain}: outside {in_sample:.3} in training, {expected:.3} expected, {:.3} found",
                drift.outside_share
            );
        }
        assert_eq!(drift.level, DriftLevel::Steady, "{n} {plain}: {drift:?}");
    }
}

#[test]
fn confidence_is_how_many_agree_among_customers_who_were_not_trained_on() {
    let rows = draw(12_000, 9, Change::Nothing, false);
    let trained = Trained::on(&rows[..9_000]);
    let error = trained.1.refit.as_ref().unwrap().calibration_error().unwrap();
    assert!(error <= 0.05, "{error}");
    let stability = &trained.1.refit.as_ref().unwrap().stability;
    assert_eq!(stability.len(), trained.0.model.segments().len());
    assert!(stability.iter().all(|of| (0.0..=1.0).contains(&of.jaccard)), "{stability:?}");
    if resamples().1 {
        println!("expected calibration error {error:.4}; stability {stability:?}");
    }
}

/// A town, a tier, visits and an amount that hardly two customers share: most new customers are unseen.
const SHOPPERS: &str = r#"{"columns": [
    {"title": "Town", "required": true, "kind": "category", "persona": {"key": "Towns", "top": 3}},
    {"title": "Tier", "required": true, "kind": "ordinal", "levels": ["Silver", "Gold", "Platinum"],
     "score_title": "Tier_Score", "persona": {"key": "Tier", "top": 1}},
    {"title": "Visits", "required": true, "kind": "number", "persona": {"key": "Visits", "top": 1}},
    {"title": "Spend", "required": true, "kind": "number", "scale": "log", "persona": {"key": "Spend", "top": 1}}
]}"#;

/// Shoppers whose tier follows their visits and their amounts, in no groups.
fn shoppers(n: usize, seed: u64) -> CustomerTable {
    let mut random = Random(seed << 32);
    let (mut values, mut codes): ([Vec<Value>; 4], [Vec<u32>; 4]) = Default::default();
    values[0] = TOWNS.map(|town| Value::Text(town.to_owned())).to_vec();
    values[1] = (0..3).map(Value::Level).collect();
    for row in 0..n {
        let eagerness = random.next();
        let tier = ((eagerness + 0.3 * random.next()) * 2.3) as u32;
        codes[0].push(random.audience().1[random.below(3)] as u32);
        codes[1].push(tier.min(2));
        values[2].push(Value::Number((20.0 * eagerness * random.next()).round()));
        values[3].push(Value::Number((3.0 * eagerness + 2.0 * random.next()).exp()));
        codes[2].push(row as u32);
        codes[3].push(row as u32);
    }
    let schema = Arc::new(Schema::from_json(SHOPPERS.as_bytes()).unwrap());
    let columns = values.into_iter().zip(codes).map(|(values, codes)| CustomerColumn { values, codes }).collect();
    let cleaning = CleaningReport { rows_read: n, ..CleaningReport::default() };
    CustomerTable::checked(schema, columns, cleaning, date(2026, 1, 1)).unwrap()
}

#[test]
fn where_most_profiles_are_new_as_many_are_outside_as_the_held_out_ones_were() {
    let table = shoppers(2_000, 11);
    let mut fitted = fit(&table, &FitParams::default(), &|_, _| {}).unwrap();
    fitted.refit(&FitParams::default()).unwrap();
    let profile = TrainingProfile::of(&table, &fitted);
    let new = shoppers(1_000, 12);
    let drift = profile.drift(&new, &fitted.model.assign(&new).unwrap().segments());
    if resamples().1 {
        let refit = profile.refit.as_ref().unwrap();
        println!(
            "shoppers: outside {:.3} in training, {:.3} expected, {:.3} found; off by {:?}; {:?}",
            fitted.scores.noise_share,
            refit.outside_share(),
            drift.outside_share,
            refit.calibration_error(),
            drift.segments
        );
    }
    assert!(drift.columns.iter().all(|column| column.level == DriftLevel::Steady), "{:?}", drift.columns);
    assert_ne!(drift.segments.unwrap().level, DriftLevel::Drifted);
}
