//! How to train, as `training.json`, the flags of a command and the body of a request have it.

use hdbscan::{ClusterSelection, MinClusterSize};
use linfa::ParamGuard;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{FitError, FitParams, Method};
use crate::customer::ColumnSettings;

/// Parameters of this training. A parameter that is left out keeps its current value.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TrainingSettings {
    /// `umap_hdbscan` or `latent_classes`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<Method>,
    /// Neighbours of a profile on the map, itself among them, 2 or more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 120)]
    pub n_neighbors: Option<usize>,
    /// The distance on the map up to which two profiles count as one, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 0.1)]
    pub min_dist: Option<f32>,
    /// Dimensions of the map.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 10)]
    pub n_components: Option<usize>,
    /// Neighbours that make a place on the map dense, 1 or more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 5)]
    pub min_samples: Option<usize>,
    /// The smallest segment: a number of customers (`400`) or a share of them (`"8%"`); at least 20 customers.
    #[serde(skip_serializing_if = "Option::is_none", with = "size")]
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "8%")]
    pub min_cluster_size: Option<MinClusterSize>,
    /// Which clusters are chosen: `excess_of_mass` or `leaf`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "excess_of_mass")]
    pub selection: Option<ClusterSelection>,
    /// The seed of all random numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 42)]
    pub seed: Option<u64>,
    /// How columns count, where it is not as the schema has it; `{}` is all as the schema has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<ColumnSettings>,
}

impl TrainingSettings {
    /// The settings that name all that they can of `params`.
    ///
    /// # Errors
    /// [`FitError::Map`] and [`FitError::Cluster`] where these break a rule.
    pub fn of(params: &FitParams) -> Result<Self, FitError> {
        let umap = params.umap.check_ref().map_err(FitError::Map)?;
        let hdbscan = params.hdbscan.check_ref().map_err(FitError::Cluster)?;
        Ok(Self {
            method: Some(params.method),
            n_neighbors: Some(umap.n_neighbors()),
            min_dist: Some(umap.min_dist()),
            n_components: Some(umap.n_components()),
            min_samples: Some(hdbscan.min_samples()),
            min_cluster_size: Some(hdbscan.min_cluster_size()),
            selection: Some(hdbscan.selection()),
            seed: Some(umap.seed()),
            columns: Some(params.columns.clone()),
        })
    }

    /// These settings, and those of `below` where these say nothing.
    #[must_use]
    pub fn over(self, below: &Self) -> Self {
        Self {
            method: self.method.or(below.method),
            n_neighbors: self.n_neighbors.or(below.n_neighbors),
            min_dist: self.min_dist.or(below.min_dist),
            n_components: self.n_components.or(below.n_components),
            min_samples: self.min_samples.or(below.min_samples),
            min_cluster_size: self.min_cluster_size.or(below.min_cluster_size),
            selection: self.selection.or(below.selection),
            seed: self.seed.or(below.seed),
            columns: self.columns.or_else(|| below.columns.clone()),
        }
    }

    /// `params` with these settings, fit to train by.
    ///
    /// # Errors
    /// As [`FitParams::check`].
    pub fn applied(&self, params: &FitParams) -> Result<FitParams, FitError> {
        let FitParams { mut method, mut umap, mut hdbscan, mut columns } = params.clone();
        method = self.method.unwrap_or(method);
        umap = self.n_neighbors.into_iter().fold(umap, |umap, n| umap.n_neighbors(n));
        umap = self.min_dist.into_iter().fold(umap, |umap, distance| umap.min_dist(distance));
        umap = self.n_components.into_iter().fold(umap, |umap, n| umap.n_components(n));
        umap = self.seed.into_iter().fold(umap, |umap, seed| umap.seed(seed));
        hdbscan = self.min_samples.into_iter().fold(hdbscan, |hdbscan, n| hdbscan.min_samples(n));
        hdbscan = self.min_cluster_size.into_iter().fold(hdbscan, |hdbscan, size| hdbscan.min_cluster_size(size));
        hdbscan = self.selection.into_iter().fold(hdbscan, |hdbscan, selection| hdbscan.selection(selection));
        columns = self.columns.clone().unwrap_or(columns);
        let params = FitParams { method, umap, hdbscan, columns };
        params.check()?;
        Ok(params)
    }

    /// The flags of `content-portal retrain` that say the same.
    pub fn flags(&self) -> Vec<String> {
        let settings = match serde_json::to_value(self) {
            Ok(Value::Object(settings)) => settings,
            _ => Map::new(),
        };
        let text = |value: Value| match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        settings.into_iter().flat_map(|(key, value)| [format!("--{}", key.replace('_', "-")), text(value)]).collect()
    }
}

impl FitParams {
    /// Whether a training can be made by these parameters.
    ///
    /// # Errors
    /// [`FitError::Map`] and [`FitError::Cluster`].
    pub fn check(&self) -> Result<(), FitError> {
        self.umap.check_ref().map_err(FitError::Map)?;
        self.hdbscan.check_ref().map_err(FitError::Cluster)?;
        Ok(())
    }
}

/// A size as a number or as text.
mod size {
    use super::{Deserialize, Deserializer, MinClusterSize, Serialize, Serializer};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Number(u64),
        Text(String),
    }

    #[expect(clippy::ref_option, reason = "serde asks by reference")]
    pub(super) fn serialize<S: Serializer>(size: &Option<MinClusterSize>, to: S) -> Result<S::Ok, S::Error> {
        size.serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<MinClusterSize>, D::Error> {
        match Option::deserialize(from)? {
            None => Ok(None),
            Some(Written::Number(count)) => Ok(Some(MinClusterSize::Count(count))),
            Some(Written::Text(text)) => text.parse().map(Some).map_err(serde::de::Error::custom),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(json: &str) -> TrainingSettings {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn what_is_not_named_stays_as_it_was() {
        let params = settings(r#"{"n_neighbors": 15, "min_cluster_size": 40}"#).applied(&FitParams::default()).unwrap();
        let later = settings(r#"{"min_cluster_size": "4%", "selection": "leaf", "seed": 7}"#);
        let params = later.applied(&params).unwrap();
        let json = serde_json::to_value(&params).unwrap();
        assert_eq!((&json["umap"]["n_neighbors"], &json["umap"]["seed"]), (&15.into(), &7.into()));
        assert_eq!(json["hdbscan"]["min_cluster_size"], "4%");
        assert_eq!((&json["hdbscan"]["selection"], &json["hdbscan"]["min_samples"]), (&"leaf".into(), &5.into()));
        assert_eq!(serde_json::from_value::<FitParams>(json).unwrap(), params);
        let named = TrainingSettings::of(&params).unwrap();
        assert_eq!(named.applied(&FitParams::default()).unwrap(), params);
    }

    #[test]
    fn nearer_settings_win_over_farther_ones() {
        let file = settings(r#"{"n_neighbors": 15, "seed": 1}"#);
        assert_eq!(settings(r#"{"seed": 2}"#).over(&file), settings(r#"{"n_neighbors": 15, "seed": 2}"#));
    }

    #[test]
    fn a_wrong_key_or_value_is_refused_by_its_name() {
        let why = |json: &str| match serde_json::from_str::<TrainingSettings>(json) {
            Ok(settings) => format!("{:#}", settings.applied(&FitParams::default()).unwrap_err()),
            Err(error) => error.to_string(),
        };
        assert!(why(r#"{"n_neigbors": 15}"#).contains("n_neigbors"));
        assert!(why(r#"{"min_cluster_size": "many"}"#).contains("many"));
        assert!(why(r#"{"method": "kmeans"}"#).contains("kmeans"));
        assert!(why(r#"{"n_neighbors": 1}"#).contains("map"));
        assert!(why(r#"{"min_samples": 0}"#).contains("cluster"));
    }

    #[test]
    fn the_flags_say_the_same() {
        let all = settings(
            r#"{"method": "umap_hdbscan", "n_neighbors": 15, "min_dist": 0.5, "n_components": 4, "min_samples": 3,
                "min_cluster_size": "8%", "selection": "leaf", "seed": 9}"#,
        );
        let flags = "--method umap_hdbscan --n-neighbors 15 --min-dist 0.5 --n-components 4 --min-samples 3 \
                     --min-cluster-size 8% --selection leaf --seed 9";
        assert_eq!(all.flags().join(" "), flags);
        assert!(TrainingSettings::default().flags().is_empty());
    }
}
