//! How many decimals a figure needs.

/// The most decimals that are shown.
const MOST: f64 = 6.0;

/// The decimals of a number whose uncertainty, or whose own size, is `width`: a tenth of it shows, and at least one is
/// there.
pub fn decimals(width: f64) -> usize {
    if width > 0.0 { (1.0 - width.log10()).ceil().clamp(1.0, MOST) as usize } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::decimals;

    #[test]
    fn a_tenth_of_the_width_shows() {
        for (width, expected) in
            [(0.0, 1), (-1.0, 1), (f64::NAN, 1), (47.0, 1), (1.0, 1), (0.99, 2), (0.1, 2), (0.04, 3), (1e-12, 6)]
        {
            assert_eq!(decimals(width), expected, "{width}");
        }
    }
}
