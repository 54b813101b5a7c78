//! The gate's checks of what is new: one sender, or values that nobody knows, must not take over a model.
//!
//! A routine training adds some customers to many. Where most of them come from one sender, or are unlike those that
//! the live version was trained on, a person should look first: `force` publishes all the same. A full list of the same
//! customers, sent anew, brings few of its own. Without a live version only `new_outside_share` is checked, and a live
//! version of fewer customers than a training needs is no reason to refuse anything: it was made for want of others.
//! What somebody who may train sends to be trained on is no stranger's upload, however much it brings.

use std::collections::BTreeMap;

use super::gate::{Bound, GateCheck, GateLimits};
use crate::customer::{CustomerTable, FeatureKind, Schema};
use crate::model_store::ModelVersion;
use crate::pipeline::{AssignError, ColumnDrift, Drift, Refit};

/// What a waiting upload brought.
#[derive(Debug)]
pub(super) struct Brought {
    /// What reports call it.
    pub upload: String,
    /// Who sent it, as a report says it. Uploads of one sender count together, since anybody can part a file.
    pub sender: String,
    /// Customers that no file before it has.
    pub customers: usize,
}

/// The checks; `brought` is what each upload brought, of `n_customers` in all, and `n_live` are the customers of the
/// live version.
pub(super) fn check(
    limits: &GateLimits,
    (brought, n_customers, n_live): (&[Brought], usize, usize),
    drift: Option<&Drift>,
    schema: &Schema,
) -> Vec<GateCheck> {
    let tolerated = |check: GateCheck| match check.passed || n_live >= limits.min_customers {
        true => check,
        false => check.tolerated(&format!("the live version has {n_live} customers, too few to compare with")),
    };
    let at_most = |name, value: f64, limit, detail: String| {
        let check = GateCheck::quality(name, Some(value), Bound::AtMost, limit);
        let detail = (!check.passed && !detail.is_empty()).then_some(detail);
        tolerated(GateCheck { detail, ..check })
    };
    let kept = n_customers as f64 / n_live.max(1) as f64;
    let kept = GateCheck::quality("customers_kept", Some(kept), Bound::AtLeast, limits.min_customers_kept);
    let detail = (!kept.passed).then(|| format!("{n_customers} customers, and {n_live} in the live version"));
    let mut checks = vec![tolerated(GateCheck { detail, ..kept })];
    if let Some((customers, uploads)) = most_of_one_sender(brought) {
        let share = customers as f64 / n_customers.max(1) as f64;
        let detail = format!("{customers} of {n_customers} customers are in {uploads}");
        checks.push(at_most("upload_share", share, limits.max_upload_share, detail));
    }
    if let Some(drift) = drift {
        checks.push(at_most("unseen_share", drift.unseen_share, limits.max_unseen_share, String::new()));
        if let Some(most) = most_moved(drift, schema) {
            let detail = format!("{} has moved most", most.title);
            checks.push(at_most("drift", moved_share(most), limits.max_drift, detail));
        }
    }
    checks
}

/// The most customers that one sender's uploads brought, and what to call these uploads.
fn most_of_one_sender(brought: &[Brought]) -> Option<(usize, String)> {
    let mut senders: BTreeMap<&str, (usize, Vec<&str>)> = BTreeMap::new();
    for Brought { upload, sender, customers } in brought {
        let (sum, uploads) = senders.entry(sender).or_default();
        *sum += customers;
        uploads.push(upload);
    }
    let (sender, (customers, uploads)) = senders.into_iter().max_by_key(|(_, (customers, _))| *customers)?;
    Some(match uploads[..] {
        [upload] => (customers, format!("{upload} alone")),
        _ => (customers, format!("{} uploads of {sender} alone", uploads.len())),
    })
}

/// The check of what uploads will meet: how many new customers, by those who were held out of a second training, are
/// outside every segment. `None` where none was made. One that `live` fails as well, or of which it is unknown, is
/// tolerated.
pub(super) fn check_new_customers(
    limits: &GateLimits,
    refit: Option<&Refit>,
    live: Option<Option<&Refit>>,
) -> Option<GateCheck> {
    let share = refit?.outside_share();
    let check = GateCheck::quality("new_outside_share", Some(share), Bound::AtMost, limits.max_new_outside_share);
    if check.passed {
        return Some(check);
    }
    Some(match live.map(|refit| refit.map(Refit::outside_share)) {
        Some(Some(share)) if share > limits.max_new_outside_share => check.tolerated("the live version fails it, too"),
        Some(None) => check.tolerated("it is unknown of the live version"),
        _ => {
            let remedy = "add customers, or train with the method latent_classes, which places everybody";
            GateCheck { detail: Some(remedy.to_owned()), ..check }
        }
    })
}

/// The column that has moved most, apart from dates.
fn most_moved<'a>(drift: &'a Drift, schema: &Schema) -> Option<&'a ColumnDrift> {
    let is_date = |title: &str| {
        schema.features().any(|feature| feature.title == title && matches!(feature.kind, FeatureKind::DatePart(_)))
    };
    let columns = drift.columns.iter().filter(|column| !is_date(&column.title));
    columns.max_by(|a, b| moved_share(a).total_cmp(&moved_share(b)))
}

/// The share of all customers that would have to change for the column to be as it was. Those whose file does not have
/// it need not.
fn moved_share(column: &ColumnDrift) -> f64 {
    column.total_variation * column.known_share
}

/// How far the customers of `table` have moved from those of `live`, whose schema the table has; they are placed as new
/// ones. `None` where the training of `live` is not described.
///
/// # Errors
/// [`AssignError`].
pub(super) fn drift_since(live: &ModelVersion, table: &CustomerTable) -> Result<Option<Drift>, AssignError> {
    let Some(profile) = &live.profile else { return Ok(None) };
    Ok(Some(profile.drift(table, &live.model.assign(table)?.segments())))
}
