//! Eight `f32` lanes, as plain arrays or as AVX2 registers, with the same bits from both.
//!
//! Every operation is one IEEE operation in each lane. A product is fused with a sum in [`Lanes::mul_add`] and nowhere
//! else. So results do not depend on the processor. On a processor without fused instructions that one operation is
//! slow, but has the same result.
#![allow(unsafe_code, reason = "compiled for AVX2, and called only on processors that have it")]

#[cfg(target_arch = "x86_64")]
mod avx2;
mod power;

pub(super) use power::power;

/// Which lanes to use: whether the processor has AVX2 and fused multiply-adds. Detected once for a whole computation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Simd {
    avx2: bool,
}

impl Simd {
    pub(super) fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        let avx2 = std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma");
        #[cfg(not(target_arch = "x86_64"))]
        let avx2 = false;
        Self { avx2 }
    }

    /// The plain arrays, whatever the processor has.
    #[cfg(test)]
    pub(super) fn portable() -> Self {
        Self { avx2: false }
    }

    /// Runs `kernel` with the widest lanes that the processor has.
    #[inline]
    pub(super) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        #[cfg(target_arch = "x86_64")]
        if self.avx2 {
            // SAFETY: `avx2` is true only if `detect` found AVX2 and fused multiply-adds.
            return unsafe { run_avx2(kernel) };
        }
        kernel.run::<[f32; 8]>()
    }
}

/// A computation that is written once for any kind of lanes. Its `run` must be `#[inline(always)]`, so that it is
/// compiled with the instructions of its caller.
pub(super) trait Kernel {
    type Output;
    fn run<L: Lanes>(self) -> Self::Output;
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn run_avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<std::arch::x86_64::__m256>()
}

/// Eight `f32` and eight 32-bit integers that share their registers. A mask is such integers, each with all bits set or
/// none.
pub(super) trait Lanes: Copy {
    type Ints: Copy;
    fn splat(value: f32) -> Self;
    fn load(values: &[f32; 8]) -> Self;
    fn store(self) -> [f32; 8];
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    /// `self · factor + term`, rounded once.
    fn mul_add(self, factor: Self, term: Self) -> Self;
    fn div(self, other: Self) -> Self;
    fn min(self, other: Self) -> Self;
    fn max(self, other: Self) -> Self;
    /// The value where `mask` is set, 0 elsewhere.
    fn keep(self, mask: Self::Ints) -> Self;
    /// This value where `mask` is set, `other` elsewhere.
    fn or_else(self, mask: Self::Ints, other: Self) -> Self;
    /// Bit `l` is set where lane `l` is at most `other`'s.
    fn at_most(self, other: Self) -> u32;
    /// The mask of lanes that are at most `other`'s.
    fn at_most_mask(self, other: Self) -> Self::Ints;
    /// The lanes' bits.
    fn bits(self) -> Self::Ints;
    /// Truncates towards zero; the value must fit an `i32`.
    fn truncate(self) -> Self::Ints;

    fn splat_ints(value: u32) -> Self::Ints;
    fn load_ints(values: &[u32; 8]) -> Self::Ints;
    fn store_ints(ints: Self::Ints) -> [u32; 8];
    fn add_ints(a: Self::Ints, b: Self::Ints) -> Self::Ints;
    fn sub_ints(a: Self::Ints, b: Self::Ints) -> Self::Ints;
    fn mul_ints(a: Self::Ints, b: Self::Ints) -> Self::Ints;
    fn and_ints(a: Self::Ints, b: Self::Ints) -> Self::Ints;
    fn xor_ints(a: Self::Ints, b: Self::Ints) -> Self::Ints;
    fn shift_left<const N: i32>(a: Self::Ints) -> Self::Ints;
    fn shift_right<const N: i32>(a: Self::Ints) -> Self::Ints;
    /// The mask of lanes with `a > b` as signed integers.
    fn greater(a: Self::Ints, b: Self::Ints) -> Self::Ints;
    /// The mask of lanes with `a != b`.
    fn differ(a: Self::Ints, b: Self::Ints) -> Self::Ints;
    /// The floats with these bits.
    fn from_bits(a: Self::Ints) -> Self;
    /// Converts signed integers.
    fn from_ints(a: Self::Ints) -> Self;
    /// The columns of an 8 × 4 table from its rows.
    fn columns(rows: [&[f32; 4]; 8]) -> [Self; 4];
    /// The rows of an 8 × 4 table from its columns.
    fn rows(columns: [Self; 4]) -> [[f32; 4]; 8];
}

#[inline(always)]
fn zip<T: Copy, U>(a: [T; 8], b: [T; 8], f: impl Fn(T, T) -> U) -> [U; 8] {
    let [a0, a1, a2, a3, a4, a5, a6, a7] = a;
    let [b0, b1, b2, b3, b4, b5, b6, b7] = b;
    [f(a0, b0), f(a1, b1), f(a2, b2), f(a3, b3), f(a4, b4), f(a5, b5), f(a6, b6), f(a7, b7)]
}

impl Lanes for [f32; 8] {
    type Ints = [u32; 8];
    #[inline(always)]
    fn splat(value: f32) -> Self {
        [value; 8]
    }
    #[inline(always)]
    fn load(values: &[f32; 8]) -> Self {
        *values
    }
    #[inline(always)]
    fn store(self) -> [f32; 8] {
        self
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        zip(self, other, |a, b| a + b)
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        zip(self, other, |a, b| a - b)
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        zip(self, other, |a, b| a * b)
    }
    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        let [a0, a1, a2, a3, a4, a5, a6, a7] = self;
        let [b0, b1, b2, b3, b4, b5, b6, b7] = factor;
        let [c0, c1, c2, c3, c4, c5, c6, c7] = term;
        let f = f32::mul_add;
        [
            f(a0, b0, c0),
            f(a1, b1, c1),
            f(a2, b2, c2),
            f(a3, b3, c3),
            f(a4, b4, c4),
            f(a5, b5, c5),
            f(a6, b6, c6),
            f(a7, b7, c7),
        ]
    }
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        zip(self, other, |a, b| a / b)
    }
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        zip(self, other, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        zip(self, other, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    fn keep(self, mask: Self::Ints) -> Self {
        zip(self.bits(), mask, |a, b| f32::from_bits(a & b))
    }
    #[inline(always)]
    fn or_else(self, mask: Self::Ints, other: Self) -> Self {
        let kept = zip(self.bits(), mask, |a, m| a & m);
        let others = zip(other.bits(), mask, |b, m| b & !m);
        zip(kept, others, |a, b| f32::from_bits(a | b))
    }
    #[inline(always)]
    fn at_most_mask(self, other: Self) -> Self::Ints {
        zip(self, other, |a, b| if a <= b { u32::MAX } else { 0 })
    }
    #[inline(always)]
    fn at_most(self, other: Self) -> u32 {
        zip(self, other, |a, b| u32::from(a <= b)).iter().rev().fold(0, |bits, &bit| bits << 1 | bit)
    }
    #[inline(always)]
    fn bits(self) -> Self::Ints {
        self.map(f32::to_bits)
    }
    #[inline(always)]
    fn truncate(self) -> Self::Ints {
        self.map(|a| a as i32 as u32)
    }
    #[inline(always)]
    fn splat_ints(value: u32) -> Self::Ints {
        [value; 8]
    }
    #[inline(always)]
    fn load_ints(values: &[u32; 8]) -> Self::Ints {
        *values
    }
    #[inline(always)]
    fn store_ints(ints: Self::Ints) -> [u32; 8] {
        ints
    }
    #[inline(always)]
    fn add_ints(a: Self::Ints, b: Self::Ints) -> Self::Ints {
        zip(a, b, u32::wrapping_add)
    }
    #[inline(always)]
    fn sub_ints(a: Self::Ints, b: Self::Ints) -> Self::Ints {
        zip(a, b, u32::wrapping_sub)
    }
    #[inline(always)]
    fn mul_ints(a: Self::Ints, b: Self::Ints) -> Self::Ints {
        zip(a, b, u32::wrapping_mul)
    }
    #[inline(always)]
    fn and_ints(a: Self::Ints, b: Self::Ints) -> Self::Ints {
        zip(a, b, |a, b| a & b)
    }
    #[inline(always)]
    fn xor_ints(a: Self::Ints, b: Self::Ints) -> Self::Ints {
        zip(a, b, |a, b| a ^ b)
    }
    #[inline(always)]
    fn shift_left<const N: i32>(a: Self::Ints) -> Self::Ints {
        a.map(|a| a << N)
    }
    #[inline(always)]
    fn shift_right<const N: i32>(a: Self::Ints) -> Self::Ints {
        a.map(|a| a >> N)
    }
    #[inline(always)]
    fn greater(a: Self::Ints, b: Self::Ints) -> Self::Ints {
        zip(a, b, |a, b| if a as i32 > b as i32 { u32::MAX } else { 0 })
    }
    #[inline(always)]
    fn differ(a: Self::Ints, b: Self::Ints) -> Self::Ints {
        zip(a, b, |a, b| if a == b { 0 } else { u32::MAX })
    }
    #[inline(always)]
    fn from_bits(a: Self::Ints) -> Self {
        a.map(f32::from_bits)
    }
    #[inline(always)]
    fn from_ints(a: Self::Ints) -> Self {
        a.map(|a| a as i32 as f32)
    }
    #[inline(always)]
    fn columns(rows: [&[f32; 4]; 8]) -> [Self; 4] {
        let column = |c: usize| rows.map(|row| row.get(c).copied().unwrap_or_default());
        [column(0), column(1), column(2), column(3)]
    }
    #[inline(always)]
    fn rows(columns: [Self; 4]) -> [[f32; 4]; 8] {
        let row = |l: usize| columns.map(|column| column.get(l).copied().unwrap_or_default());
        [row(0), row(1), row(2), row(3), row(4), row(5), row(6), row(7)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Everything([u32; 8], [f32; 8]);
    impl Kernel for Everything {
        type Output = Vec<[u32; 8]>;
        #[inline(always)]
        fn run<L: Lanes>(self) -> Vec<[u32; 8]> {
            let (a, x) = (L::load_ints(&self.0), L::load(&self.1));
            let b = x.bits();
            let y = L::splat(1.5);
            let rows: [[f32; 4]; 8] = std::array::from_fn(|l| std::array::from_fn(|c| (l * 4 + c) as f32));
            let [c0, c1, c2, c3] = L::columns(rows.each_ref());
            let floats = [
                x.add(y),
                x.sub(y),
                x.mul(y),
                x.div(y),
                x.min(y),
                x.max(y),
                x.keep(a),
                c0,
                c1,
                c2,
                c3,
                x.mul_add(y, c1),
            ];
            let mut all: Vec<_> = floats.iter().map(|x| x.store().map(f32::to_bits)).collect();
            let ints = [
                L::add_ints(a, b),
                L::sub_ints(a, b),
                L::mul_ints(a, b),
                L::and_ints(a, b),
                L::xor_ints(a, b),
                L::shift_left::<5>(a),
                L::shift_right::<5>(a),
                L::greater(a, b),
                L::differ(a, b),
                x.truncate(),
                L::from_ints(a).bits(),
            ];
            all.extend(ints.map(L::store_ints));
            let at_most = x.at_most_mask(y);
            all.push(L::store_ints(at_most));
            all.push(x.or_else(at_most, c1).store().map(f32::to_bits));
            all.extend(
                L::rows([c0, x, c2, c3]).as_flattened().chunks(8).map(|row| std::array::from_fn(|l| row[l].to_bits())),
            );
            all.push([x.at_most(y); 8]);
            all
        }
    }

    #[test]
    fn both_kinds_of_lanes_agree_on_every_operation() {
        let (ints, floats) =
            ([0, 1, 7, u32::MAX, 1 << 31, 12345, 99, 0x3fc0_0000], [-3.7, 0.0, 1.5, 1e9, -1e-9, 2.5, 8.0, 1.5]);
        assert_eq!(Simd::detect().run(Everything(ints, floats)), Simd::portable().run(Everything(ints, floats)));
    }
}
