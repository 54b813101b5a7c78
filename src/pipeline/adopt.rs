//! Models that umap-learn and hdbscan fitted elsewhere, taken over as they are.
//!
//! The two worlds differ in one thing that counts: elsewhere every row of the training data has a place of its own, and
//! here every distinct profile. All rows are kept, since the condensed tree, the neighbourhoods and with them every
//! answer to an unseen customer were learned from all of them. Of the copies of one profile, one stands for it: of
//! those that have the label most of them have, the firmest. It is put first, so that whatever counts profiles finds
//! them in front.

use std::collections::BTreeMap;

use linfa::ParamGuard;
use ndarray::{Array2, Axis};

use super::encoder::{Encoder, Profiles, RareNames};
use super::fit::{Fitted, Learned, MIN_PROFILES, describe};
use super::scaler::Scaler;
use super::segment::{NewName, SegmentId};
use super::{DamagedModel, FitError, FitParams};
use crate::customer::CustomerTable;
use hdbscan::CondensedRow;
use umap::{UmapModel, UmapParts};

/// What was fitted elsewhere on the rows of a table.
#[derive(Debug, Clone)]
pub struct TrainedElsewhere {
    /// How it was fitted.
    pub params: FitParams,
    /// Means and deviations of the scaled features, in the schema's order.
    pub scaler: Scaler,
    /// Coefficient and exponent of the map's curve `1 / (1 + a d^2b)`.
    pub curve: (f32, f32),
    /// Places on the map, `(n_rows, n_components)`.
    pub embedding: Array2<f32>,
    /// The cluster of each row, `(n_rows)`; below 0 for noise.
    pub labels: Vec<i32>,
    /// How firmly each row belongs to it, `(n_rows)`.
    pub probabilities: Vec<f32>,
    /// The condensed tree that the clusters were chosen from, in any order.
    pub tree: Vec<CondensedRow>,
    /// Personas by the clusters' labels.
    pub personas: BTreeMap<SegmentId, serde_json::Map<String, serde_json::Value>>,
}

/// A model that was taken over.
#[derive(Debug)]
pub struct Adopted {
    /// The model, as if it had been fitted here; its segments bear the labels of elsewhere as ids.
    pub fitted: Fitted,
    /// Rows whose segment is the cluster that they were trained in; the others are copies of customers most of whom
    /// were trained in another.
    pub n_labels_kept: usize,
    /// Ids that have a persona and no cluster.
    pub without_cluster: Vec<SegmentId>,
}

/// Makes a model of what was fitted elsewhere on the rows of `table`.
///
/// A trait of a persona from elsewhere stands in place of the one counted here.
///
/// # Errors
/// [`FitError`], as for a fit; [`FitError::Model`] also when the parts have not one entry a row.
pub fn adopt(table: &CustomerTable, trained: TrainedElsewhere) -> Result<Adopted, FitError> {
    let encoder = Encoder::fit(table, RareNames::Kept)?;
    let profiles = encoder.intern(table);
    if profiles.len() < MIN_PROFILES {
        return Err(FitError::TooFewProfiles { found: profiles.len(), needed: MIN_PROFILES });
    }
    let lengths = [trained.embedding.nrows(), trained.labels.len(), trained.probabilities.len()];
    if lengths != [table.n_rows(); 3] {
        return Err(FitError::Model(DamagedModel::rule("map or clusters", "have not one entry a row")));
    }
    if !trained.scaler.fits(encoder.n_scaled()) {
        return Err(FitError::Model(DamagedModel::rule("scaler", "does not fit the schema")));
    }
    let order = profiles_first(&profiles, &trained);
    let points = encoder.encode(&profiles, &trained.scaler);
    let (of_row, labels): (Vec<usize>, Vec<i32>) =
        order.iter().filter_map(|&row| Some((*profiles.of_row.get(row)? as usize, *trained.labels.get(row)?))).unzip();
    let umap = UmapModel::from_parts(UmapParts {
        points: points.select(Axis(0), &of_row),
        embedding: trained.embedding.select(Axis(0), &order),
        a: trained.curve.0,
        b: trained.curve.1,
        params: trained.params.umap,
    })
    .map_err(FitError::Map)?;
    let places = umap.embedding().mapv(f64::from);
    let hdbscan_params = trained.params.hdbscan.check().map_err(FitError::Cluster)?;
    let tree = renumbered(trained.tree, &order);
    let clusters = hdbscan_params.adopt(places.view(), tree, &labels).map_err(FitError::Cluster)?;
    let learned = Learned { encoder, scaler: trained.scaler, umap, hdbscan: clusters.model };
    let mut fitted = describe(table, &profiles, points.view(), learned)?;
    let name = |id: &u32| NewName { id: SegmentId::new(*id), extras: BTreeMap::new() };
    let names = (0..).map(SegmentId::new).zip(clusters.label_elsewhere.iter().map(name)).collect();
    fitted.rename(&names).map_err(FitError::Model)?;
    let without_cluster = fitted.model.overlay_personas(&trained.personas).without_segment;
    let trained_in = trained.labels.iter().map(|&label| u32::try_from(label).ok().map(SegmentId::new));
    let n_labels_kept = fitted.segment_of_row.iter().zip(trained_in).filter(|(own, then)| **own == *then).count();
    Ok(Adopted { fitted, n_labels_kept, without_cluster })
}

/// The rows in the order of the map: one of each profile, then the others.
fn profiles_first(profiles: &Profiles, trained: &TrainedElsewhere) -> Vec<usize> {
    let mut copies: Vec<Vec<usize>> = vec![Vec::new(); profiles.len()];
    for (row, &profile) in profiles.of_row.iter().enumerate() {
        if let Some(copies) = copies.get_mut(profile as usize) {
            copies.push(row);
        }
    }
    let mut order: Vec<usize> = copies.iter().filter_map(|copies| representative(copies, trained)).collect();
    let mut is_first = vec![false; profiles.of_row.len()];
    for &row in &order {
        if let Some(first) = is_first.get_mut(row) {
            *first = true;
        }
    }
    order.extend(is_first.iter().enumerate().filter(|(_, first)| !**first).map(|(row, _)| row));
    order
}

/// The copy that stands for all: a cluster wins over noise where both have as many.
fn representative(copies: &[usize], trained: &TrainedElsewhere) -> Option<usize> {
    let label = |row: usize| trained.labels.get(row).copied();
    let firmness = |row: usize| trained.probabilities.get(row).copied().unwrap_or(0.0);
    let mut votes: BTreeMap<Option<i32>, usize> = BTreeMap::new();
    for &row in copies {
        *votes.entry(label(row)).or_insert(0) += 1;
    }
    let (most, _) = votes.into_iter().max_by_key(|&(label, n)| (n, label))?;
    let agreeing = copies.iter().copied().filter(|&row| label(row) == most);
    agreeing.reduce(|best, next| if firmness(next) > firmness(best) { next } else { best })
}

/// The rows of the tree with the points numbered by their place in `order`. A node keeps its number.
fn renumbered(mut tree: Vec<CondensedRow>, order: &[usize]) -> Vec<CondensedRow> {
    let mut place_of = vec![0; order.len()];
    for (place, &row) in (0_u32..).zip(order) {
        if let Some(slot) = place_of.get_mut(row) {
            *slot = place;
        }
    }
    for row in &mut tree {
        row.child = place_of.get(row.child as usize).copied().unwrap_or(row.child);
    }
    tree
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::civil::date;
    use serde_json::json;

    use super::*;
    use crate::customer::{Cell, Schema, TableBuilder};
    use hdbscan::{HdbscanParams, MinClusterSize};
    use umap::UmapParams;

    const TOWNS: [&str; 12] = ["A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L"];

    /// Customers of these towns, alike but for them.
    fn table(towns: &[&str]) -> CustomerTable {
        let mut builder = TableBuilder::new(Arc::new(Schema::built_in().unwrap()), date(2026, 1, 1));
        builder.begin_sheet(false);
        let header = ["id", "location", "gender", "date joined", "loyalty tier"].map(Cell::Text);
        builder.push_row(&header).unwrap();
        for (id, town) in towns.iter().enumerate() {
            let rest = ["Male", "2024-01-05", "Silver"].map(Cell::Text);
            builder.push_row(&[&[Cell::Number(id as f64), Cell::Text(town)], &rest[..]].concat()).unwrap();
        }
        builder.finish()
    }

    /// What HDBSCAN finds on a map where row i lies at `places[i]`.
    fn trained(places: &[f32]) -> TrainedElsewhere {
        let umap = UmapParams::default().n_components(1).n_neighbors(3);
        let hdbscan = HdbscanParams::default().min_cluster_size(MinClusterSize::Count(5)).min_samples(2);
        let embedding = Array2::from_shape_vec((places.len(), 1), places.to_vec()).unwrap();
        let params = hdbscan.clone().check().unwrap();
        let found = params.fit(embedding.mapv(f64::from).view(), &vec![1; places.len()]).unwrap();
        TrainedElsewhere {
            params: FitParams { umap, hdbscan, ..FitParams::default() },
            scaler: Scaler::new(vec![1.0], vec![1.0]),
            curve: (1.577, 0.895),
            embedding,
            labels: found.labels().to_vec(),
            probabilities: found.probabilities().iter().map(|&p| p as f32).collect(),
            tree: found.condensed_tree().rows().to_vec(),
            personas: BTreeMap::new(),
        }
    }

    /// Six towns near 0, six near 100, and three more customers of town A at these places.
    fn with_copies(places: [f32; 3]) -> (CustomerTable, TrainedElsewhere) {
        let towns = [&TOWNS[..], &["A"; 3]].concat();
        let near = |group: usize| (0..6).map(move |i| (100 * group) as f32 + i as f32 + 0.1 * (i * i) as f32);
        let all: Vec<f32> = near(0).chain(near(1)).chain(places).collect();
        (table(&towns), trained(&all))
    }

    #[test]
    fn copies_of_a_customer_are_where_most_of_them_were_trained() {
        let (table, elsewhere) = with_copies([101.5, 102.5, 103.5]);
        let [own, other] = [elsewhere.labels[0], elsewhere.labels[6]];
        assert_eq!(elsewhere.labels[12..], [other; 3]);
        let adopted = adopt(&table, elsewhere).unwrap();
        assert!(own != other && adopted.n_labels_kept == 14);
        let id = SegmentId::new(other as u32);
        assert_eq!(adopted.fitted.segment_of_row[0], Some(id));
        assert_eq!(adopted.fitted.model.assign_as_trained(&table).unwrap().segments(), adopted.fitted.segment_of_row);
        assert_eq!((adopted.fitted.scores.rows, adopted.fitted.scores.profiles), (15, 12));
        assert_eq!(adopted.fitted.model.segment(id).unwrap().customers, 10);
    }

    #[test]
    fn a_cluster_wins_over_noise_where_both_have_as_many_copies() {
        let (table, elsewhere) = with_copies([2.2, 5_000.0, 9_000.0]);
        assert_eq!(elsewhere.labels[13..], [-1; 2]);
        let own = SegmentId::new(elsewhere.labels[0] as u32);
        let adopted = adopt(&table, elsewhere).unwrap();
        assert_eq!(adopted.n_labels_kept, 13);
        assert_eq!(adopted.fitted.segment_of_row[13..], [Some(own); 2]);
    }

    #[test]
    fn a_persona_from_elsewhere_stands_before_the_counted_one() {
        let (table, mut elsewhere) = with_copies([1.0, 2.0, 3.0]);
        let persona = json!({"Top_Locations": ["C", "B"], "Interests": "tea"});
        for id in [0, 7] {
            elsewhere.personas.insert(SegmentId::new(id), persona.as_object().unwrap().clone());
        }
        let adopted = adopt(&table, elsewhere).unwrap();
        assert_eq!(adopted.without_cluster, [SegmentId::new(7)]);
        let found = adopted.fitted.model.segment(SegmentId::new(0)).unwrap().persona.to_json();
        assert_eq!((&found["Top_Locations"], &found["Interests"]), (&persona["Top_Locations"], &persona["Interests"]));
        assert!(found["Top_Gender"].is_null(), "of fewer than ten customers nothing is counted");
    }

    #[test]
    fn parts_that_do_not_fit_the_table_are_refused() {
        let refused = |spoil: fn(&mut TrainedElsewhere)| {
            let (table, mut elsewhere) = with_copies([1.0, 2.0, 3.0]);
            spoil(&mut elsewhere);
            adopt(&table, elsewhere).unwrap_err()
        };
        let is_model = |error: FitError| matches!(error, FitError::Model(_));
        assert!(is_model(refused(|t| t.labels.truncate(3))));
        assert!(is_model(refused(|t| t.probabilities.truncate(3))));
        assert!(is_model(refused(|t| t.scaler = Scaler::new(vec![1.0], vec![0.0]))));
        assert!(matches!(refused(|t| t.curve.0 = f32::NAN), FitError::Map(_)));
        assert!(matches!(refused(|t| t.tree.truncate(3)), FitError::Cluster(_)));
        let few = adopt(&table(&TOWNS[..9]), trained(&[0.0; 9])).unwrap_err();
        assert!(matches!(few, FitError::TooFewProfiles { found: 9, .. }));
    }
}
