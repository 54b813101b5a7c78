//! By what a training finds the segments, and with which parameters.

use std::fmt;
use std::str::FromStr;

use hdbscan::HdbscanParams;
use serde::{Deserialize, Serialize};
use umap::UmapParams;
use utoipa::ToSchema;

use crate::customer::ColumnSettings;

/// How to train. The defaults are the original's parameters.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FitParams {
    /// What finds the segments.
    #[serde(skip_serializing_if = "Method::is_default")]
    pub method: Method,
    /// The map; its seed is that of the latent classes, too.
    pub umap: UmapParams,
    /// The clusters.
    pub hdbscan: HdbscanParams,
    /// How the schema's columns count, where it is not as the schema has it. The code that makes the table applies it.
    #[serde(skip_serializing_if = "ColumnSettings::is_empty")]
    pub columns: ColumnSettings,
}

/// Which method finds the segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// A map by UMAP and its clusters by HDBSCAN, as in the original.
    #[default]
    UmapHdbscan,
    /// A latent class model of the profiles.
    LatentClasses,
}

impl Method {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Method {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::UmapHdbscan => "umap_hdbscan",
            Self::LatentClasses => "latent_classes",
        })
    }
}

impl FromStr for Method {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::UmapHdbscan, Self::LatentClasses]
            .into_iter()
            .find(|method| method.to_string() == text)
            .ok_or("it must be umap_hdbscan or latent_classes")
    }
}
