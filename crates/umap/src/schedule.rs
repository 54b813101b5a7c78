//! Which edges a transform draws in which epoch: an edge of weight `w` every `max w / w` epochs, as in `umap-learn`.
#![expect(clippy::indexing_slicing, reason = "the constructor counts the chunks, and due edges fit their list")]

use super::simd::Lanes;

/// The edges of eight vertices, one vertex a lane, in chunks of eight edges, with the epoch in which each is due next.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    /// The chunks of lane `l` are `starts[l]..starts[l + 1]`.
    starts: [usize; 9],
    /// The other vertex of each edge, `[chunk][slot]`.
    tails: Vec<[u32; 8]>,
    /// Epochs between two draws, at least 1; infinite in slots without an edge.
    periods: Vec<[f32; 8]>,
    /// The epoch in which the edge is due next.
    next: Vec<[f32; 8]>,
    /// The tails that are due in this epoch, `[draw][lane]`.
    due: Vec<[u32; 8]>,
}

impl Schedule {
    /// `lanes` are the edges of up to eight vertices, as (tail, weight). `max_weight(l)` is the weight that lane `l`
    /// draws in every epoch.
    pub(super) fn new(lanes: &[Vec<(u32, f32)>], max_weight: impl Fn(usize) -> f32) -> Self {
        let mut new = Self { starts: [0; 9], tails: vec![], periods: vec![], next: vec![], due: vec![] };
        let mut edges = Vec::new();
        for l in 0..8 {
            edges.clear();
            edges.extend_from_slice(lanes.get(l).map_or(&[], Vec::as_slice));
            // Edges that are drawn often come first, so that most epochs touch the same few chunks.
            edges.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            for chunk in edges.chunks(8) {
                let (mut tails, mut periods) = ([0; 8], [f32::INFINITY; 8]);
                for (slot, &(tail, weight)) in chunk.iter().enumerate() {
                    (tails[slot], periods[slot]) = (tail, max_weight(l) / weight);
                }
                new.tails.push(tails);
                new.periods.push(periods);
                new.next.push(periods);
            }
            new.starts[l + 1] = new.tails.len();
        }
        let longest = new.starts.windows(2).map(|ends| ends[1] - ends[0]).max().unwrap_or(0);
        new.due = vec![[0; 8]; longest * 8];
        new
    }

    /// Collects the edges due in `epoch`, to be read with [`Self::tails`], and returns the number of each lane.
    #[inline(always)]
    pub(super) fn advance<L: Lanes>(&mut self, epoch: usize) -> [u32; 8] {
        let now = L::splat(epoch as f32);
        let mut counts = [0; 8];
        for (l, drawn) in counts.iter_mut().enumerate() {
            let mut count = 0;
            for chunk in self.starts[l]..self.starts[l + 1] {
                let mut due = L::load(&self.next[chunk]).at_most(now);
                while due != 0 {
                    let slot = due.trailing_zeros() as usize;
                    due &= due - 1;
                    self.next[chunk][slot] += self.periods[chunk][slot];
                    self.due[count][l] = self.tails[chunk][slot];
                    count += 1;
                }
            }
            *drawn = count as u32;
        }
        counts
    }

    /// The tails of the `draw`-th draw in the epoch of [`Self::advance`]. A lane with fewer draws has some vertex
    /// there.
    #[inline(always)]
    pub(super) fn tails(&self, draw: usize) -> &[u32; 8] {
        &self.due[draw]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_is_drawn_in_proportion_to_its_weight() {
        let edges: Vec<(u32, f32)> = (0..30).map(|j| (j, (j + 1) as f32 / 30.0)).collect();
        let mut schedule = Schedule::new(&[vec![], edges, vec![(99, 0.5)]], |l| if l == 2 { 0.5 } else { 1.0 });
        let mut drawn = [0; 100];
        for epoch in 0..=300 {
            let counts = schedule.advance::<[f32; 8]>(epoch);
            for (lane, count) in counts.into_iter().enumerate() {
                (0..count as usize).for_each(|draw| drawn[schedule.tails(draw)[lane] as usize] += 1);
            }
        }
        for (j, &drawn) in drawn.iter().enumerate().take(30) {
            let expected = 300.0 * (j + 1) as f64 / 30.0;
            assert!((f64::from(drawn) - expected).abs() <= 1.0, "{j}: {drawn}, {expected}");
        }
        assert_eq!(drawn[99], 300);
    }

    #[test]
    fn nothing_is_drawn_in_the_first_epoch() {
        let mut schedule = Schedule::new(&[vec![(1, 1.0)]], |_| 1.0);
        assert_eq!(schedule.advance::<[f32; 8]>(0), [0; 8]);
        assert_eq!(schedule.advance::<[f32; 8]>(1), [1, 0, 0, 0, 0, 0, 0, 0]);
    }
}
