//! Letters that were read in the wrong encoding before the file was written: `ZÃ¼rich` for `Zürich`.

/// A letter of two bytes in UTF-8 as a program shows it that takes the bytes for Windows' Western letters, and the
/// letter itself. `None` where the text may be meant as it is: nobody writes `Ã` before such a sign.
pub(super) fn garbled_letter(text: &str) -> Option<(String, char)> {
    let mut letters = text.chars().peekable();
    while let Some(first) = letters.next() {
        let Some(second) = letters.peek().filter(|_| matches!(first, 'Ã' | 'Å')) else { continue };
        // From 0xA0 on these have their own numbers in Windows' letters. Quotes, dashes and blanks may stand
        // behind any letter, and so may a trade mark: they tell nothing.
        let byte = match second {
            'Ÿ' => 0x9f,
            'Œ' => 0x8c,
            'œ' => 0x9c,
            'Š' => 0x8a,
            'š' => 0x9a,
            'ž' => 0x9e,
            '‚' => 0x82,
            '¡'..='§' | '©' | '¬' | '¯' | '±'..='¹' | '¼'..='¿' => u8::try_from(u32::from(*second)).ok()?,
            _ => continue,
        };
        let lead = if first == 'Ã' { 0xc3 } else { 0xc5 };
        // Behind `Å` some signs are likely in Scandinavian names.
        if first == 'Å' && !matches!(byte, 0x82 | 0x9a | 0xa1 | 0xbc | 0xbe) {
            continue;
        }
        let letter = std::str::from_utf8(&[lead, byte]).ok()?.chars().next().filter(|letter| letter.is_alphabetic())?;
        return Some((format!("{first}{second}"), letter));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_in_the_wrong_encoding_is_told_from_names() {
        for (garbled, letter) in [
            ("ZÃ¼rich", 'ü'),
            ("KÃ¶ln", 'ö'),
            ("MontrÃ©al", 'é'),
            ("EspaÃ±a", 'ñ'),
            ("SÃ£o Paulo", 'ã'),
            ("GroÃŸ", 'ß'),
            ("Å¼ory", 'ż'),
            ("JyvÃ¤skylÃ¤", 'ä'),
        ] {
            assert_eq!(garbled_letter(garbled).map(|found| found.1), Some(letter), "{garbled}");
        }
        for name in ["SÃO PAULO", "IRMÃ", "„IRMÓ", "IRMÃ – East", "IRMÔ", "Åland", "Å“", "Zürich", "CAFÉ™", "Ã"]
        {
            assert_eq!(garbled_letter(name), None, "{name}");
        }
    }
}
