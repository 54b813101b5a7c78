//! The lanes as AVX2 registers.

#[allow(clippy::wildcard_imports, reason = "thirty intrinsics, all named _mm")]
use std::arch::x86_64::*;
use std::mem::transmute;

use super::Lanes;

// SAFETY, for every block below: the intrinsics need AVX2 and FMA, and nothing else. This implementation is only
// reached through `run_avx2`, whose caller has checked for both. A register and an array of its lanes have the same
// bytes, and all bytes are valid in both.
impl Lanes for __m256 {
    type Ints = __m256i;
    #[inline(always)]
    fn splat(value: f32) -> Self {
        unsafe { _mm256_set1_ps(value) }
    }
    #[inline(always)]
    fn load(values: &[f32; 8]) -> Self {
        unsafe { transmute::<[f32; 8], __m256>(*values) }
    }
    #[inline(always)]
    fn store(self) -> [f32; 8] {
        unsafe { transmute::<__m256, [f32; 8]>(self) }
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
    fn mul_add(self, factor: Self, term: Self) -> Self {
        unsafe { _mm256_fmadd_ps(self, factor, term) }
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
    fn or_else(self, mask: Self::Ints, other: Self) -> Self {
        unsafe { _mm256_blendv_ps(other, self, _mm256_castsi256_ps(mask)) }
    }
    #[inline(always)]
    fn at_most_mask(self, other: Self) -> Self::Ints {
        unsafe { _mm256_castps_si256(_mm256_cmp_ps::<_CMP_LE_OQ>(self, other)) }
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
        unsafe { transmute::<[u32; 8], __m256i>(*values) }
    }
    #[inline(always)]
    fn store_ints(ints: Self::Ints) -> [u32; 8] {
        unsafe { transmute::<__m256i, [u32; 8]>(ints) }
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
            let half = |row: &[f32; 4]| transmute::<[f32; 4], __m128>(*row);
            let a = _mm256_set_m128(half(r4), half(r0));
            let b = _mm256_set_m128(half(r5), half(r1));
            let c = _mm256_set_m128(half(r6), half(r2));
            let d = _mm256_set_m128(half(r7), half(r3));
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
    #[inline(always)]
    fn rows(columns: [Self; 4]) -> [[f32; 4]; 8] {
        let [a, b, c, d] = columns;
        unsafe {
            let (ab_low, ab_high) = (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
            let (cd_low, cd_high) = (_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
            let pairs = [
                _mm256_shuffle_ps::<0b01_00_01_00>(ab_low, cd_low),
                _mm256_shuffle_ps::<0b11_10_11_10>(ab_low, cd_low),
                _mm256_shuffle_ps::<0b01_00_01_00>(ab_high, cd_high),
                _mm256_shuffle_ps::<0b11_10_11_10>(ab_high, cd_high),
            ];
            let [[r0, r4], [r1, r5], [r2, r6], [r3, r7]] = pairs.map(|pair| transmute::<__m256, [[f32; 4]; 2]>(pair));
            [r0, r1, r2, r3, r4, r5, r6, r7]
        }
    }
}
