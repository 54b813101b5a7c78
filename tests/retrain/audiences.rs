//! Segments mean something where the customers do: drawn from audiences, and drawn from none.

use content_portal::pipeline::{CandidateName, Distinguishing, FitParams, Fitted, Method, compare, fit};
use hdbscan::adjusted_rand_index;

use crate::populations::{Change, draw, draw_with_audiences, table};

const METHODS: [Method; 2] = [Method::UmapHdbscan, Method::LatentClasses];

fn trained(rows: &[[u32; 4]], method: Method) -> Fitted {
    fit(&table(rows), &FitParams { method, ..FitParams::default() }, &|_, _| {}).unwrap()
}

/// What is told of any segment, by the persona's key.
fn told(fitted: &Fitted) -> Vec<&str> {
    let distinctions = fitted.model.segments().iter().filter_map(|segment| segment.distinction.as_ref());
    let told = distinctions.flat_map(|distinction| &distinction.distinguishing);
    told.map(|told| match told {
        Distinguishing::Value(value) => value.key.as_str(),
        Distinguishing::Number(number) => number.key.as_str(),
    })
    .collect()
}

#[test]
fn of_customers_among_whom_nothing_goes_together_no_more_than_dates_is_told() {
    for seed in 1..=5 {
        let rows = draw(5000, seed, Change::Nothing, true);
        for method in METHODS {
            let fitted = trained(&rows, method);
            let told = told(&fitted);
            let dates = ["Date Joined", "Top_Join_Years", "Top_Join_Months", "Top_Join_Quarter"];
            assert!(told.iter().all(|key| dates.contains(key)), "seed {seed}, {method}: {told:?}");
            match method {
                Method::LatentClasses => assert_eq!((fitted.scores.clusters, told.len()), (1, 0), "seed {seed}"),
                Method::UmapHdbscan => {
                    let said = fitted.scores.decided_by.as_ref().map(|decided| decided.sentence.as_str());
                    assert!(said.is_some_and(|said| said.starts_with("These segments restate Join_")), "{said:?}");
                }
            }
        }
    }
}

#[test]
fn latent_classes_find_the_audiences_that_customers_were_drawn_from() {
    for seed in [1, 2] {
        let (rows, audiences) = draw_with_audiences(5000, seed);
        let fitted = trained(&rows, Method::LatentClasses);
        let found: Vec<i64> = fitted.segment_of_row.iter().map(|id| id.map_or(-1, |id| i64::from(id.get()))).collect();
        let index = adjusted_rand_index(&found, &audiences).unwrap();
        println!("seed {seed}: {} segments, adjusted Rand index {index:.3}", fitted.scores.clusters);
        assert!(index >= 0.4, "seed {seed}: {index}");
    }
}

#[test]
fn a_comparison_of_customers_from_audiences_chooses_latent_classes() {
    let (rows, audiences) = draw_with_audiences(5_000, 1);
    let compared = compare(&table(&rows), &FitParams::default(), &|_| {}).unwrap();
    let best = compared.best().unwrap_or_else(|| panic!("{}", compared.sentence));
    assert_eq!(best.name, CandidateName::LatentClasses, "{}", compared.sentence);
    // The map restates the date, however it is laid out.
    let of_today = compared.candidate(CandidateName::AsItIs).unwrap();
    assert!(!of_today.out.is_empty(), "{of_today:?}");
    let params = best.settings.applied(&FitParams::default()).unwrap();
    let fitted = fit(&table(&rows), &params, &|_, _| {}).unwrap();
    let found: Vec<i64> = fitted.segment_of_row.iter().map(|id| id.map_or(-1, |id| i64::from(id.get()))).collect();
    assert!(adjusted_rand_index(&found, &audiences).unwrap() > 0.3);
}
