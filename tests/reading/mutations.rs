//! Good files with something changed at random, each read by the real reader process.

use std::io::{Cursor, Read};

use content_portal::workbook::WorkbookError;
use zip::ZipArchive;

use super::apart::read_apart;
use super::sheets::{fixture, small_csv, small_xlsx};
use super::strangers::with_parts;

/// How many; `READER_MUTATIONS` sets another number.
const MUTATIONS: u64 = 150;

/// Numbers that are the same in every run (SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    /// Changes bytes, or takes some away, or doubles some.
    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(8) {
            let at = self.below(bytes.len());
            let end = (at + 1 + self.below(64)).min(bytes.len());
            match self.below(8) {
                0 => bytes.truncate(at),
                1 => drop(bytes.drain(at..end)),
                2 => {
                    let doubled = bytes[at..end].to_vec();
                    drop(bytes.splice(at..at, doubled));
                }
                3 => bytes[at..end].fill([0, 0xff, b'9'][self.below(3)]),
                _ => bytes[at] = self.next() as u8,
            }
            if bytes.is_empty() {
                return;
            }
        }
    }
}

/// The parts of a workbook that are read.
fn parts(workbook: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = ZipArchive::new(Cursor::new(workbook)).unwrap();
    let names: Vec<String> = archive.file_names().map(|name| name.unwrap().into_owned()).collect();
    let read = |name: String| {
        let mut content = Vec::new();
        archive.by_name(&name).unwrap().read_to_end(&mut content).unwrap();
        (name, content)
    };
    names.into_iter().filter(|name| name.starts_with("xl/") && !name.contains("theme")).map(read).collect()
}

#[test]
fn a_file_changed_at_random_is_read_or_refused() {
    let n_mutations = std::env::var("READER_MUTATIONS").map_or(MUTATIONS, |n| n.parse().unwrap());
    let xlsx = [small_xlsx(), fixture("tests/fixtures/dirty.xlsx")];
    let others = [fixture("tests/fixtures/customers_300.xls"), small_csv(";").into_bytes()];
    let mut counts = std::collections::BTreeMap::<String, usize>::new();
    for seed in 0..n_mutations {
        let mut numbers = Numbers(seed);
        let bytes = match seed % 4 {
            // Inside a part: no checksum stands before what reads it.
            0 => {
                let workbook = &xlsx[numbers.below(xlsx.len())];
                let mut parts = parts(workbook);
                let changed = numbers.below(parts.len());
                numbers.mutate(&mut parts[changed].1);
                with_parts(workbook, &[(&parts[changed].0, &parts[changed].1)])
            }
            1 => {
                let mut bytes = xlsx[numbers.below(xlsx.len())].clone();
                numbers.mutate(&mut bytes);
                bytes
            }
            _ => {
                let mut bytes = others[usize::from(seed % 16 == 3)].clone();
                numbers.mutate(&mut bytes);
                bytes
            }
        };
        let outcome = match read_apart(&bytes) {
            Ok(_) => "read".to_owned(),
            Err(error @ (WorkbookError::Io(_) | WorkbookError::NoReader(_) | WorkbookError::Stopped)) => {
                panic!("seed {seed}: {error:?} is no answer to a caller's file")
            }
            Err(error) => super::sheets::variant(&error),
        };
        *counts.entry(outcome).or_default() += 1;
    }
    println!("{counts:?}");
    assert!(counts.contains_key("read") && counts.contains_key("Damaged"), "{counts:?}");
}
