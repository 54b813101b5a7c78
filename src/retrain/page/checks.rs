//! The gate's checks as the page names them.

use serde::Serialize;

use super::environment::{percent, whole};
use crate::pipeline::rounded;
use crate::retrain::{Bound, GateCheck};

#[derive(Serialize)]
pub(super) struct GateRow<'a> {
    title: &'a str,
    value: String,
    bound: String,
    passed: bool,
    detail: Option<&'a str>,
}

impl<'a> GateRow<'a> {
    pub fn of(check: &'a GateCheck) -> Self {
        let number = |number: f64| match number {
            number if number.fract() == 0.0 && number >= 0.0 => whole(number as u64),
            number => format!("{}", rounded(number)),
        };
        let (title, is_share) = match check.name {
            "customers" => ("Customers", false),
            "profiles" => ("Distinct profiles", false),
            "clusters" => ("Segments", false),
            "own_files" => ("Files of your own customers", false),
            "noise_share" => ("Customers outside every segment", true),
            "new_outside_share" => ("New customers of the same kind outside every segment", true),
            "silhouette" => ("Silhouette", false),
            "dbcv" => ("DBCV", false),
            "least_jaccard" => ("How much of the least stable segment is found again", false),
            "deciding_columns" => ("Columns that decide the segments", false),
            "told_bits" => ("Bits that the segments surely tell of a customer", false),
            "upload_share" => ("Customers whom the uploads of one sender brought", true),
            "unseen_share" => ("Customers with a value that the live version never saw", true),
            "drift" => ("Customers who would have to change for a column to be as it was", true),
            "left_out_share" => ("Customers' rows that could not be used", true),
            "left_out_rise" => ("How many more than in the live version's training", true),
            "customers_kept" => ("Customers, as a share of the live version's", true),
            "lost_files" => ("Files of the live version that cannot be read any more", false),
            "files_changed" => ("Files that came back from disk changed", false),
            "golden_sample" => ("Golden sample that is placed as before", true),
            other => (other, false),
        };
        let text = |value: f64| if is_share { percent(value) } else { number(value) };
        let bound = match check.bound {
            Bound::AtLeast => "at least",
            Bound::AtMost => "at most",
        };
        Self {
            title,
            value: check.value.map_or("undefined".to_owned(), text),
            bound: format!("{bound} {}", text(check.limit)),
            passed: check.passed,
            detail: check.detail.as_deref(),
        }
    }

    pub fn sentence(&self) -> String {
        let detail = self.detail.map(|detail| format!(" ({detail})")).unwrap_or_default();
        format!("{}: {}, and must be {}{detail}", self.title, self.value, self.bound)
    }
}
