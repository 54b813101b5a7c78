//! Reads settings one at a time; remembers each with its value and where it came from, and every mistake.
//!
//! What is read here is what `content-portal settings` shows: there is no second list. Each method names the variable,
//! its default and, by its own name or an argument, its unit.

use std::iter;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::secret::Secret;
use super::setting::{Setting, Source};
use super::variables::{Found, Variables, unquoted};
use crate::text_file::{self, TextFileError};

/// Reads from variables, and remembers what was read.
pub struct Reader<'a> {
    variables: &'a Variables<'a>,
    pub(super) settings: Vec<Setting>,
    pub(super) mistakes: Vec<String>,
    pub(super) warnings: Vec<String>,
    /// The settings that are set, as they are written: none that is a secret or may hold one.
    pub(super) plain: Vec<(&'static str, String)>,
    /// Settings with the names that they had before.
    pub(super) old_names: Vec<(&'static str, &'static str)>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(variables: &'a Variables<'a>) -> Self {
        Self {
            variables,
            settings: Vec::new(),
            mistakes: Vec::new(),
            warnings: Vec::new(),
            plain: Vec::new(),
            old_names: Vec::new(),
        }
    }

    /// The value that `parse` makes of a setting; `None` where it is not set, or is not what was `expected`, which is a
    /// mistake. Every other reading method is this one.
    pub fn value<T>(
        &mut self,
        name: &'static str,
        default: Option<String>,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let Some(Found { text, source }) = self.find(name) else {
            self.settings.push(Setting { name, value: default, source: Source::Default });
            return None;
        };
        let value = parse(&text);
        self.plain.push((name, text.clone()));
        self.settings.push(Setting { name, value: Some(text), source });
        if value.is_none() {
            self.mistake(name, &format!("must be {expected}"));
        }
        value
    }

    /// Has `name` looked for under the name `old` as well from here on. Both at a time are a mistake, unless they say
    /// the same.
    pub fn old_name(&mut self, name: &'static str, old: &'static str) {
        self.old_names.push((name, old));
    }

    /// Says of a setting what is wrong with it, and where it was set.
    pub fn mistake(&mut self, name: &str, what: &str) {
        let source = self.settings.iter().rfind(|setting| setting.name == name).map(|setting| &setting.source);
        self.mistakes.push(match source {
            None | Some(Source::Default) => format!("{name} {what}"),
            Some(source) => format!("{name} {what} ({source})"),
        });
    }

    /// Shows a setting as `shown` from here on, where its own text should not be seen.
    pub fn show(&mut self, name: &str, shown: impl FnOnce(&str) -> String) {
        self.plain.retain(|(plain, _)| *plain != name);
        let setting = self.settings.iter_mut().rfind(|setting| setting.name == name);
        if let Some(value) = setting.and_then(|setting| setting.value.as_mut()) {
            *value = shown(value);
        }
    }

    /// Warns where the environment sets `name` to nothing: `what` says what follows from that.
    pub fn warn_if_blank(&mut self, name: &str, what: &str) {
        if self.variables.is_blank(name) {
            self.warnings.push(format!("{name} is set to nothing ({}), {what}", Source::Environment));
        }
    }

    /// A text.
    pub fn text(&mut self, name: &'static str, default: &str) -> String {
        let text = self.value(name, Some(default.to_owned()), "text", |text| Some(text.to_owned()));
        text.unwrap_or_else(|| default.to_owned())
    }

    /// A text, or nothing.
    pub fn optional_text(&mut self, name: &'static str) -> Option<String> {
        self.value(name, None, "text", |text| Some(text.to_owned()))
    }

    /// A file or folder.
    pub fn path(&mut self, name: &'static str, default: &str) -> PathBuf {
        self.text(name, default).into()
    }

    /// A file or folder, or nothing.
    pub fn optional_path(&mut self, name: &'static str) -> Option<PathBuf> {
        self.optional_text(name).map(PathBuf::from)
    }

    /// Whatever `T` reads from a text.
    pub fn parsed<T: FromStr + ToString>(&mut self, name: &'static str, default: T, expected: &str) -> T {
        self.value(name, Some(default.to_string()), expected, |text| text.parse().ok()).unwrap_or(default)
    }

    /// What a word stands for: the default, or one of the others, in whatever case it is written.
    pub fn choice<T: Copy>(&mut self, name: &'static str, default: (&str, T), others: &[(&str, T)]) -> T {
        let all = || iter::once(&default).chain(others);
        let mut words: Vec<&str> = all().map(|(word, _)| *word).collect();
        let last = words.pop().unwrap_or_default();
        let expected = format!("{} or {last}", words.join(", "));
        let meant = |text: &str| all().find(|(word, _)| text.eq_ignore_ascii_case(word)).map(|(_, value)| *value);
        self.value(name, Some(default.0.to_owned()), &expected, meant).unwrap_or(default.1)
    }

    /// A whole number of `units`, 1 or more.
    pub fn count(&mut self, name: &'static str, default: usize, units: &str) -> NonZeroUsize {
        let default = NonZeroUsize::new(default).unwrap_or(NonZeroUsize::MIN);
        self.parsed(name, default, &format!("a whole number of {units}, 1 or more"))
    }

    /// A whole number of `units`, `least` or more.
    pub fn at_least(&mut self, name: &'static str, least: u32, default: u32, units: &str) -> u32 {
        let parse = |text: &str| text.parse().ok().filter(|number| *number >= least);
        let expected = format!("a whole number of {units}, {least} or more");
        self.value(name, Some(default.to_string()), &expected, parse).unwrap_or(default)
    }

    /// So many megabytes, in bytes.
    pub fn megabytes(&mut self, name: &'static str, least: u32, default: u32) -> u64 {
        u64::from(self.at_least(name, least, default, "megabytes")) << 20
    }

    /// So many seconds, 1 or more.
    pub fn seconds(&mut self, name: &'static str, default: u32) -> Duration {
        Duration::from_secs(self.at_least(name, 1, default, "seconds").into())
    }

    /// So many `units`, or no limit.
    pub fn limit(&mut self, name: &'static str, units: &str) -> Option<NonZeroU32> {
        self.value(name, None, &format!("a whole number of {units}, 1 or more"), |text| text.parse().ok())
    }

    /// So many days, or no limit.
    pub fn limit_of_days(&mut self, name: &'static str) -> Option<Duration> {
        self.limit(name, "days").map(|days| Duration::from_secs(u64::from(days.get()) * 86_400))
    }

    /// So many gigabytes, in bytes, or no limit.
    pub fn limit_of_gigabytes(&mut self, name: &'static str) -> Option<u64> {
        self.limit(name, "gigabytes").map(|gigabytes| u64::from(gigabytes.get()) << 30)
    }

    /// The entries of a list that is separated by commas, without the quotes around each.
    pub fn list(&mut self, name: &'static str) -> Vec<String> {
        self.optional_text(name).map(|text| entries(&text).map(str::to_owned).collect()).unwrap_or_default()
    }

    /// A secret from the variable itself, from the file that `<name>_FILE` names, or from systemd's credential of this
    /// name in lower case.
    pub fn secret(&mut self, name: &'static str) -> Option<Secret> {
        let file = format!("{name}_FILE");
        let (direct, path) = (self.find(name), self.find(&file));
        let (text, source) = match (direct, path) {
            (Some(Found { text, source }), path) => {
                if path.is_some() {
                    self.warnings.push(format!("{name} is set ({source}), so the file of {file} is not read"));
                }
                (Some(text), source)
            }
            (None, Some(path)) => {
                let source = Source::File { variable: file, path: path.text.into() };
                (self.secret_in(&source), source)
            }
            (None, None) => match self.variables.of_environment("CREDENTIALS_DIRECTORY") {
                Some(folder) => {
                    let path = PathBuf::from(folder).join(name.to_ascii_lowercase());
                    let source = Source::Credential { path };
                    self.secret_in(&source).map_or((None, Source::Default), |text| (Some(text), source))
                }
                None => (None, Source::Default),
            },
        };
        self.settings.push(Setting { name, value: text.as_ref().map(|_| "(set)".to_owned()), source });
        text.as_deref().and_then(Secret::new)
    }

    /// The secret in a file. One that holds none is a mistake: without it the service could be open to everybody.
    fn secret_in(&mut self, source: &Source) -> Option<String> {
        let (Source::File { path, .. } | Source::Credential { path }) = source else { return None };
        let why = match text_file::read(path) {
            Ok(text) if !unquoted(&text).is_empty() => return Some(unquoted(&text).to_owned()),
            // A service may have other credentials than this one.
            Err(error) if error.is_not_found() && matches!(source, Source::Credential { .. }) => return None,
            Ok(_) | Err(TextFileError::Empty) => "is empty: write the secret into it, or leave it out".to_owned(),
            Err(error) => error.to_string(),
        };
        self.mistakes.push(format!("{source} {why}"));
        None
    }

    fn find(&mut self, name: &str) -> Option<Found> {
        let found = self.look_up(name);
        let Some(&(_, old)) = self.old_names.iter().find(|(new, _)| *new == name) else { return found };
        let before = self.look_up(old);
        match (found, before) {
            (Some(found), Some(before)) if found.text != before.text => {
                let source = before.source;
                let mistake = format!("{old} is the old name of {name}, which is set as well: remove {old} ({source})");
                self.mistakes.push(mistake);
                Some(found)
            }
            (Some(found), _) => Some(found),
            (None, Some(Found { text, source })) => {
                Some(Found { text, source: Source::OldName { variable: old, source: Box::new(source) } })
            }
            (None, None) => None,
        }
    }

    fn look_up(&mut self, name: &str) -> Option<Found> {
        self.variables.get(name).unwrap_or_else(|mistake| {
            self.mistakes.push(mistake);
            None
        })
    }
}

/// The entries of a list, none of them empty.
pub fn entries(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(unquoted).filter(|entry| !entry.is_empty())
}
