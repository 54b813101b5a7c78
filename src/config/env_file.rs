//! The `.env` file: lines `NAME=value`, read as python-dotenv reads them, which the original service did.
//!
//! - `#` begins a comment at the start of a line, and after a blank behind a value. `export ` before a name is skipped.
//! - A value without quotes ends with its line and may hold blanks. In single quotes it is taken as it is. In double
//!   quotes `\n`, `\r`, `\t`, `\\`, `\"` and `\$` stand for what they do in a shell. Quoted values may span lines.
//! - `${NAME}` stands for that variable outside single quotes. A `$` alone is a `$`: keys and passwords hold them.
//!
//! What cannot be read is a fault with its line, and the lines after it are read all the same. For the reader of
//! settings alone. No crate does this: dotenvy (0.15.7) names no line, refuses blanks, and makes `a$b` an `a` in
//! silence.

use std::fmt;

/// The entries of a file, and what is wrong with it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct EnvFile {
    pub entries: Vec<Entry>,
    pub faults: Vec<Fault>,
}

/// One `NAME=value`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub name: String,
    pub value: String,
    /// Counted from 1; the first one of a value that spans lines.
    pub line: usize,
}

/// A line that cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub line: usize,
    /// What was found in place of a name. It may be a part of a secret: for comparing, not for printing.
    pub word: String,
    pub kind: FaultKind,
}

/// What is wrong with a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum FaultKind {
    /// No `=`, or no name before it.
    NotAnEntry,
    /// A quote without its other one.
    OpenQuote,
    /// Something other than a comment behind a quoted value.
    AfterQuote,
    /// `${…}` without an end, or of a name that is not set.
    UnknownVariable,
    /// `$NAME` of a name that is set: it may or may not be meant.
    BareVariable,
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAnEntry => "is not NAME=value",
            Self::OpenQuote => "opens a quote that is not closed",
            Self::AfterQuote => "goes on behind the closing quote: put the whole value into quotes",
            Self::UnknownVariable => "refers to a variable that is not set: put a value with a $ into single quotes",
            Self::BareVariable => "has a $ before the name of a variable: write ${NAME}, or put it into single quotes",
        })
    }
}

impl EnvFile {
    /// Reads `text`; `environment` answers for `${NAME}`, before the lines above it do.
    pub fn parse(text: &str, environment: &dyn Fn(&str) -> Option<String>) -> Self {
        let mut file = Self::default();
        let mut rest = text;
        let mut number = 0;
        while !rest.is_empty() {
            number += 1;
            let (line, below) = first_line(rest);
            match file.read_entry(line, below, environment) {
                Ok(Some((name, Value { text, n_more_lines }))) => {
                    file.entries.push(Entry { name, value: text, line: number });
                    number += n_more_lines;
                    rest = (0..n_more_lines).fold(below, |rest, _| first_line(rest).1);
                    continue;
                }
                Ok(None) => {}
                Err((word, kind)) => file.faults.push(Fault { line: number, word, kind }),
            }
            rest = below;
        }
        file
    }

    /// The entry that counts for a name: the last one.
    pub fn get(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().rev().find(|entry| entry.name == name)
    }

    fn read_entry(
        &self,
        line: &str,
        below: &str,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Option<(String, Value)>, (String, FaultKind)> {
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            return Ok(None);
        }
        let line = match line.strip_prefix("export") {
            Some(rest) if rest.starts_with([' ', '\t']) => rest.trim_start(),
            _ => line,
        };
        let word = || line.split([' ', '\t', '=', ':']).next().unwrap_or_default().to_owned();
        let (name, value) = line.split_once('=').ok_or_else(|| (word(), FaultKind::NotAnEntry))?;
        let name = name.trim_end();
        if !is_name(name) {
            return Err((word(), FaultKind::NotAnEntry));
        }
        let variable = |name: &str| environment(name).or_else(|| self.get(name).map(|entry| entry.value.clone()));
        let value = read_value(value, below, &variable).map_err(|kind| (name.to_owned(), kind))?;
        Ok(Some((name.to_owned(), value)))
    }
}

/// A value, and how many lines below its first one it takes up.
struct Value {
    text: String,
    n_more_lines: usize,
}

fn read_value(behind_equals: &str, below: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<Value, FaultKind> {
    let value = behind_equals.trim_start();
    let Some(quote) = value.chars().next().filter(|first| matches!(first, '\'' | '"')) else {
        let is_comment = value.starts_with('#') && behind_equals.starts_with([' ', '\t']);
        let text = if is_comment { "" } else { without_comment(value) };
        return Ok(Value { text: expand(text, false, variable)?, n_more_lines: 0 });
    };
    let opened = value.get(1..).unwrap_or_default();
    let (text, behind, n_more_lines) = match split_at_quote(opened, quote) {
        Some((text, behind)) => (text.to_owned(), behind, 0),
        None => {
            let many_lines = format!("{opened}\n{below}");
            let (text, _) = split_at_quote(&many_lines, quote).ok_or(FaultKind::OpenQuote)?;
            let n_more_lines = text.matches('\n').count();
            let last_line = below.lines().nth(n_more_lines - 1).unwrap_or_default();
            let in_last_line = text.rsplit('\n').next().unwrap_or_default().len() + 1;
            (text.replace("\r\n", "\n"), last_line.get(in_last_line..).unwrap_or_default(), n_more_lines)
        }
    };
    if !(behind.trim().is_empty() || behind.trim_start().starts_with('#')) {
        // Of a value over several lines it is likelier that the first one lacks its quote.
        return Err(if n_more_lines == 0 { FaultKind::AfterQuote } else { FaultKind::OpenQuote });
    }
    let text = if quote == '"' { expand(&text, true, variable)? } else { text };
    Ok(Value { text, n_more_lines })
}

/// A line, and everything below it.
fn first_line(text: &str) -> (&str, &str) {
    let (line, below) = text.split_once('\n').unwrap_or((text, ""));
    (line.strip_suffix('\r').unwrap_or(line), below)
}

fn is_name(text: &str) -> bool {
    // Other programs that share the file may have names with dots and hyphens.
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
}

fn without_comment(value: &str) -> &str {
    let is_start = |&(position, _): &(usize, &str)| value.get(..position).is_some_and(|v| v.ends_with([' ', '\t']));
    let comment = value.match_indices('#').find(is_start).map(|(position, _)| position);
    comment.and_then(|position| value.get(..position)).unwrap_or(value).trim_end()
}

/// What is before the closing quote, and behind it. In double quotes a backslash keeps a quote from closing.
fn split_at_quote(text: &str, quote: char) -> Option<(&str, &str)> {
    let mut is_escaped = false;
    for (position, letter) in text.char_indices() {
        if letter == quote && !is_escaped {
            return text.get(..position).zip(text.get(position + 1..));
        }
        is_escaped = letter == '\\' && quote == '"' && !is_escaped;
    }
    None
}

/// Puts variables in, and in double quotes what a backslash stands for.
fn expand(text: &str, has_escapes: bool, variable: &dyn Fn(&str) -> Option<String>) -> Result<String, FaultKind> {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, special, behind)) = split_at_special(rest, has_escapes) {
        plain.push_str(before);
        rest = behind;
        if special == '\\' {
            let mut letters = behind.chars();
            match letters.next() {
                Some('n') => plain.push('\n'),
                Some('r') => plain.push('\r'),
                Some('t') => plain.push('\t'),
                Some(escaped @ ('\\' | '"' | '$')) => plain.push(escaped),
                other => plain.extend(std::iter::once('\\').chain(other)),
            }
            rest = letters.as_str();
        } else if let Some(braced) = behind.strip_prefix('{') {
            let (name, after) = braced.split_once('}').ok_or(FaultKind::UnknownVariable)?;
            plain.push_str(&variable(name).ok_or(FaultKind::UnknownVariable)?);
            rest = after;
        } else {
            let name = behind.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').next();
            if name.is_some_and(|name| !name.is_empty() && variable(name).is_some()) {
                return Err(FaultKind::BareVariable);
            }
            plain.push('$');
        }
    }
    plain.push_str(rest);
    Ok(plain)
}

/// What is before the first letter that means something, that letter, and what is behind it.
fn split_at_special(text: &str, has_escapes: bool) -> Option<(&str, char, &str)> {
    let position = text.find(|letter| letter == '$' || has_escapes && letter == '\\')?;
    let special = text.get(position..)?.chars().next()?;
    Some((text.get(..position)?, special, text.get(position + 1..)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> EnvFile {
        EnvFile::parse(text, &|name| (name == "HOME").then(|| "/home/me".to_owned()))
    }

    /// Every value, or the faults.
    fn values(text: &str) -> Result<Vec<String>, Vec<FaultKind>> {
        let EnvFile { entries, faults } = parse(text);
        if !faults.is_empty() {
            return Err(faults.into_iter().map(|fault| fault.kind).collect());
        }
        Ok(entries.into_iter().map(|entry| entry.value).collect())
    }

    #[test]
    fn a_value_is_what_python_dotenv_and_docker_take_it_for() {
        for (line, value) in [
            ("A=b", "b"),
            ("  export  A = b ", "b"),
            ("A=", ""),
            ("A= # nothing", ""),
            ("A=#b", "#b"),
            ("A=b#c", "b#c"),
            ("A=b # c", "b"),
            ("A=0 2 1 * *", "0 2 1 * *"),
            ("A=http://a:1, http://b:2", "http://a:1, http://b:2"),
            ("A=c2VjcmV0==", "c2VjcmV0=="),
            ("A=b\r", "b"),
            ("A='b' # c", "b"),
            ("A='a$HOME\\n # b'", "a$HOME\\n # b"),
            ("A=\"a\\\"b\\\\c\\n\\x\"", "a\"b\\c\n\\x"),
            ("A=''", ""),
            ("A=it's", "it's"),
            ("A=C:\\data", "C:\\data"),
        ] {
            assert_eq!(values(line), Ok(vec![value.to_owned()]), "{line}");
        }
    }

    #[test]
    fn a_dollar_is_a_dollar_unless_it_names_a_variable() {
        for (line, value) in [
            ("A=a$b", "a$b"),
            ("A=$", "$"),
            ("A=\"a$b$\"", "a$b$"),
            ("A=${HOME}/models", "/home/me/models"),
            ("A=\"${HOME} \\$HOME \\${HOME}\"", "/home/me $HOME ${HOME}"),
            ("A='${HOME}'", "${HOME}"),
        ] {
            assert_eq!(values(line), Ok(vec![value.to_owned()]), "{line}");
        }
        assert_eq!(values("A=b\nC=${A}${A}"), Ok(vec!["b".to_owned(), "bb".to_owned()]));
        assert_eq!(values("A=$HOME/models"), Err(vec![FaultKind::BareVariable]));
        assert_eq!(values("A=${NOWHERE}"), Err(vec![FaultKind::UnknownVariable]));
        assert_eq!(values("A=${HOME"), Err(vec![FaultKind::UnknownVariable]));
    }

    #[test]
    fn a_value_in_quotes_may_span_lines() {
        let file = parse("A=\"one\r\ntwo\" # and more\nB=b\nC='x\n\ny'\nD=d");
        let found: Vec<_> = file.entries.iter().map(|entry| (entry.line, entry.value.as_str())).collect();
        assert_eq!(found, [(1, "one\ntwo"), (3, "b"), (4, "x\n\ny"), (7, "d")]);
    }

    #[test]
    fn a_faulty_line_is_known_by_its_number_and_spoils_no_other() {
        let file = parse("PORT=1\nOPENAI_API_KEY sk-secret\nA=\"b\nHOST='c' d\n=e\nMY KEY=f\nB=g\n");
        let faults: Vec<_> = file.faults.iter().map(|f| (f.line, f.word.as_str(), &f.kind)).collect();
        assert_eq!(
            faults,
            [
                (2, "OPENAI_API_KEY", &FaultKind::NotAnEntry),
                (3, "A", &FaultKind::OpenQuote),
                (4, "HOST", &FaultKind::AfterQuote),
                (5, "", &FaultKind::NotAnEntry),
                (6, "MY", &FaultKind::NotAnEntry),
            ]
        );
        let names: Vec<_> = file.entries.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names, ["PORT", "B"]);
    }

    #[test]
    fn a_quote_that_closes_in_another_entry_is_one_that_is_open() {
        let file = parse("A=\"b\nC=\"d\"\nE=f");
        assert_eq!(file.faults, [Fault { line: 1, word: "A".to_owned(), kind: FaultKind::OpenQuote }]);
        assert_eq!(file.entries.iter().map(|entry| entry.line).collect::<Vec<_>>(), [2, 3]);
    }

    proptest! {
        #[test]
        fn a_value_in_single_quotes_comes_back_as_it_was(value in "[^'\0\r]{0,40}", below in "[B-Z]{1,8}") {
            let file = parse(&format!("A='{value}'\n{below}=b"));
            prop_assert_eq!(&file.faults, &[]);
            prop_assert_eq!(&file.get("A").unwrap().value, &value);
            prop_assert_eq!(&file.get(&below).unwrap().value, "b");
        }

        #[test]
        fn every_line_is_an_entry_a_fault_a_comment_or_empty(text in "[A#=\"' \\\\$\\{\\}b\n]{0,60}") {
            let EnvFile { entries, faults } = parse(&text);
            let lines: Vec<usize> = entries.iter().map(|e| e.line).chain(faults.iter().map(|f| f.line)).collect();
            let is_blank = |line: &usize| text.lines().nth(line - 1).is_none_or(|line| line.trim().is_empty());
            prop_assert!(!lines.iter().any(is_blank), "a blank line was read");
        }
    }
}
