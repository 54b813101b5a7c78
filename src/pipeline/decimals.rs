//! How many decimals an answer or a file has of a number.

/// Four decimals: what a reader can use, and no more bytes.
pub fn rounded(number: f64) -> f64 {
    (number * 1e4).round() / 1e4
}

/// Two decimals.
pub fn hundredths(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}
