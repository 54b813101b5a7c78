//! `cluster_profiles.csv`: what each cluster's customers are like, for a spreadsheet.

use std::collections::BTreeMap;

use crate::customer::plain_cell;
use crate::pipeline::{SegmentId, TraitCounts, TraitValue};

/// One line a cluster, trait and value: customers, their share of the cluster and of everyone, and the lift (the
/// first share over the second). The whole customer base comes last, as cluster `all`.
pub(super) fn cluster_profiles(
    clusters: &BTreeMap<SegmentId, Vec<TraitCounts>>,
    everyone: &[TraitCounts],
) -> Result<Vec<u8>, csv::Error> {
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record(["cluster_id", "trait", "value", "customers", "share", "share_of_everyone", "lift"])?;
    let clusters = clusters.iter().map(|(id, counts)| (id.to_string(), counts.as_slice()));
    for (name, counts) in clusters.chain([("all".to_owned(), everyone)]) {
        for (own, all) in counts.iter().zip(everyone) {
            let (own_total, all_total) = (total(own), total(all));
            for (value, customers) in &own.counts {
                if let TraitValue::Mean(_) = value {
                    // A mean has no share of the customers; everyone's own stands under `all`.
                    let (title, mean) = (plain_cell(&own.title).into_owned(), value.to_string());
                    table.write_record([&name, &title, &mean, &customers.to_string(), "", "", ""])?;
                    continue;
                }
                let of_all = all.counts.iter().find(|(other, _)| other == value).map_or(0, |&(_, n)| n);
                let (share, share_of_all) = (*customers as f64 / own_total, of_all as f64 / all_total);
                let lift = if of_all == 0 { String::new() } else { format!("{:.3}", share / share_of_all) };
                table.write_record([
                    name.clone(),
                    plain_cell(&own.title).into_owned(),
                    plain_cell(&value.to_string()).into_owned(),
                    customers.to_string(),
                    format!("{share:.4}"),
                    format!("{share_of_all:.4}"),
                    lift,
                ])?;
            }
        }
    }
    table.into_inner().map_err(|e| e.into_error().into())
}

fn total(counts: &TraitCounts) -> f64 {
    counts.counts.iter().map(|&(_, n)| n).sum::<u64>().max(1) as f64
}
