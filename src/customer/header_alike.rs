//! What a person should know where several columns of a sheet are named for one of the schema's: which was read.

/// More of the others are not named.
const MAX_NAMED: usize = 4;

/// The sentence on columns of a sheet, each a header and a position, of which the first is read as `title` and the
/// others would do as well; `None` where there are no others.
pub(super) fn sentence(title: &str, columns: &[(String, usize)]) -> Option<String> {
    let (read, others) = columns.split_first()?;
    let names: Vec<String> = others.iter().map(named).collect();
    let (last, before) = names.split_last()?;
    let (others, are) = match before {
        [] => (last.clone(), "is"),
        _ if names.len() > MAX_NAMED => (format!("{} other columns", names.len()), "are"),
        _ => (format!("{} and {last}", before.join(", ")), "are"),
    };
    Some(format!("{title:?} was read from {}; {others} {are} named for it as well and not used.", named(read)))
}

fn named((header, column): &(String, usize)) -> String {
    format!("{header:?} (column {})", letters(*column))
}

/// How people name a column: `A` for the first, `AA` for the 27th.
fn letters(column: usize) -> String {
    let mut letters = Vec::new();
    let mut rest = column + 1;
    while rest > 0 {
        letters.push(char::from(b'A' + u8::try_from((rest - 1) % 26).unwrap_or(0)));
        rest = (rest - 1) / 26;
    }
    letters.iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_named_as_people_find_them() {
        let columns = |columns: &[(&str, usize)]| {
            let columns: Vec<_> = columns.iter().map(|&(header, column)| (header.to_owned(), column)).collect();
            sentence("Location", &columns).unwrap_or_default()
        };
        assert_eq!(columns(&[("Branch", 2)]), "");
        assert_eq!(
            columns(&[("Branch", 2), ("branch", 27)]),
            "\"Location\" was read from \"Branch\" (column C); \"branch\" (column AB) is named for it as well and not \
             used."
        );
        assert_eq!(
            columns(&[("Location", 0), ("Region", 1), ("Town", 2)]),
            "\"Location\" was read from \"Location\" (column A); \"Region\" (column B) and \"Town\" (column C) are named \
             for it as well and not used."
        );
        assert!(columns(&[("A", 0), ("A", 1), ("A", 2), ("A", 3), ("A", 4), ("A", 5)]).contains("5 other columns are"));
    }
}
