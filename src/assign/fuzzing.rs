//! What the fuzz target `streams` asks of an input; its seeds ask the same in a test.
//!
//! Part of no build that is served.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a promise that does not hold has to end the run")]

use std::sync::{Arc, LazyLock};

use jiff::civil::{Date, date};

use super::ipc::StreamReader;
use super::{AssignFault, AssignRequest, InputFault, ProfilesRequest, assign_arrow, assign_csv, read_profiles};
use crate::customer::{Cell, CustomerTable, Schema, TableBuilder};
use crate::pipeline::{FitParams, Method, Model, fit};
use hdbscan::{HdbscanParams, MinClusterSize};
use umap::UmapParams;

const TODAY: Date = date(2026, 3, 1);

/// A small model of customers of three kinds.
static MODEL: LazyLock<Model> = LazyLock::new(|| {
    let params = FitParams {
        method: Method::UmapHdbscan,
        umap: UmapParams::default().n_neighbors(5).n_components(2).n_epochs(Some(30)),
        hdbscan: HdbscanParams::new().min_samples(2).min_cluster_size(MinClusterSize::Count(5)),
        ..FitParams::default()
    };
    fit(&customers(), &params, &|_, _| {}).unwrap().model
});

fn customers() -> CustomerTable {
    let mut builder = TableBuilder::new(Arc::new(Schema::built_in().unwrap()), TODAY);
    builder.begin_sheet(false);
    builder.push_row(&["Number", "Location", "Gender", "Date Joined", "Loyalty Tier"].map(Cell::Text)).unwrap();
    for n in 0..360 {
        let (group, within) = (n % 3, n / 3);
        let (town, day) =
            (format!("Town {}", 4 * group + within % 4), format!("202{}-{:02}-01", 2 + group, within % 12 + 1));
        let tier = ["Silver", "Gold", "Platinum"][(group + within) % 3];
        // A number each, so that none is a copy of another.
        let number = n.to_string();
        builder.push_row(&[number.as_str(), town.as_str(), "F", day.as_str(), tier].map(Cell::Text)).unwrap();
    }
    builder.finish()
}

/// Places the rows of an input, or reads them as profiles. Whether that came to its end.
///
/// The first byte says what the rest is: `c` a CSV file, `p` profiles, anything else an Arrow IPC stream.
pub fn check_stream(input: &[u8]) -> bool {
    let Some((&what, input)) = input.split_first() else { return false };
    match what {
        b'p' => check_profiles(input),
        b'c' => check_csv(input),
        _ => check_arrow(input),
    }
}

fn request<'a>() -> AssignRequest<'a> {
    AssignRequest { model: &MODEL, version: "a version", profile: None, keep: None, today: TODAY }
}

/// A whole output has the input's batches; any other never looks whole.
fn check_arrow(input: &[u8]) -> bool {
    let mut output = Vec::new();
    let placed = assign_arrow(input, &mut output, &request());
    let lengths = |stream: &[u8]| -> Result<Vec<usize>, InputFault> {
        let mut stream = StreamReader::open(stream)?;
        let mut lengths = Vec::new();
        while let Some(batch) = stream.next_batch()? {
            lengths.push(batch.num_rows());
        }
        Ok(lengths)
    };
    match placed {
        Ok(summary) => {
            let (given, written) = (lengths(input).unwrap(), lengths(&output).unwrap());
            assert_eq!(given, written);
            assert_eq!(summary.rows, given.iter().sum::<usize>() as u64);
            true
        }
        Err(AssignFault::Output(_)) => {
            // Only columns that the format cannot carry are not written to memory.
            false
        }
        Err(_) => {
            assert!(lengths(&output).is_err());
            false
        }
    }
}

fn check_csv(input: &[u8]) -> bool {
    let mut output = Vec::new();
    let placed = assign_csv(input, &mut output, &request());
    if let Ok(summary) = &placed {
        let rows = csv::Reader::from_reader(&output[..]).into_byte_records().map(Result::unwrap).count();
        assert_eq!(summary.rows, rows as u64);
    }
    placed.is_ok()
}

/// The table accounts for every customer.
fn check_profiles(input: &[u8]) -> bool {
    let schema = MODEL.schema().clone();
    let request = ProfilesRequest { schema, today: TODAY, max_rows: 1_000, max_values: 1_000 };
    let Ok(table) = read_profiles(input, &request) else { return false };
    let cleaning = table.cleaning();
    assert_eq!(cleaning.rows_read as u64, table.n_customers() + cleaning.n_dropped() as u64);
    MODEL.assign(&table).unwrap();
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `STREAM_MUTATIONS` for more than 500.
    #[test]
    fn seeds_that_were_changed_at_random_keep_every_promise() {
        let n_mutations = std::env::var("STREAM_MUTATIONS").map_or(500, |text| text.parse().unwrap());
        let mut seeds = Vec::new();
        crate::seeds::each("streams", |seed| seeds.push(seed.to_vec()));
        seeds.sort();
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut below = |limit: usize| {
            // Xorshift: the same inputs in every run.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % limit as u64) as usize
        };
        let mut n_whole = 0;
        for _ in 0..n_mutations {
            let mut input = seeds[below(seeds.len())].clone();
            for _ in 0..=below(4) {
                // The first byte says what the rest is.
                let at = 1 + below(input.len() - 1);
                let end = (at + 1 + below(64)).min(input.len());
                match below(5) {
                    0 => input[at] = below(256) as u8,
                    1 => input[at] ^= 1 << below(8),
                    2 => input[at..end].fill([0x00, 0x7f, 0xff][below(3)]),
                    3 => drop(input.splice(at..at, input[at..end].to_vec())),
                    _ => input.truncate(at + 1),
                }
            }
            n_whole += usize::from(check_stream(&input));
        }
        assert!(0 < n_whole && n_whole < n_mutations, "{n_whole} of {n_mutations} come to their end");
    }

    #[test]
    fn the_seeds_of_the_fuzz_target_keep_every_promise() {
        let mut whole = 0;
        crate::seeds::each("streams", |seed| whole += usize::from(check_stream(seed)));
        assert!(whole >= 6, "{whole} seeds come to their end");
    }
}
