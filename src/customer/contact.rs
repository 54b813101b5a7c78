//! Columns that are not read and tell customers apart all the same: addresses of e-mail and telephone numbers.

use super::Cell;

/// What their headers have in them, as headers are compared.
const HEADERS: [&str; 19] = [
    "mail",
    "phone",
    "mobile",
    "telefon",
    "téléphone",
    "handynummer",
    "whatsapp",
    "correo",
    "celular",
    "cellulare",
    "móvil",
    "メール",
    "電話",
    "邮箱",
    "电话",
    "手机",
    "手機",
    "이메일",
    "전화",
];
/// The fewest digits of a telephone number.
const MIN_DIGITS: usize = 6;

/// Whether a header, as it is compared, names such a column.
pub(super) fn is_header(header: &str) -> bool {
    HEADERS.iter().any(|name| header.contains(name))
}

/// Whether a cell of such a column tells whose row it is: `yes` below `Email Opt-in` does not.
pub(super) fn is_value(cell: Cell<'_>) -> bool {
    match cell {
        Cell::Text(text) | Cell::Digits(text) => {
            text.contains(['@', '＠']) || text.chars().filter(|c| c.is_numeric()).nth(MIN_DIGITS - 1).is_some()
        }
        Cell::Number(number) => number.abs() >= 10_f64.powi(5),
        Cell::Empty | Cell::Error | Cell::Bool(_) | Cell::DateTime { .. } => false,
    }
}
