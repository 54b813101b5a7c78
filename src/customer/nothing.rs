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
    // Every row of a sheet comes here, and hardly one goes further: identifiers end with a digit, and no entry does.
    if text.as_bytes().last().is_some_and(u8::is_ascii_digit) {
        return false;
    }
    let text = text.trim();
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

/// What people write where nothing is known, in small letters. Each is counted like a name, since a place may well be
/// called so.
const UNKNOWN: [&str; 72] = [
    "unknown",
    "not known",
    "nil",
    "none",
    "na",
    "n/a",
    "n/b",
    "n.b.",
    "nan",
    "null",
    "missing",
    "no data",
    "no answer",
    "not applicable",
    "not provided",
    "not specified",
    "not stated",
    "not disclosed",
    "not entered",
    "undisclosed",
    "unspecified",
    "undefined",
    "prefer not to say",
    "tbd",
    "tba",
    "unbekannt",
    "nicht bekannt",
    "nicht angegeben",
    "nicht verfügbar",
    "ohne angabe",
    "ohne angaben",
    "keine antwort",
    "fehlt",
    "inconnu",
    "inconnue",
    "non renseigné",
    "non renseignée",
    "non spécifié",
    "non disponible",
    "desconocido",
    "desconocida",
    "no especificado",
    "sin especificar",
    "sin datos",
    "no disponible",
    "desconhecido",
    "não informado",
    "não especificado",
    "sconosciuto",
    "non specificato",
    "non disponibile",
    "onbekend",
    "niet bekend",
    "niet opgegeven",
    "niet beschikbaar",
    "okänd",
    "okänt",
    "ukendt",
    "ukjent",
    "tuntematon",
    "nieznany",
    "nieznane",
    "brak danych",
    "neznámé",
    "ismeretlen",
    "bilinmiyor",
    "неизвестно",
    "не указано",
    "不明",
    "未知",
    "未回答",
    "未填写",
];
/// What people write where something else is known.
const OTHER: [&str; 17] = [
    "other",
    "others",
    "sonstige",
    "sonstiges",
    "andere",
    "autre",
    "autres",
    "otro",
    "otros",
    "outro",
    "outros",
    "altro",
    "overig",
    "другое",
    "その他",
    "其他",
    "기타",
];

/// Whether a word says nothing of whom it is written for: sheets and forms are full of ways to say nothing. A schema
/// may name such a word all the same, see [`Column::says_something`](super::Column::says_something).
pub fn says_nothing(text: &str) -> bool {
    is_unknown(text) || OTHER.contains(&text.trim().to_lowercase().as_str())
}

/// Whether a word says that nothing is known.
pub(super) fn is_unknown(text: &str) -> bool {
    means_nothing(text) || UNKNOWN.contains(&text.trim().to_lowercase().as_str())
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
        for name in
            ["Unknown", "Missing", "unbekannt", "Not Provided", "不明", "#NV", "N/B", "Non Renseigné", "НЕИЗВЕСТНО"]
        {
            assert!(says_nothing(name) && is_unknown(name), "{name}");
        }
        for name in ["Other", "Sonstige", "その他"] {
            assert!(says_nothing(name) && !is_unknown(name), "{name}");
        }
        for word in UNKNOWN.iter().chain(&OTHER) {
            assert_eq!(*word, word.to_lowercase());
        }
        for name in ["Missing Link", "Bedok", "Nile"] {
            assert!(!says_nothing(name), "{name}");
        }
    }
}
