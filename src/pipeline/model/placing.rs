//! Where the rows of a table belong: by look-up, on the map, or by their posteriors.

use hdbscan::Prediction;
use latent_classes::Prediction as Classified;
use ndarray::{Array2, ArrayView1, ArrayView2, Axis};

use super::super::encoder::Profiles;
use super::super::method::{Grouping, LatentClasses, MapClusters};
use super::super::placement::{Nearest, Placement, SetAside};
use super::super::{AssignError, SegmentId, TraitValue};
use super::Model;
use crate::customer::{CustomerTable, FormFields};

/// Where the rows of one table belong.
#[derive(Debug, Clone)]
pub struct Assignment {
    /// For each row the number of its profile, a position in `placements`.
    pub profile_of_row: Vec<u32>,
    /// For each distinct profile its place.
    pub placements: Vec<Placement>,
    /// Values that training never saw, by feature, with their rows.
    pub unseen: Vec<(String, Vec<(TraitValue, u64)>)>,
}

impl Model {
    /// Places one unseen profile so that lazy indexes exist before the first request.
    ///
    /// # Errors
    /// As [`Model::assign`]: the model then answers nothing.
    pub fn warm_up(&self) -> Result<(), AssignError> {
        let Grouping::Map(map) = &self.grouping else { return Ok(()) };
        let nobody = Array2::zeros((1, self.encoder.n_features()));
        let places = self.places_of_unseen(map, nobody.view())?;
        map.predict(places.view())?;
        map.hdbscan.nearest_clusters(places.mapv(f64::from).view()).map_err(AssignError::Cluster)?;
        Ok(())
    }

    /// What the fields of a form are called that describes a customer.
    pub fn form_fields(&self) -> &FormFields {
        &self.form_fields
    }

    /// Places every row of `table` as anybody may be told.
    ///
    /// A profile that ten or more customers of the training have is looked up. Every other one is put on the map and
    /// given to the clusters, by the training's other customers alone; or it is given to the class of the largest
    /// posterior. So no answer tells whether training had a customer like this one. On a map strengths come in steps of
    /// 0.05. The result of a row depends on that row alone.
    ///
    /// # Errors
    /// [`AssignError::OtherSchema`] when the table was read by another schema than the model's.
    pub fn assign(&self, table: &CustomerTable) -> Result<Assignment, AssignError> {
        let profiles = self.profiles(table)?;
        let placements = self.place(&profiles)?;
        Ok(Assignment { profile_of_row: profiles.of_row, placements, unseen: self.encoder.unseen(table) })
    }

    /// Places every row of `table` where training did, if it met the profile, however few customers have it; for
    /// comparisons between trainings, and for no answer.
    ///
    /// # Errors
    /// As [`Model::assign`].
    pub fn assign_as_trained(&self, table: &CustomerTable) -> Result<Assignment, AssignError> {
        let Grouping::Map(map) = &self.grouping else { return self.assign(table) };
        let profiles = self.profiles(table)?;
        let rows = self.encoder.encode(&profiles, &self.scaler);
        let numbers = rows.rows().into_iter().map(|row| self.number_of(row)).collect();
        let placements = self.place_rows(map, &rows, numbers)?;
        Ok(Assignment { profile_of_row: profiles.of_row, placements, unseen: self.encoder.unseen(table) })
    }

    /// The segment of each row of `table` that the training had customers like it in; `None` where it had none.
    ///
    /// On a map that is where the row is placed: far from every cluster it is outside. Latent classes place everybody,
    /// a wholly new kind of customers too. Of these a row counts that is as a training customer was, or that has no
    /// value which training never saw and is no less likely than the least likely hundredth of the training's
    /// customers.
    ///
    /// # Errors
    /// As [`Model::assign`].
    pub fn segments_of_alike(&self, table: &CustomerTable) -> Result<Vec<Option<SegmentId>>, AssignError> {
        let Grouping::Latent(latent) = &self.grouping else { return Ok(self.assign_as_trained(table)?.segments()) };
        let profiles = self.profiles(table)?;
        let has_new_value = self.encoder.has_unlisted(table, &latent.features());
        let likely = latent.are_likely(&profiles).map_err(AssignError::Classes)?;
        let rows = self.encoder.encode(&profiles, &self.scaler);
        let known = rows.rows().into_iter().map(|row| self.number_of(row).is_some());
        let alike = self.place(&profiles)?.into_iter().zip(likely).zip(known);
        let alike = alike.map(|((place, is_likely), is_known)| place.segment.filter(|_| is_known || is_likely));
        let of_profile: Vec<Option<SegmentId>> = alike.collect();
        let rows = profiles.of_row.iter().zip(has_new_value);
        let segment =
            |(&profile, is_new): (&u32, bool)| of_profile.get(profile as usize).copied().flatten().filter(|_| !is_new);
        Ok(rows.map(segment).collect())
    }

    /// The places of `profiles`, in their order.
    ///
    /// # Errors
    /// As [`Model::assign`].
    pub(in crate::pipeline) fn place(&self, profiles: &Profiles) -> Result<Vec<Placement>, AssignError> {
        match &self.grouping {
            Grouping::Map(map) => self.placed.placed(profiles.keys(), |missing| {
                let rows = self.encoder.encode_some(profiles, missing, &self.scaler);
                let looked_up = rows.rows().into_iter().map(|row| self.looked_up(row)).collect();
                let placements = self.place_rows(map, &rows, looked_up)?;
                Ok(if self.is_sample { placements } else { placements.into_iter().map(Placement::coarse).collect() })
            }),
            Grouping::Latent(latent) => {
                let rows = self.encoder.encode(profiles, &self.scaler);
                self.classify(latent, profiles, &rows)
            }
        }
    }

    /// Places profiles by their posteriors; `rows` are the same profiles encoded.
    fn classify(
        &self,
        latent: &LatentClasses,
        profiles: &Profiles,
        rows: &Array2<f32>,
    ) -> Result<Vec<Placement>, AssignError> {
        let Classified { labels, strengths } = latent.predict(profiles).map_err(AssignError::Classes)?;
        let place = |((label, strength), row): ((usize, f64), ArrayView1<'_, f32>)| {
            let segment = self.id_of_label.get(label).copied();
            let nearest = segment.map(|cluster_id| Nearest { cluster_id, membership: strength });
            Placement {
                segment,
                strength,
                nearest,
                is_known: self.looked_up(row).is_some(),
                is_partial: false,
                set_aside: SetAside::default(),
            }
        };
        Ok(labels.into_iter().zip(strengths).zip(rows.rows()).map(place).collect())
    }

    /// Places encoded profiles, `(n_profiles, n_features)`: those with a number where that training profile is, the
    /// others as unseen ones.
    fn place_rows(
        &self,
        map: &MapClusters,
        rows: &Array2<f32>,
        numbers: Vec<Option<u32>>,
    ) -> Result<Vec<Placement>, AssignError> {
        let others: Vec<usize> =
            numbers.iter().enumerate().filter(|(_, number)| number.is_none()).map(|(profile, _)| profile).collect();
        let places = match others.as_slice() {
            [] => Array2::zeros((0, map.umap.embedding().ncols())),
            others => self.places_of_unseen(map, rows.select(Axis(0), others).view())?,
        };
        let prediction = map.predict(places.view())?;
        let mut predicted = prediction.labels.into_iter().zip(prediction.strengths).zip(places.rows());
        let (mut placements, mut outside, mut outside_places) =
            (Vec::with_capacity(numbers.len()), Vec::new(), Vec::new());
        for number in numbers {
            let (label, strength, place) = match number {
                Some(number) => map.known_place(number as usize).ok_or(AssignError::Incomplete)?,
                None => predicted.next().map(|((l, s), place)| (l, s, place)).ok_or(AssignError::Incomplete)?,
            };
            if label < 0 {
                outside.push(placements.len());
                outside_places.extend(place.iter().map(|&coordinate| f64::from(coordinate)));
            }
            let segment = self.segment_of(label);
            let nearest = segment.map(|cluster_id| Nearest { cluster_id, membership: strength });
            placements.push(Placement {
                segment,
                strength,
                nearest,
                is_known: number.is_some(),
                is_partial: false,
                set_aside: SetAside::default(),
            });
        }
        let n_dimensions = map.umap.embedding().ncols();
        let outside_places = Array2::from_shape_vec((outside.len(), n_dimensions), outside_places);
        let outside_places = outside_places.map_err(|_| AssignError::Incomplete)?;
        let nearest = map.hdbscan.nearest_clusters(outside_places.view()).map_err(AssignError::Cluster)?;
        for (profile, nearest) in outside.into_iter().zip(nearest) {
            if let Some(placement) = placements.get_mut(profile) {
                placement.nearest = nearest
                    .and_then(|n| Some(Nearest { cluster_id: self.segment_of(n.label)?, membership: n.membership }));
            }
        }
        Ok(placements)
    }

    /// The places on the map of encoded profiles, `(n_profiles, n_features)`, by the training's other customers alone.
    pub(super) fn places_of_unseen(
        &self,
        map: &MapClusters,
        rows: ArrayView2<'_, f32>,
    ) -> Result<Array2<f32>, AssignError> {
        let left_out = rows.rows().into_iter().map(|row| self.few.like(row, &self.tenths).to_vec());
        map.umap.transform_without(rows, &left_out.collect::<Vec<_>>()).map_err(AssignError::Map)
    }
}

impl MapClusters {
    /// Label, strength and place of a training profile.
    fn known_place(&self, position: usize) -> Option<(i32, f64, ArrayView1<'_, f32>)> {
        let label = *self.hdbscan.labels().get(position)?;
        let strength = *self.hdbscan.probabilities().get(position)?;
        let embedding = self.umap.embedding();
        let place = (position < embedding.nrows()).then(|| embedding.index_axis_move(Axis(0), position))?;
        Some((label, strength, place))
    }

    /// The clusters of these places on the map.
    fn predict(&self, places: ArrayView2<'_, f32>) -> Result<Prediction, AssignError> {
        if places.nrows() == 0 {
            return Ok(Prediction { labels: Vec::new(), strengths: Vec::new() });
        }
        self.hdbscan.predict(places.mapv(f64::from).view()).map_err(AssignError::Cluster)
    }
}

impl Assignment {
    /// The place of row `row`.
    pub fn of_row(&self, row: usize) -> Option<&Placement> {
        self.placements.get(*self.profile_of_row.get(row)? as usize)
    }

    /// The segment of every row, `None` outside every cluster.
    pub fn segments(&self) -> Vec<Option<SegmentId>> {
        self.profile_of_row.iter().map(|&p| self.placements.get(p as usize)?.segment).collect()
    }
}
