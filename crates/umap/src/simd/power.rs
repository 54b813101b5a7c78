//! Powers of positive numbers, eight at a time.

use super::Lanes;

/// `x` to the power `exponent` for positive `x`, good to 2e-5 relative while `|exponent · log2 x| < 126`.
///
/// `2^(exponent · log2 x)`: `log2` of the mantissa in `[√½, √2)` and `exp2` on `[-½, ½]` are polynomials through the
/// Chebyshev nodes of those intervals. Their errors are 4e-6 absolute and 3e-6 relative.
#[inline(always)]
pub(in super::super) fn power<L: Lanes>(x: L, exponent: L) -> L {
    /// The bits of √½. Subtracting them makes the exponent field count powers of two from √½.
    const SQRT_HALF: u32 = 0x3f35_04f3;
    let offset = L::sub_ints(x.bits(), L::splat_ints(SQRT_HALF));
    // Adding 128 before the unsigned shift keeps the exponent positive.
    let whole = L::shift_right::<23>(L::add_ints(offset, L::splat_ints(128 << 23)));
    let fraction_bits = L::and_ints(offset, L::splat_ints((1 << 23) - 1));
    let t = L::from_bits(L::add_ints(fraction_bits, L::splat_ints(SQRT_HALF))).sub(L::splat(1.0));
    let log2_of_mantissa = [1.442_700_4, -0.721_195_75, 0.479_925_57, -0.366_925_77, 0.316_898_2, -0.202_289_26];
    let log2 = t.mul_add(polynomial(t, log2_of_mantissa), L::from_ints(L::sub_ints(whole, L::splat_ints(128))));
    let y = log2.mul(exponent).max(L::splat(-126.0)).min(L::splat(126.0));
    // Truncation rounds to the nearest integer because y + 128.5 is positive.
    let biased = y.add(L::splat(128.5)).truncate();
    let rest = y.sub(L::from_ints(L::sub_ints(biased, L::splat_ints(128))));
    let scale = L::from_bits(L::shift_left::<23>(L::sub_ints(biased, L::splat_ints(1))));
    scale.mul(polynomial(rest, [1.0, 0.693_121_1, 0.240_223_5, 0.055_921_976, 0.009_666_368]))
}

/// A polynomial by Horner's rule. The coefficients begin with the constant.
#[inline(always)]
fn polynomial<L: Lanes, const N: usize>(x: L, coefficients: [f32; N]) -> L {
    let mut value = L::splat(0.0);
    for (i, &coefficient) in coefficients.iter().rev().enumerate() {
        value = if i == 0 { L::splat(coefficient) } else { value.mul_add(x, L::splat(coefficient)) };
    }
    value
}

#[cfg(test)]
mod tests {
    use super::super::{Kernel, Simd};
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
    fn powers_are_accurate_and_the_same_on_both_kinds_of_lanes() {
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
}
