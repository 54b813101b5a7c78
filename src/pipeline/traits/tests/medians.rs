//! Medians tell of a segment and of no customer.

use super::*;

#[test]
fn a_median_of_a_heavy_tail_is_no_customer_s_own_number() {
    // Each number is a tenth more than the one before, so that none is near another.
    let spends: Vec<String> = (0..120).map(|n| format!("{:.2}", 3.17 * 1.1_f64.powi(n))).collect();
    let spends: Vec<&'static str> = spends.into_iter().map(|spend| &*spend.leak()).collect();
    let of = |group, spend| (group, 1, Customer { spend, ..Customer::default() });
    let rows: Vec<Rows> = spends.iter().enumerate().map(|(n, &spend)| of(i32::from(n < 80), spend)).collect();
    let (_, told, _) = told(&rows);
    let number = &told[0];
    let numbers: Vec<f64> = spends.iter().map(|spend| spend.parse().unwrap()).collect();
    // Whether ten and more round to what is told, on some grid that it is on.
    let is_shared = |told: f64, of: &[f64]| {
        let steps = (-2..9).flat_map(|decimals| [1.0, 2.0, 5.0].map(|step| step * 10_f64.powi(decimals)));
        let mut steps = steps.filter(|step| (told / step).fract() == 0.0);
        steps.any(|step| of.iter().filter(|number| (*number - told).abs() <= step / 2.0).count() >= 10)
    };
    for told in [&number["median"], &number["quartiles"][0], &number["quartiles"][1]] {
        assert!(is_shared(told.as_f64().unwrap(), &numbers[80..]), "{number}");
    }
    assert!(is_shared(number["median_overall"].as_f64().unwrap(), &numbers), "{number}");
    // Where many have the number it stays.
    let of = |group, n, spend| (group, n, Customer { spend, ..Customer::default() });
    let (_, told, _) =
        super::told(&[of(0, 12, "37.41"), of(0, 9, "1"), of(0, 9, "90000"), of(1, 200, "2"), of(1, 200, "5")]);
    assert_eq!(told[0]["median"], 37.0);
}

#[test]
fn of_a_column_on_a_logarithmic_scale_small_numbers_are_told_as_large_ones_are() {
    let json = std::str::from_utf8(SCHEMA).unwrap();
    let log = json.replace(r#""kind": "number","#, r#""kind": "number", "scale": "log","#);
    // Medians of 2, 65 and 974: on a linear scale the first two are alike.
    let spend =
        |group: i32, n: usize| (if group == 0 { 2.0 } else { 65.0 * 15_f64.powi(group - 1) }) + n as f64 / 100.0;
    let groups = [vec![0; 100], vec![1; 200], vec![2; 200]].concat();
    let told = |schema: &str| {
        let schema = Arc::new(Schema::from_json(schema.as_bytes()).unwrap());
        let mut builder = TableBuilder::new(schema, date(2026, 1, 1));
        builder.begin_sheet(false);
        builder.push_row(&["id", "Spend"].map(Cell::Text)).unwrap();
        for (n, &group) in groups.iter().enumerate() {
            builder.push_row(&[Cell::Number(n as f64), Cell::Number(spend(group, n % 100))]).unwrap();
        }
        builder.end_sheet().unwrap();
        let table = builder.finish();
        Tallies::count(&table, &groups, 3).distinctions().remove(0).summary(table.schema(), 100)
    };
    assert!(!told(json).contains("Spend lower"), "{}", told(json));
    assert!(told(&log).contains("Spend lower than elsewhere (median 2.5 against 66 of all)"), "{}", told(&log));
}
