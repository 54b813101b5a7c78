//! Drift: no alarm for other customers of the same population, and one for what a marketer calls a change.
//!
//! `DRIFT_RESAMPLES=400` takes more tables than the quick tests do, and prints the figures.
#![allow(clippy::print_stdout, reason = "the long run prints what it measured")]

use std::sync::OnceLock;

use content_portal::customer::CustomerTable;
use content_portal::pipeline::{Drift, DriftLevel, Encoded, FitParams, Fitted, Method, TrainingProfile};

use crate::populations::{Change, Numbers, OF_NUMBERS, draw, of_numbers, table};

/// A version of a population, as a retraining makes it.
struct Trained(Fitted, TrainingProfile);

impl Trained {
    fn on(rows: &[[u32; 4]]) -> Self {
        Self::by(&table(rows), &FitParams::default())
    }

    fn by(table: &CustomerTable, params: &FitParams) -> Self {
        let (fitted, second) = Encoded::of(table).unwrap().fit_twice(params, &|_, _| {}).unwrap();
        second.unwrap();
        let profile = TrainingProfile::of(table, &fitted);
        Self(fitted, profile)
    }

    fn drift(&self, rows: &[[u32; 4]]) -> Drift {
        self.drift_of(&table(rows))
    }

    fn drift_of(&self, table: &CustomerTable) -> Drift {
        self.1.drift(table, &self.0.model.assign(table).unwrap().segments())
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
fn an_upload_four_times_as_large_as_the_training_is_no_drift_by_itself() {
    let (tables, is_long) = resamples();
    let trainings = if is_long { tables / 10 } else { 2 };
    let of_training = if is_long { 10 } else { 2 };
    let mut alarmed = Vec::new();
    for training in 0..trainings {
        let trained = Trained::on(&draw(5_000, 500 + training, Change::Nothing, false));
        let found =
            (0..of_training).map(|i| trained.drift(&draw(20_000, 10_000 * training + i, Change::Nothing, false)));
        alarmed.extend(found.filter(|drift| drift.level != DriftLevel::Steady));
    }
    let share = alarmed.len() as f64 / (trainings * of_training) as f64;
    if is_long {
        let not_steady = |drift: &Drift| -> Vec<String> {
            let rows = drift.columns.iter().chain(&drift.associations).chain(&drift.segments);
            let rows = rows.filter(|row| row.level > DriftLevel::Moving);
            rows.map(|row| format!("{} {:?} p {} tv {}", row.title, row.level, row.p_value, row.total_variation))
                .collect()
        };
        println!("20,000 against 5,000: {:.2} % of {}", 100.0 * share, trainings * of_training);
        alarmed.iter().for_each(|drift| println!("  {:?}", not_steady(drift)));
    }
    assert!(share <= if is_long { 0.02 } else { 0.25 }, "{share}");
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

/// Other customers of a population of which most are new to the model are steady, by either method.
fn assert_steady(population: &Numbers) {
    let (tables, is_long) = resamples();
    let (trainings, of_training) = if is_long { (4, tables / 4) } else { (1, tables / 2) };
    for (method, n) in [Method::UmapHdbscan, Method::LatentClasses].into_iter().flat_map(|m| SIZES.map(|n| (m, n))) {
        let params = FitParams { method, ..FitParams::default() };
        let alarms = (0..trainings).flat_map(|training| {
            let trained = Trained::by(&of_numbers(population, 2_000, 20 + training), &params);
            let drift = move |i| trained.drift_of(&of_numbers(population, n, 1_000 * (training + 1) + i));
            (0..of_training).map(drift).filter(|drift| drift.level != DriftLevel::Steady)
        });
        let alarms: Vec<Drift> = alarms.collect();
        let share = alarms.len() as f64 / (trainings * of_training) as f64;
        if is_long {
            let of_segments = alarms.iter().flat_map(|drift| &drift.segments);
            let of_segments = of_segments.filter(|row| row.level != DriftLevel::Steady).count();
            let (name, tables) = (population.0, trainings * of_training);
            println!("{name} by {method} at {n}: {:.2} % of {tables}, {of_segments} by segments", 100.0 * share);
        }
        assert!(share <= if is_long { 0.02 } else { 0.09 }, "{} by {method} at {n}: {alarms:?}", population.0);
    }
}

const SIZES: [usize; 3] = [200, 1_000, 5_000];

#[test]
fn other_shoppers_are_steady_although_most_are_new_to_the_model() {
    assert_steady(&OF_NUMBERS[0]);
}

#[test]
fn other_customers_on_three_plans_are_steady_although_all_are_new_to_the_model() {
    assert_steady(&OF_NUMBERS[1]);
}

#[test]
fn other_employees_are_steady_although_most_are_new_to_the_model() {
    assert_steady(&OF_NUMBERS[2]);
}

#[test]
fn where_most_profiles_are_new_as_many_are_outside_as_the_held_out_ones_were() {
    let shoppers = &OF_NUMBERS[0];
    let trained = Trained::by(&of_numbers(shoppers, 2_000, 11), &FitParams::default());
    let drift = trained.drift_of(&of_numbers(shoppers, 1_000, 12));
    let Trained(fitted, profile) = &trained;
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
    assert_eq!(drift.segments.unwrap().level, DriftLevel::Steady);
}
