//! Words that programs and people write for nothing.

/// What exports write for nothing: the list of `pandas.read_excel`, by which the original read its sheets, dashes, and
/// what pivot tables and people write. They count as they stand: `NULL` is nothing, and `Null` may be a surname.
const NOTHING: [&str; 36] = [
    "#N/A",
    "#N/A N/A",
    "#NA",
    "-1.#IND",
    "-1.#QNAN",
    "-NaN",
    "-nan",
    "1.#IND",
    "1.#QNAN",
    "<NA>",
    "N/A",
    "NA",
    "NULL",
    "NaN",
    "None",
    "n/a",
    "nan",
    "null",
    "-",
    "–",
    "—",
    "--",
    "---",
    "?",
    "(none)",
    "(None)",
    "N.A.",
    "N.A",
    "n.a.",
    "n.a",
    "\\N",
    "(vacío)",
    "(VACÍO)",
    "(Vacío)",
    "(空白)",
    "(пусто)",
];
/// The same in any case: no name is written like this.
const IN_ANY_CASE: [&str; 25] = [
    "not available",
    "undefined",
    "(nil)",
    "(null)",
    "<null>",
    "[null]",
    "<none>",
    "(undefined)",
    "(not set)",
    "(blank)",
    "(empty)",
    "(leer)",
    "(vide)",
    "(vacio)",
    "(en blanco)",
    "(em branco)",
    "(vazio)",
    "(vuoto)",
    "(leeg)",
    "(puste)",
    "k.A.",
    "k. A.",
    "k.A",
    "keine Angabe",
    "keine Angaben",
];
/// A formula's error as spreadsheet programs write it into a text, each in its user's language.
const ERRORS: [&str; 75] = [
    "#REF!",
    "#VALUE!",
    "#NAME?",
    "#DIV/0!",
    "#NULL!",
    "#NUM!",
    "#SPILL!",
    "#CALC!",
    "#FIELD!",
    "#BLOCKED!",
    "#CONNECT!",
    "#UNKNOWN!",
    "#BUSY!",
    "#PYTHON!",
    "#ERROR!",
    "#EXTERNAL!",
    "#TIMEOUT!",
    "#GETTING_DATA",
    "#NV",
    "#BEZUG!",
    "#WERT!",
    "#ZAHL!",
    "#ÜBERLAUF!",
    "#KALK!",
    "#FELD!",
    "#VALEUR!",
    "#NOM?",
    "#NOMBRE!",
    "#NUL!",
    "#PROPAGATION!",
    "#CALCUL!",
    "#N/D",
    "#¡REF!",
    "#¡VALOR!",
    "#¿NOMBRE?",
    "#NOMBRE?",
    "#¡DIV/0!",
    "#¡NULO!",
    "#¡NUM!",
    "#VALOR!",
    "#NOME?",
    "#NULO!",
    "#NÚM!",
    "#RIF!",
    "#VALORE!",
    "#NULLO!",
    "#N/B",
    "#VERW!",
    "#WAARDE!",
    "#NAAM?",
    "#DEEL/0!",
    "#GETAL!",
    "#LEEG!",
    "#ADR!",
    "#ARG!",
    "#NAZWA?",
    "#DZIEL/0!",
    "#LICZBA!",
    "#ZERO!",
    "#SAKNAS!",
    "#VÄRDEFEL!",
    "#REFERENS!",
    "#NAMN?",
    "#DIVISION/0!",
    "#OGILTIGT!",
    "#YOK",
    "#DEĞER!",
    "#BAŞV!",
    "#Н/Д",
    "#ССЫЛКА!",
    "#ЗНАЧ!",
    "#ИМЯ?",
    "#ДЕЛ/0!",
    "#ЧИСЛО!",
    "#ПУСТО!",
];
/// No entry has more bytes.
const MAX_BYTES: usize = 24;

/// Whether a text stands for nothing.
pub(super) fn means_nothing(text: &str) -> bool {
    let text = text.trim();
    // Every row of a sheet comes here, and hardly one goes further.
    let may = match text.as_bytes() {
        [] => return true,
        [b'#', ..] => return text.len() <= MAX_BYTES && (NOTHING.contains(&text) || is_error(text)),
        [b'-' | b'1' | b'<' | b'?' | b'(' | b'[' | b'\\' | b'N' | b'n' | b'U' | b'u' | b'K' | b'k', ..] => true,
        [first, ..] => !first.is_ascii(),
    };
    may && text.len() <= MAX_BYTES
        && (NOTHING.contains(&text) || IN_ANY_CASE.iter().any(|nothing| text.eq_ignore_ascii_case(nothing)))
}

/// Whether a text is a formula's error. Where names are title-cased, `#REF!` may come as `#Ref!`.
fn is_error(text: &str) -> bool {
    ERRORS.iter().any(|error| text.eq_ignore_ascii_case(error))
}

/// Whether a word says nothing of whom it is written for: sheets and forms are full of ways to say nothing, and each is
/// counted like a name, since a category may well be called so. A schema may name such a word all the same, see
/// [`Column::says_something`](super::Column::says_something).
pub fn says_nothing(text: &str) -> bool {
    const COUNTED: [&str; 19] = [
        "unknown",
        "nil",
        "other",
        "none",
        "na",
        "n/a",
        "nan",
        "null",
        "missing",
        "not provided",
        "not specified",
        "unspecified",
        "unbekannt",
        "inconnu",
        "desconocido",
        "onbekend",
        "不明",
        "未知",
        "未回答",
    ];
    means_nothing(text) || COUNTED.iter().any(|nothing| text.trim().eq_ignore_ascii_case(nothing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_programs_write_for_nothing_is_nothing_and_names_are_none() {
        for text in NOTHING.iter().chain(&IN_ANY_CASE).chain(&ERRORS) {
            assert!(means_nothing(text) && means_nothing(&format!(" {text} ")), "{text}");
            assert!(text.len() <= MAX_BYTES, "{text}");
        }
        for text in ["", " ", "UNDEFINED", "#Ref!", "#nv", "K.A.", "(Leer)", "<NULL>"] {
            assert!(means_nothing(text), "{text}");
        }
        for name in [
            "Nile",
            "Nilsson",
            "Nil",
            "#1",
            "#sale",
            "#WOW!",
            "#12",
            "(East)",
            "Kasachstan",
            "Na",
            "Unknown",
            "unbekannt",
            "Missing",
            "not provided",
            "<3",
            "-5",
            "Null",
            "\\",
            "Ürümqi",
            "不明",
        ] {
            assert!(!means_nothing(name), "{name}");
        }
    }

    #[test]
    fn a_category_that_may_be_real_is_counted_and_never_said() {
        for name in ["Unknown", "Other", "Missing", "unbekannt", "Not Provided", "不明", "#NV"] {
            assert!(says_nothing(name), "{name}");
        }
        for name in ["Missing Link", "Bedok", "Nile"] {
            assert!(!says_nothing(name), "{name}");
        }
    }
}
