//! Populations that customers are drawn from: the six audiences of the sample, and three whose customers are numbers.

use std::sync::{Arc, OnceLock};

use content_portal::customer::{CleaningReport, CustomerColumn, CustomerTable, Schema, Value};
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
pub enum Change {
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
pub struct Random(u64);

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

    fn audience(&mut self) -> usize {
        let mut left = self.next();
        let found = AUDIENCES.iter().position(|audience| {
            left -= audience.0;
            left < 0.0
        });
        found.unwrap_or(5)
    }
}

/// Town, gender, month since 2022 and tier of one customer, and the audience; of a plain population nothing goes
/// together, and the audience says nothing.
fn customer(random: &mut Random, change: Change, plain: bool) -> ([u32; 4], usize) {
    let apart = plain || change == Change::AssociationLost;
    let first = random.audience();
    let mut audience = first;
    let mut draw = |random: &mut Random| {
        if apart {
            audience = random.audience();
        }
        AUDIENCES[audience]
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
    ([town as u32, u32::from(woman), month, tier], first)
}

pub fn table(rows: &[[u32; 4]]) -> CustomerTable {
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

pub fn draw(n: usize, seed: u64, change: Change, plain: bool) -> Vec<[u32; 4]> {
    let mut random = Random(seed << 32);
    (0..n).map(|_| customer(&mut random, change, plain).0).collect()
}

/// Customers, and for each the audience that it was drawn from.
pub fn draw_with_audiences(n: usize, seed: u64) -> (Vec<[u32; 4]>, Vec<i64>) {
    let mut random = Random(seed << 32);
    let customers = (0..n).map(|_| customer(&mut random, Change::Nothing, false));
    customers.map(|(customer, audience)| (customer, audience as i64)).unzip()
}

/// A town, a tier, visits and an amount that hardly two customers share: most new customers are unseen.
const SHOPPERS: &str = r#"{"columns": [
    {"title": "Town", "required": true, "kind": "category", "persona": {"key": "Towns", "top": 3}},
    {"title": "Tier", "required": true, "kind": "ordinal", "levels": ["Silver", "Gold", "Platinum"],
     "score_title": "Tier_Score", "persona": {"key": "Tier", "top": 1}},
    {"title": "Visits", "required": true, "kind": "number", "persona": {"key": "Visits", "top": 1}},
    {"title": "Spend", "required": true, "kind": "number", "scale": "log", "persona": {"key": "Spend", "top": 1}}
]}"#;

/// A population of which hardly two customers are alike: its schema, and one customer of it.
pub type Numbers = (&'static str, &'static str, fn(&mut Random) -> Vec<Value>);

pub const OF_NUMBERS: [Numbers; 3] =
    [("shoppers", SHOPPERS, shopper), ("plans", PLANS, on_a_plan), ("wages", WAGES, employee)];

/// Three numbers of a contract.
const PLANS: &str = r#"{"columns": [
    {"title": "Age", "required": true, "kind": "number", "persona": {"key": "Age", "top": 1}},
    {"title": "Minutes", "required": true, "kind": "number", "persona": {"key": "Minutes", "top": 1}},
    {"title": "Bill", "required": true, "kind": "number", "persona": {"key": "Bill", "top": 1}}
]}"#;

/// A sector, years and a wage.
const WAGES: &str = r#"{"columns": [
    {"title": "Sector", "required": true, "kind": "category", "persona": {"key": "Sectors", "top": 3}},
    {"title": "Union", "required": true, "kind": "category", "persona": {"key": "Union", "top": 1}},
    {"title": "Education", "required": true, "kind": "number", "persona": {"key": "Education", "top": 1}},
    {"title": "Experience", "required": true, "kind": "number", "persona": {"key": "Experience", "top": 1}},
    {"title": "Wage", "required": true, "kind": "number", "scale": "log", "persona": {"key": "Wage", "top": 1}}
]}"#;

/// A shopper whose tier follows visits and amount, in no groups.
fn shopper(random: &mut Random) -> Vec<Value> {
    let eagerness = random.next();
    let tier = ((eagerness + 0.3 * random.next()) * 2.3) as u32;
    let town = TOWNS[AUDIENCES[random.audience()].1[random.below(3)]];
    let visits = (20.0 * eagerness * random.next()).round();
    let spend = (3.0 * eagerness + 2.0 * random.next()).exp();
    vec![Value::Text(town.to_owned()), Value::Level(tier.min(2)), Value::Number(visits), Value::Number(spend)]
}

/// A number about `mean`, nearly normal.
fn about(random: &mut Random, mean: f64, deviation: f64) -> f64 {
    let sum: f64 = (0..12).map(|_| random.next()).sum();
    mean + deviation * (sum - 6.0)
}

/// A customer of one of three overlapping plans.
fn on_a_plan(random: &mut Random) -> Vec<Value> {
    let [age, minutes, bill] = [[24.0, 900.0, 18.0], [41.0, 300.0, 35.0], [66.0, 80.0, 12.0]][random.below(3)];
    [(age, 7.0), (minutes, 130.0), (bill, 5.0)]
        .map(|(mean, spread)| Value::Number(about(random, mean, spread)))
        .to_vec()
}

/// An employee whose wage follows years of education and experience.
fn employee(random: &mut Random) -> Vec<Value> {
    let (education, experience) = (about(random, 13.0, 2.6).round(), (45.0 * random.next().powi(2)).round());
    let sector = ["Manufacturing", "Construction", "Trade", "Other services", "Public"][random.below(5)];
    let union = if random.next() < 0.18 { "member" } else { "not member" };
    let wage = about(random, 0.6 + 0.08 * education + 0.012 * experience, 0.45).exp();
    let texts = [sector, union].map(|text| Value::Text(text.to_owned()));
    texts.into_iter().chain([education, experience, (wage * 100.0).round() / 100.0].map(Value::Number)).collect()
}

/// `n` customers of a population.
pub fn of_numbers((_, schema, customer): &Numbers, n: usize, seed: u64) -> CustomerTable {
    let mut random = Random(seed << 32);
    let mut columns: Vec<CustomerColumn> = Vec::new();
    for _ in 0..n {
        let row = customer(&mut random);
        columns.resize(row.len(), CustomerColumn::default());
        for (column, value) in columns.iter_mut().zip(row) {
            let known = match value {
                Value::Number(_) => None,
                _ => column.values.iter().position(|known| *known == value),
            };
            column.codes.push(known.unwrap_or(column.values.len()) as u32);
            column.values.extend(known.is_none().then_some(value));
        }
    }
    let schema = Arc::new(Schema::from_json(schema.as_bytes()).unwrap());
    let cleaning = CleaningReport { rows_read: n, ..CleaningReport::default() };
    CustomerTable::checked(schema, columns, cleaning, date(2026, 1, 1)).unwrap()
}
