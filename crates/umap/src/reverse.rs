//! Lists the other way round: for each target, the sources that list it. In parallel, and without a list for each
//! target.
//!
//! Sources are sorted by parts of targets, piece by piece, and each part is then sorted by target when it is needed. So
//! every entry is written twice and close to the one before, where writing to the lists of all targets at once would
//! miss the cache every time.
#![expect(clippy::indexing_slicing, reason = "targets are below their number, and parts are counted from it")]

use std::ops::Range;

use rayon::prelude::*;

/// Sources that one thread sorts at a time.
const SOURCES_A_PIECE: usize = 1024;
/// The number of parts, at most.
const PARTS: usize = 512;

/// The entries of all sources, sorted by the parts of their targets.
pub(super) struct Reversed {
    n_targets: usize,
    /// Targets of each part.
    size: usize,
    pieces: Vec<Piece>,
}

/// The entries of some sources: those of part `p` are `starts[p]..starts[p + 1]`, as target, source and value.
struct Piece {
    starts: Vec<u32>,
    entries: Vec<[u32; 3]>,
}

/// The sources and values of the targets of one part.
pub(super) struct Part {
    targets: Range<usize>,
    starts: Vec<u32>,
    sources: Vec<(u32, u32)>,
}

impl Reversed {
    /// `n` points list each other: `listed` yields a source's targets, each with its value.
    pub(super) fn new<I: Iterator<Item = (u32, u32)>>(n: usize, listed: impl Fn(usize) -> I + Sync) -> Self {
        let size = n.div_ceil(PARTS).max(1);
        let piece = |piece: usize| {
            let sources = piece * SOURCES_A_PIECE..((piece + 1) * SOURCES_A_PIECE).min(n);
            let mut starts = vec![0; n.div_ceil(size) + 1];
            for (target, _) in sources.clone().flat_map(&listed) {
                starts[target as usize / size + 1] += 1;
            }
            add_up(&mut starts);
            let mut next = starts.clone();
            let mut entries = vec![[0; 3]; starts.last().map_or(0, |&end| end as usize)];
            for source in sources {
                for (target, value) in listed(source) {
                    let at = &mut next[target as usize / size];
                    entries[*at as usize] = [target, source as u32, value];
                    *at += 1;
                }
            }
            Piece { starts, entries }
        };
        let pieces = (0..n.div_ceil(SOURCES_A_PIECE)).into_par_iter().map(piece).collect();
        Self { n_targets: n, size, pieces }
    }

    /// Targets of each part, of which the last one may have fewer.
    pub(super) fn targets_at_once(&self) -> usize {
        self.size
    }

    /// One part. The sources of a target ascend.
    pub(super) fn part(&self, part: usize) -> Part {
        let targets = part * self.size..((part + 1) * self.size).min(self.n_targets);
        let entries = || {
            self.pieces
                .iter()
                .flat_map(|piece| &piece.entries[piece.starts[part] as usize..piece.starts[part + 1] as usize])
        };
        let mut starts = vec![0; targets.len() + 1];
        entries().for_each(|&[target, ..]| starts[target as usize - targets.start + 1] += 1);
        add_up(&mut starts);
        let mut next = starts.clone();
        let mut sources = vec![(0, 0); starts.last().map_or(0, |&end| end as usize)];
        for &[target, source, value] in entries() {
            let at = &mut next[target as usize - targets.start];
            sources[*at as usize] = (source, value);
            *at += 1;
        }
        Part { targets, starts, sources }
    }
}

impl Part {
    pub(super) fn targets(&self) -> Range<usize> {
        self.targets.clone()
    }

    /// The sources that list `target`, ascending, each with its value.
    pub(super) fn sources(&self, target: usize) -> &[(u32, u32)] {
        let row = target - self.targets.start;
        &self.sources[self.starts[row] as usize..self.starts[row + 1] as usize]
    }
}

/// Replaces lengths, one place too late, by starts.
fn add_up(lengths: &mut [u32]) {
    let mut end = 0;
    for length in lengths {
        end += *length;
        *length = end;
    }
}

#[cfg(test)]
mod tests {
    use super::super::random::mix64;
    use super::*;

    #[test]
    fn every_entry_is_found_under_its_target_and_sources_ascend() {
        for n in [1, 7, 600, 5000] {
            let listed = |i: usize| (0..9).map(move |j| ((mix64((i * 9 + j) as u64) % n as u64) as u32, j as u32));
            let reversed = Reversed::new(n, listed);
            let mut found = Vec::new();
            for part in (0..n.div_ceil(reversed.targets_at_once())).map(|part| reversed.part(part)) {
                for target in part.targets() {
                    assert!(part.sources(target).is_sorted_by_key(|&(source, _)| source));
                    found.extend(part.sources(target).iter().map(|&(source, value)| (source, value, target as u32)));
                }
            }
            found.sort_unstable();
            let mut expected: Vec<_> =
                (0..n).flat_map(|i| listed(i).map(move |(target, value)| (i as u32, value, target))).collect();
            expected.sort_unstable();
            assert_eq!(found, expected);
        }
    }
}
