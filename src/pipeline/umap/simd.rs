//! Eight `f32` lanes, as plain arrays or as AVX2 registers, with the same bits from both.
//!
//! Every operation is one IEEE operation a lane and nothing is contracted to a fused multiply-add, so a layout does
//! not depend on the processor it was made on. For the `umap` folder alone.

/// Whether the processor has AVX2, asked once for a whole computation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Simd {
    avx2: bool,
}

impl Simd {
    pub(super) fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        let avx2 = std::arch::is_x86_feature_detected!("avx2");
        #[cfg(not(target_arch = "x86_64"))]
        let avx2 = false;
        Self { avx2 }
    }

    /// The plain arrays, whatever the processor has.
    #[cfg(test)]
    pub(super) fn portable() -> Self {
        Self { avx2: false }
    }

    /// Runs `kernel` with the widest lanes there are.
    #[inline]
    pub(super) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        #[cfg(target_arch = "x86_64")]
        if self.avx2 {
            // SAFETY: `avx2` is true only after the processor said that it has AVX2.
            return unsafe { run_avx2(kernel) };
        }
        kernel.run::<[f32; 8]>()
    }
}

/// A computation written once for any kind of lanes; its `run` must be `#[inline(always)]` to be compiled for them.
pub(super) trait Kernel {
    type Output;
    fn run<L: Lanes>(self) -> Self::Output;
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn run_avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<std::arch::x86_64::__m256>()
}

/// Eight `f32` side by side, and the eight 32-bit integers that share their registers.
pub(super) trait Lanes: Copy {
    type Ints: Copy;
    fn splat(value: f32) -> Self;
    fn load(values: &[f32; 8]) -> Self;
    fn store(self) -> [f32; 8];
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    fn div(self, other: Self) -> Self;
    fn min(self, other: Self) -> Self;
    fn max(self, other: Self) -> Self;
    /// The value where all bits of `mask` are set, 0 where none is.
    fn keep(self, mask: Self::Ints) -> Self;
    /// Bit `l` is set where lane `l` is at most `other`'s.
    fn at_most(self, other: Self) -> u32;
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
    /// All bits where `a > b` as signed integers, else none.
    fn greater(a: Self::Ints, b: Self::Ints) -> Self::Ints;
    /// All bits where `a != b`, else none.
    fn differ(a: Self::Ints, b: Self::Ints) -> Self::Ints;
    /// The floats with these bits.
    fn from_bits(a: Self::Ints) -> Self;
    /// Converts signed integers.
    fn from_ints(a: Self::Ints) -> Self;
    /// Columns of an 8 × 4 table given by its rows.
    fn columns(rows: [&[f32; 4]; 8]) -> [Self; 4];
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
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::*;

    use super::Lanes;

    // SAFETY, for every block below: the intrinsics need AVX2 and nothing else, and this implementation is only
    // reached through `run_avx2`, whose caller has checked for it. The loads read exactly the array they are given.
    impl Lanes for __m256 {
        type Ints = __m256i;
        #[inline(always)]
        fn splat(value: f32) -> Self {
            unsafe { _mm256_set1_ps(value) }
        }
        #[inline(always)]
        fn load(values: &[f32; 8]) -> Self {
            unsafe { _mm256_loadu_ps(values.as_ptr()) }
        }
        #[inline(always)]
        fn store(self) -> [f32; 8] {
            let mut values = [0.0; 8];
            unsafe { _mm256_storeu_ps(values.as_mut_ptr(), self) };
            values
        }
        #[inline(always)]
        fn add(self, other: Self) -> Self {
            unsafe { _mm256_add_ps(self, other) }
        }
        #[inline(always)]
        fn sub(self, other: Self) -> Self {
            unsafe { _mm256_sub_ps(self, other) }
        }
        #[inline(always)]
        fn mul(self, other: Self) -> Self {
            unsafe { _mm256_mul_ps(self, other) }
        }
        #[inline(always)]
        fn div(self, other: Self) -> Self {
            unsafe { _mm256_div_ps(self, other) }
        }
        #[inline(always)]
        fn min(self, other: Self) -> Self {
            unsafe { _mm256_min_ps(self, other) }
        }
        #[inline(always)]
        fn max(self, other: Self) -> Self {
            unsafe { _mm256_max_ps(self, other) }
        }
        #[inline(always)]
        fn keep(self, mask: Self::Ints) -> Self {
            unsafe { _mm256_and_ps(self, _mm256_castsi256_ps(mask)) }
        }
        #[inline(always)]
        fn at_most(self, other: Self) -> u32 {
            unsafe { _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_LE_OQ>(self, other)) as u32 }
        }
        #[inline(always)]
        fn bits(self) -> Self::Ints {
            unsafe { _mm256_castps_si256(self) }
        }
        #[inline(always)]
        fn truncate(self) -> Self::Ints {
            unsafe { _mm256_cvttps_epi32(self) }
        }
        #[inline(always)]
        fn splat_ints(value: u32) -> Self::Ints {
            unsafe { _mm256_set1_epi32(value as i32) }
        }
        #[inline(always)]
        fn load_ints(values: &[u32; 8]) -> Self::Ints {
            unsafe { _mm256_loadu_si256(values.as_ptr().cast()) }
        }
        #[inline(always)]
        fn store_ints(ints: Self::Ints) -> [u32; 8] {
            let mut values = [0; 8];
            unsafe { _mm256_storeu_si256(values.as_mut_ptr().cast(), ints) };
            values
        }
        #[inline(always)]
        fn add_ints(a: Self::Ints, b: Self::Ints) -> Self::Ints {
            unsafe { _mm256_add_epi32(a, b) }
        }
        #[inline(always)]
        fn sub_ints(a: Self::Ints, b: Self::Ints) -> Self::Ints {
            unsafe { _mm256_sub_epi32(a, b) }
        }
        #[inline(always)]
        fn mul_ints(a: Self::Ints, b: Self::Ints) -> Self::Ints {
            unsafe { _mm256_mullo_epi32(a, b) }
        }
        #[inline(always)]
        fn and_ints(a: Self::Ints, b: Self::Ints) -> Self::Ints {
            unsafe { _mm256_and_si256(a, b) }
        }
        #[inline(always)]
        fn xor_ints(a: Self::Ints, b: Self::Ints) -> Self::Ints {
            unsafe { _mm256_xor_si256(a, b) }
        }
        #[inline(always)]
        fn shift_left<const N: i32>(a: Self::Ints) -> Self::Ints {
            unsafe { _mm256_slli_epi32::<N>(a) }
        }
        #[inline(always)]
        fn shift_right<const N: i32>(a: Self::Ints) -> Self::Ints {
            unsafe { _mm256_srli_epi32::<N>(a) }
        }
        #[inline(always)]
        fn greater(a: Self::Ints, b: Self::Ints) -> Self::Ints {
            unsafe { _mm256_cmpgt_epi32(a, b) }
        }
        #[inline(always)]
        fn differ(a: Self::Ints, b: Self::Ints) -> Self::Ints {
            unsafe { _mm256_xor_si256(_mm256_cmpeq_epi32(a, b), _mm256_set1_epi32(-1)) }
        }
        #[inline(always)]
        fn from_bits(a: Self::Ints) -> Self {
            unsafe { _mm256_castsi256_ps(a) }
        }
        #[inline(always)]
        fn from_ints(a: Self::Ints) -> Self {
            unsafe { _mm256_cvtepi32_ps(a) }
        }
        #[inline(always)]
        fn columns(rows: [&[f32; 4]; 8]) -> [Self; 4] {
            let [r0, r1, r2, r3, r4, r5, r6, r7] = rows;
            unsafe {
                let pair = |low: &[f32; 4], high: &[f32; 4]| {
                    _mm256_set_m128(_mm_loadu_ps(high.as_ptr()), _mm_loadu_ps(low.as_ptr()))
                };
                let (a, b, c, d) = (pair(r0, r4), pair(r1, r5), pair(r2, r6), pair(r3, r7));
                let (ab_low, ab_high) = (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
                let (cd_low, cd_high) = (_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
                [
                    _mm256_shuffle_ps::<0b01_00_01_00>(ab_low, cd_low),
                    _mm256_shuffle_ps::<0b11_10_11_10>(ab_low, cd_low),
                    _mm256_shuffle_ps::<0b01_00_01_00>(ab_high, cd_high),
                    _mm256_shuffle_ps::<0b11_10_11_10>(ab_high, cd_high),
                ]
            }
        }
    }
}

/// `x` to the power `exponent` for positive `x`, good to 2e-5 relative while `|exponent · log2 x| < 126`.
///
/// `log2` of the mantissa in `[√½, √2)` and `exp2` on `[-½, ½]` are polynomials through the Chebyshev nodes of those
/// intervals, with errors of 4e-6 absolute and 3e-6 relative.
#[inline(always)]
pub(super) fn power<L: Lanes>(x: L, exponent: L) -> L {
    /// Bits of √½: subtracting them makes the exponent field count from there.
    const SQRT_HALF: u32 = 0x3f35_04f3;
    let offset = L::sub_ints(x.bits(), L::splat_ints(SQRT_HALF));
    // Adding 128 before the unsigned shift keeps the exponent positive.
    let whole = L::shift_right::<23>(L::add_ints(offset, L::splat_ints(128 << 23)));
    let fraction_bits = L::and_ints(offset, L::splat_ints((1 << 23) - 1));
    let t = L::from_bits(L::add_ints(fraction_bits, L::splat_ints(SQRT_HALF))).sub(L::splat(1.0));
    let log2 = L::from_ints(L::sub_ints(whole, L::splat_ints(128))).add(
        t.mul(polynomial(t, [1.442_700_4, -0.721_195_75, 0.479_925_57, -0.366_925_77, 0.316_898_2, -0.202_289_26])),
    );
    let y = log2.mul(exponent).max(L::splat(-126.0)).min(L::splat(126.0));
    // Truncation rounds to the nearest integer because y + 128.5 is positive.
    let biased = y.add(L::splat(128.5)).truncate();
    let rest = y.sub(L::from_ints(L::sub_ints(biased, L::splat_ints(128))));
    let scale = L::from_bits(L::shift_left::<23>(L::sub_ints(biased, L::splat_ints(1))));
    scale.mul(polynomial(rest, [1.0, 0.693_121_05, 0.240_223_49, 0.055_921_976, 0.009_666_368]))
}

/// Horner's rule; coefficients from the constant upwards.
#[inline(always)]
fn polynomial<L: Lanes, const N: usize>(x: L, coefficients: [f32; N]) -> L {
    let mut value = L::splat(0.0);
    for (i, &coefficient) in coefficients.iter().rev().enumerate() {
        value = if i == 0 { L::splat(coefficient) } else { value.mul(x).add(L::splat(coefficient)) };
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Powers([f32; 8], f32);
    impl Kernel for Powers {
        type Output = [f32; 8];
        #[inline(always)]
        fn run<L: Lanes>(self) -> [f32; 8] {
            power(L::load(&self.0), L::splat(self.1)).store()
        }
    }

    #[test]
    fn powers_are_right_to_two_hundred_thousandths_and_the_same_on_both_kinds_of_lanes() {
        for step in 0..2000 {
            let x: [f32; 8] = std::array::from_fn(|l| 10_f32.powf(-12.0 + 0.0125 * step as f32 + 0.0014 * l as f32));
            for exponent in [0.3, 0.8951, 1.0, 1.7] {
                let found = Simd::detect().run(Powers(x, exponent));
                assert_eq!(found, Simd::portable().run(Powers(x, exponent)));
                for (x, found) in x.iter().zip(found) {
                    let exact = f64::from(*x).powf(f64::from(exponent));
                    assert!((f64::from(found) / exact - 1.0).abs() < 2e-5, "{x} to the {exponent}: {found}, {exact}");
                }
            }
        }
    }

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
            let floats = [x.add(y), x.sub(y), x.mul(y), x.div(y), x.min(y), x.max(y), x.keep(a), c0, c1, c2, c3];
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
