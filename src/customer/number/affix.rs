//! What is around the digits of a number: signs, brackets, a percent sign, a currency, a word for thousands.

/// What was taken off.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Affixes {
    is_negative: bool,
    pub is_percent: bool,
    pub currency: Option<String>,
    scale: Option<f64>,
}

/// ISO 4217.
const CODES: &str = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN \
    BZD CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ \
    GYD HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD \
    LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR \
    PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY \
    TTD TWD TZS UAH UGX USD UYU UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWL RMB";
/// Currencies as they are written where they are used, in lower case.
const LOCAL: [&str; 39] = [
    "r",
    "kr",
    "zł",
    "zl",
    "kč",
    "kc",
    "ft",
    "lei",
    "leu",
    "lv",
    "лв",
    "руб",
    "р",
    "грн",
    "rs",
    "rm",
    "rp",
    "fr",
    "sfr",
    "tl",
    "din",
    "kn",
    "дин",
    "euro",
    "euros",
    "dollar",
    "dollars",
    "pounds",
    "yen",
    "yuan",
    "baht",
    "won",
    "元",
    "円",
    "원",
    "圓",
    "圆",
    "บาท",
    "s/",
];
/// Currencies with three decimals: beside them `1.234` is not a sign of thousands.
const THREE_DECIMALS: [&str; 7] = ["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"];
/// Words for thousands and more, in lower case and without points. `m` is metres, minutes and months as well, and a
/// German billion is a thousand American ones.
const SCALES: [(&str, f64); 28] = [
    ("k", 1e3),
    ("tsd", 1e3),
    ("tys", 1e3),
    ("тыс", 1e3),
    ("千", 1e3),
    ("천", 1e3),
    ("万", 1e4),
    ("萬", 1e4),
    ("만", 1e4),
    ("lakh", 1e5),
    ("lakhs", 1e5),
    ("lac", 1e5),
    ("lacs", 1e5),
    ("mio", 1e6),
    ("mill", 1e6),
    ("mln", 1e6),
    ("mn", 1e6),
    ("млн", 1e6),
    ("million", 1e6),
    ("millions", 1e6),
    ("crore", 1e7),
    ("crores", 1e7),
    ("亿", 1e8),
    ("億", 1e8),
    ("억", 1e8),
    ("bn", 1e9),
    ("mrd", 1e9),
    ("млрд", 1e9),
];

impl Affixes {
    /// Takes off what is around the digits. `None` where something is said twice, or is not known.
    pub fn take_off(text: &str) -> Option<(&str, Self)> {
        let mut affixes = Self::default();
        let mut rest = text;
        loop {
            rest = rest.trim();
            rest = match affixes.take_one(rest)? {
                Some(shorter) => shorter,
                None => break,
            };
        }
        // Excel's accounting format writes a dash for zero, `$ -`.
        if matches!(rest, "-" | "–") && affixes.currency.is_some() {
            rest = "0";
        }
        rest.contains(|c: char| c.is_ascii_digit()).then_some((rest, affixes))
    }

    /// The number, with what was taken off.
    pub fn apply(&self, number: f64) -> f64 {
        let number = number * self.scale.unwrap_or(1.0);
        let number = if self.is_percent { number / 100.0 } else { number };
        if self.is_negative { -number } else { number }
    }

    /// The text without one thing; `None` where there is nothing more to take.
    #[expect(clippy::option_option, reason = "the outer one is the text that is no number")]
    fn take_one<'a>(&mut self, text: &'a str) -> Option<Option<&'a str>> {
        let has_digit = |text: &str| text.contains(|c: char| c.is_ascii_digit());
        // `12.–`, `12,-` and, in India, `12/-` are prices without cents.
        for end in [".-", ",-", ".–", ",–", ".—", ",—", "/-"] {
            if let Some(rest) = text.strip_suffix(end).filter(|rest| has_digit(rest)) {
                return Some(Some(rest));
            }
        }
        if let Some(inner) = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
            return self.negate().then_some(Some(inner));
        }
        let is_minus = |c: char| matches!(c, '-' | '−' | '–' | '﹣');
        let signed = text.strip_prefix(is_minus).or_else(|| text.strip_suffix(is_minus)).filter(|rest| has_digit(rest));
        if let Some(rest) = signed {
            return self.negate().then_some(Some(rest));
        }
        if let Some(rest) = text.strip_prefix('+') {
            return Some(Some(rest));
        }
        if let Some(rest) = text.strip_suffix(['%', '٪']).or_else(|| text.strip_prefix(['%', '٪'])) {
            return (!std::mem::replace(&mut self.is_percent, true)).then_some(Some(rest));
        }
        // What keeps a spreadsheet program from reading a number.
        if let Some(rest) = text.strip_prefix('\'') {
            return Some(Some(rest));
        }
        self.take_word(text)
    }

    #[expect(clippy::option_option, reason = "the outer one is the text that is no number")]
    fn take_word<'a>(&mut self, text: &'a str) -> Option<Option<&'a str>> {
        let front = text.len() - text.trim_start_matches(is_of_word).len();
        if front > 0 {
            // Peru's currency ends with a stroke, `S/`.
            let front = front + usize::from(text.get(front..).is_some_and(|rest| rest.starts_with('/')));
            let (word, rest) = text.split_at_checked(front)?;
            let is_abbreviation = !word.ends_with(is_currency_symbol);
            let rest = rest.strip_prefix('.').filter(|_| is_abbreviation).unwrap_or(rest);
            return self.take_currency(word).then_some(Some(rest));
        }
        let unpointed = text.strip_suffix('.').filter(|rest| rest.ends_with(char::is_alphabetic)).unwrap_or(text);
        let back = unpointed.trim_end_matches(is_of_word).len();
        if back < unpointed.len() {
            let (rest, word) = unpointed.split_at_checked(back)?;
            return (self.take_scale(word) || self.take_currency(word)).then_some(Some(rest));
        }
        Some(None)
    }

    fn negate(&mut self) -> bool {
        !std::mem::replace(&mut self.is_negative, true)
    }

    /// Whether a word for thousands or more was among them.
    pub fn is_scaled(&self) -> bool {
        self.scale.is_some()
    }

    fn take_scale(&mut self, word: &str) -> bool {
        let word = word.trim();
        let lower = bare(word);
        let scale = match word {
            "M" => Some(1e6),
            "B" => Some(1e9),
            // A lakh beside rupees; litres and a size elsewhere. `Cr` stays unread: a bank means a credit by it.
            "L" if matches!(self.currency.as_deref(), Some("INR" | "RS")) => Some(1e5),
            _ => scale_of(&lower),
        };
        scale.is_some() && self.scale.is_none() && {
            self.scale = scale;
            true
        }
    }

    fn take_currency(&mut self, word: &str) -> bool {
        let word = word.trim();
        is_currency(word) && self.currency.is_none() && {
            self.currency = Some(one_name(word));
            true
        }
    }
}

/// Whether a word or a sign is a currency.
pub(super) fn is_currency(word: &str) -> bool {
    let is_code = || CODES.split_ascii_whitespace().any(|code| code.eq_ignore_ascii_case(word));
    // `S$`, `NT$`, `US$`; `$` by itself is a symbol.
    let is_prefixed = || {
        let letters = word.strip_suffix('$').unwrap_or(word);
        letters.len() < word.len() && letters.len() <= 3 && letters.bytes().all(|b| b.is_ascii_uppercase())
    };
    let is_symbol = || word.chars().count() == 1 && word.chars().all(is_currency_symbol);
    is_symbol() || is_prefixed() || is_code() || LOCAL.contains(&bare(word).as_str())
}

/// What a word for thousands or more stands for, in small letters and without points.
pub(super) fn scale_of(word: &str) -> Option<f64> {
    SCALES.iter().find(|(name, _)| *name == word).map(|&(_, scale)| scale)
}

/// Whether amounts in this currency can have three decimals.
pub(super) fn has_three_decimals(currency: &str) -> bool {
    THREE_DECIMALS.contains(&currency)
}

/// A currency under one of its names: its code, or in capitals what may stand for several.
fn one_name(word: &str) -> String {
    let bare = bare(word);
    let code = match bare.as_str() {
        "€" | "euro" | "euros" => "EUR",
        "£" | "pounds" => "GBP",
        "₹" => "INR",
        "us$" => "USD",
        "dollar" | "dollars" => "$",
        "s$" => "SGD",
        "a$" | "au$" => "AUD",
        "c$" | "ca$" => "CAD",
        "nz$" => "NZD",
        "mx$" => "MXN",
        "r$" => "BRL",
        "nt$" => "TWD",
        "hk$" => "HKD",
        "rm" => "MYR",
        "rp" => "IDR",
        "zł" | "zl" => "PLN",
        "kč" | "kc" => "CZK",
        "ft" => "HUF",
        "руб" | "р" | "₽" => "RUB",
        "грн" | "₴" => "UAH",
        "円" | "yen" => "JPY",
        "rmb" | "yuan" => "CNY",
        "원" | "won" | "₩" => "KRW",
        "บาท" | "baht" | "฿" => "THB",
        "tl" | "₺" => "TRY",
        "sfr" => "CHF",
        "лв" => "BGN",
        "s/" => "PEN",
        _ => return bare.to_uppercase(),
    };
    code.to_owned()
}

/// Whether all of these currencies, as they were written in one column, may be the same.
pub(super) fn may_be_one(currencies: &[String]) -> bool {
    let Some((first, others)) = currencies.split_first() else { return true };
    let first = meanings(first);
    first.iter().any(|code| others.iter().all(|other| meanings(other).contains(code)))
}

/// The currencies that a name may stand for.
fn meanings(name: &str) -> Vec<&str> {
    let several: &[&str] = match name {
        "RS" => &["INR", "PKR", "LKR", "NPR", "MUR", "SCR"],
        "$" => &["USD", "SGD", "AUD", "CAD", "HKD", "NZD", "TWD", "MXN"],
        "¥" => &["JPY", "CNY"],
        "元" | "圓" | "圆" => &["CNY", "TWD", "HKD", "MOP"],
        "KR" => &["SEK", "NOK", "DKK", "ISK"],
        "FR" => &["CHF", "XOF", "XAF", "XPF"],
        "LEI" | "LEU" => &["RON", "MDL"],
        _ => return vec![name],
    };
    several.to_vec()
}

fn bare(word: &str) -> String {
    word.replace('.', "").to_lowercase()
}

/// What a currency or a word for thousands is written with.
fn is_of_word(c: char) -> bool {
    c.is_alphabetic() || is_currency_symbol(c)
}

/// Unicode's category Sc, as far as currencies in use have a sign.
fn is_currency_symbol(c: char) -> bool {
    matches!(c, '$' | '¢' | '£' | '¤' | '¥' | '֏' | '؋' | '৳' | '฿' | '៛' | '﷼' | '\u{20a0}'..='\u{20cf}')
}
