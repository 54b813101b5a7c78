//! Columns of numbers, in every type that `assign` takes them in.

use std::io::Cursor;
use std::sync::{Arc, LazyLock};

use arrow_array::{
    Array, ArrayRef, Decimal128Array, DictionaryArray, Float32Array, Float64Array, Int16Array, Int32Array, Int64Array,
    StringArray, UInt32Array, types::Int32Type,
};
use content_portal::assign::{AssignRequest, assign_arrow};
use content_portal::customer::{CustomerTable, Schema};
use content_portal::pipeline::{FitParams, Fitted, fit};
use content_portal::workbook::{self, Limits};

use super::{TODAY, answers, batches, named, stream};

const SCHEMA: &str = r#"{"columns": [
    {"title": "Plan", "required": true, "kind": "category", "persona": {"key": "Plans", "top": 3}},
    {"title": "Visits", "required": true, "kind": "number", "persona": {"key": "Visits", "top": 1}},
    {"title": "Spend", "required": false, "kind": "number", "scale": "log", "persona": {"key": "Spend", "top": 1}}
]}"#;

/// Plan, visits and spend of a customer; every 29th has no spend.
fn rows(n: usize) -> Vec<(&'static str, i64, Option<f64>)> {
    let row = |i: usize| {
        let kind = i % 3;
        let spend = [12.5, 480.0, 9_000.25][kind] * (1.0 + (i % 17) as f64 / 64.0);
        (["Basic", "Plus", "Pro"][kind], (3 + 40 * kind + i % 13) as i64, (!i.is_multiple_of(29)).then_some(spend))
    };
    (0..n).map(row).collect()
}

fn table(rows: &[(&str, i64, Option<f64>)]) -> CustomerTable {
    let spend = |spend: Option<f64>| spend.map_or(String::new(), |spend| spend.to_string());
    let line = |(n, (plan, visits, amount)): (usize, &(&str, i64, Option<f64>))| {
        format!("{n},{plan},{visits},{}\n", spend(*amount))
    };
    // Copies of a row would count once: each has a number of its own.
    let text: String = rows.iter().enumerate().map(line).collect();
    let schema = Arc::new(Schema::from_json(SCHEMA.as_bytes()).unwrap());
    workbook::read(Cursor::new(format!("n,Plan,Visits,Spend\n{text}")), schema, TODAY, &Limits::default()).unwrap()
}

static TRAINED: LazyLock<Fitted> =
    LazyLock::new(|| fit(&table(&rows(600)), &FitParams::default(), &|_, _| {}).unwrap());

fn placed(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    let request = AssignRequest { model: &TRAINED.model, version: "numbers", profile: None, keep: None, today: TODAY };
    let mut output = Vec::new();
    assign_arrow(stream(&[named(columns)]).as_slice(), &mut output, &request).unwrap();
    output
}

#[test]
fn numbers_of_every_type_give_a_row_the_segment_of_its_row_in_a_file() {
    let rows = rows(400);
    let plans: ArrayRef = Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.0)));
    let visits = || rows.iter().map(|row| row.1);
    let spends = || rows.iter().map(|row| row.2);
    let texts = || spends().map(|spend| spend.map(|spend| spend.to_string()));
    // Spends are multiples of 1/512: exact in every one of these.
    let decimals = spends().map(|spend| spend.map(|spend| (spend * 1e9).round() as i128));
    let decimals = decimals.collect::<Decimal128Array>().with_precision_and_scale(20, 9).unwrap();
    let visits_of: [ArrayRef; 5] = [
        Arc::new(visits().collect::<Int64Array>()),
        Arc::new(visits().map(|n| n as i16).collect::<Int16Array>()),
        Arc::new(visits().map(|n| n as u32).collect::<UInt32Array>()),
        Arc::new(visits().map(|n| n as f64).collect::<Float64Array>()),
        Arc::new(StringArray::from_iter_values(visits().map(|n| n.to_string()))),
    ];
    let spends_of: [ArrayRef; 5] = [
        Arc::new(spends().collect::<Float64Array>()),
        Arc::new(spends().map(|spend| spend.map(|spend| spend as f32)).collect::<Float32Array>()),
        Arc::new(decimals),
        Arc::new(texts().collect::<StringArray>()),
        Arc::new(texts().collect::<Vec<_>>().iter().map(Option::as_deref).collect::<DictionaryArray<Int32Type>>()),
    ];
    let in_a_file = TRAINED.model.assign(&table(&rows)).unwrap().segments();
    assert!(TRAINED.model.segments().len() > 1 && in_a_file.iter().flatten().count() > 300);
    let mut expected: Option<Vec<String>> = None;
    for visits in &visits_of {
        for spends in &spends_of {
            let columns = vec![("Plan", plans.clone()), ("Visits", visits.clone()), ("Spend", spends.clone())];
            let output = placed(columns);
            let said = format!("{} {}", visits.data_type(), spends.data_type());
            let batch = batches(&output).remove(0);
            let ids = batch.column_by_name("cluster_id").unwrap().as_any().downcast_ref::<Int32Array>().unwrap();
            let of_file = in_a_file.iter().map(|id| id.map_or(-1, |id| i32::try_from(id.get()).unwrap()));
            assert!(ids.values().iter().copied().eq(of_file), "{said}");
            let answers = answers(&output);
            assert_eq!(*expected.get_or_insert_with(|| answers.clone()), answers, "{said}");
        }
    }
}

#[test]
fn what_is_no_number_is_the_row_s_fault_where_the_column_is_required_and_nothing_elsewhere() {
    let plans: ArrayRef = Arc::new(StringArray::from(vec!["Basic"; 4]));
    let visits: ArrayRef = Arc::new(Float64Array::from(vec![Some(5.0), Some(f64::NAN), Some(f64::INFINITY), None]));
    let spends: ArrayRef = Arc::new(Float64Array::from(vec![f64::NAN, 13.0, 13.0, 13.0]));
    let output = placed(vec![("Plan", plans.clone()), ("Visits", visits), ("Spend", spends)]);
    let batch = batches(&output).remove(0);
    let faults = batch.column_by_name("row_fault").unwrap().as_any().downcast_ref::<StringArray>().unwrap();
    let faults: Vec<Option<&str>> = faults.iter().collect();
    assert_eq!(faults, [None, Some("not_a_number"), Some("not_a_number"), Some("missing")]);

    let words: ArrayRef = Arc::new(StringArray::from(vec!["five", "5", "", "1e3"]));
    let output = placed(vec![("Plan", plans), ("Visits", words.clone()), ("Spend", words)]);
    let batch = batches(&output).remove(0);
    let faults = batch.column_by_name("row_fault").unwrap().as_any().downcast_ref::<StringArray>().unwrap();
    assert_eq!(faults.iter().collect::<Vec<_>>(), [Some("not_a_number"), None, Some("missing"), None]);
}
