//! Where values are looked up: the process environment, then `.env`; and what the names in both suggest.
//!
//! For the reader of settings alone, and nothing else in the crate reads the environment.

use std::env::{self, VarError};
use std::path::Path;

use super::env_file::{EnvFile, Fault};
use super::setting::Source;
use crate::near_miss::nearest;
use crate::text_file;

/// Names that other parts of the process read, which know no `.env`.
const OF_THE_ENVIRONMENT: [&str; 7] =
    ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "CREDENTIALS_DIRECTORY"];

/// What other programs call a setting, too far from its name to be told by likeness. In the environment such names are
/// those programs' own.
const ELSEWHERE: [(&str, &str); 5] = [
    ("OPENAI_API_BASE", "OPENAI_BASE_URL"),
    ("CORS_ORIGINS", "ALLOW_ORIGINS"),
    ("UPLOAD_FOLDER", "UPLOAD_DIR"),
    ("LOG_LEVEL", "RUST_LOG"),
    ("TZ", "TIME_ZONE"),
];

/// A name that was meant for a setting differs from it by at most one letter in so many.
const LETTERS_PER_MISTAKE: usize = 4;

/// The environment and the file.
pub(super) struct Variables<'a> {
    environment: &'a dyn Fn(&str) -> Result<String, VarError>,
    environment_names: Vec<String>,
    file: EnvFile,
    /// Why there is no file to read, although there is one.
    unreadable: Option<String>,
}

/// A value, and where it was found.
pub(super) struct Found {
    pub text: String,
    pub source: Source,
}

impl Variables<'static> {
    /// The environment of this process.
    pub fn of_process_alone() -> Self {
        Self::of_process_and("")
    }

    fn of_process_and(file: &str) -> Self {
        let names = env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect();
        Self::new(&|name: &str| env::var(name), names, file)
    }

    /// The environment of this process, and the `.env` in its working directory.
    pub fn of_process() -> Self {
        match text_file::read(Path::new(".env")) {
            Ok(text) => Self::of_process_and(&text),
            // An empty file is one that sets nothing.
            Err(error) => {
                let is_absent = error.is_not_found() || matches!(error, text_file::TextFileError::Empty);
                let unreadable = (!is_absent).then(|| format!(".env {error}"));
                Self { unreadable, ..Self::of_process_and("") }
            }
        }
    }
}

impl<'a> Variables<'a> {
    /// An environment that answers for one name and has these names, and the text of a file.
    pub fn new(
        environment: &'a dyn Fn(&str) -> Result<String, VarError>,
        environment_names: Vec<String>,
        file: &str,
    ) -> Self {
        let file = EnvFile::parse(file, &|name| environment(name).ok());
        Self { environment, environment_names, file, unreadable: None }
    }

    /// The value of a name; `None` where it is blank or not set.
    ///
    /// # Errors
    /// One sentence where it is not text.
    pub fn get(&self, name: &str) -> Result<Option<Found>, String> {
        match (self.environment)(name) {
            // `docker --env-file` and some unit files hand quotes over that a shell would have taken off.
            Ok(text) if !unquoted(&text).is_empty() => {
                return Ok(Some(Found { text: unquoted(&text).to_owned(), source: Source::Environment }));
            }
            Ok(_) | Err(VarError::NotPresent) => {}
            Err(VarError::NotUnicode(_)) => return Err(format!("{name} must be UTF-8 text ({})", Source::Environment)),
        }
        let entry = self.file.get(name).filter(|entry| !entry.value.trim().is_empty());
        Ok(entry
            .map(|entry| Found { text: entry.value.trim().to_owned(), source: Source::EnvFile { line: entry.line } }))
    }

    /// Whether the environment sets a name to nothing.
    pub fn is_blank(&self, name: &str) -> bool {
        (self.environment)(name).is_ok_and(|text| unquoted(&text).is_empty())
    }

    /// The value of a name in the environment alone.
    pub fn of_environment(&self, name: &str) -> Option<String> {
        (self.environment)(name).ok().filter(|text| !text.trim().is_empty())
    }

    /// What is wrong with the file. A name is printed only where it is one of `known`: it could be a piece of a secret.
    pub fn mistakes(&self, known: &[String]) -> impl Iterator<Item = String> {
        let fault = |Fault { line, word, kind }: &Fault| {
            if is_known(word, known) {
                format!(".env line {line} ({word}) {kind}")
            } else {
                format!(".env line {line} {kind}")
            }
        };
        self.unreadable.iter().cloned().chain(self.file.faults.iter().map(fault))
    }

    /// What should be looked at: names that mean nothing here and were meant for one of `known`, or are set twice.
    pub fn warnings(&self, known: &[String]) -> Vec<String> {
        let mut warnings = Vec::new();
        for (position, entry) in self.file.entries.iter().enumerate() {
            let (name, line) = (entry.name.as_str(), entry.line);
            let earlier = self.file.entries.iter().take(position).rfind(|earlier| earlier.name == name);
            if let Some(earlier) = earlier.filter(|_| known.iter().any(|known| known == name)) {
                warnings
                    .push(format!(".env sets {name} in the lines {} and {line}: the last one counts", earlier.line));
            }
            let elsewhere = ELSEWHERE.iter().find(|(elsewhere, _)| *elsewhere == name).map(|&(_, known)| known);
            if let Some(known) = elsewhere.or_else(|| meant_by(name, known)) {
                warnings.push(format!(".env line {line}: {name} is not a setting; did you mean {known}?"));
            }
            if OF_THE_ENVIRONMENT.contains(&name.to_ascii_uppercase().as_str()) {
                warnings
                    .push(format!(".env line {line}: {name} is read from the process environment alone: set it there"));
            }
        }
        for name in &self.environment_names {
            if let Some(known) = meant_by(name, known) {
                warnings.push(format!("{name} (environment) is not a setting; did you mean {known}?"));
            }
        }
        let names = self.file.entries.iter().map(|entry| &entry.name).chain(&self.environment_names);
        let mut leftovers: Vec<&String> = names.filter(|name| name.starts_with("FLASK_")).collect();
        leftovers.sort();
        leftovers.dedup();
        warnings.extend(leftovers.into_iter().map(|name| format!("{name} has no meaning here and is ignored")));
        warnings
    }
}

/// A text without the blanks and the pair of quotes around it.
pub(super) fn unquoted(text: &str) -> &str {
    let text = text.trim();
    let inner = ['"', '\''].iter().find_map(|&quote| {
        let inner = text.strip_prefix(quote)?.strip_suffix(quote)?;
        // A list may have each of its entries in quotes.
        (!inner.contains(quote)).then_some(inner)
    });
    inner.map_or(text, str::trim)
}

/// Whether a name is one of `known`, or that of a file for one.
fn is_known(name: &str, known: &[String]) -> bool {
    let setting = name.strip_suffix("_FILE").unwrap_or(name);
    known.iter().any(|known| known == name || known == setting)
}

/// The setting that `name`, which is unknown, was probably meant for.
fn meant_by<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    let known_names = known.iter().map(String::as_str);
    if is_known(name, known) { None } else { nearest(name, known_names, LETTERS_PER_MISTAKE) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Vec<String> {
        ["HOST", "PORT", "OPENAI_API_KEY", "OPENAI_BASE_URL", "API_KEYS", "ALLOW_ORIGINS", "MODEL_DIR", "RUST_LOG"]
            .map(str::to_owned)
            .to_vec()
    }

    #[test]
    fn a_name_that_is_almost_a_setting_is_told_from_one_that_is_not() {
        let known = known();
        for (name, meant) in [
            ("OPENAI_APIKEY", "OPENAI_API_KEY"),
            ("openai-api-key", "OPENAI_API_KEY"),
            ("OPENAI_KEY", "OPENAI_API_KEY"),
            ("OPEN_AI_API_KEY", "OPENAI_API_KEY"),
            ("API_KEY", "API_KEYS"),
            ("ALLOWED_ORIGINS", "ALLOW_ORIGINS"),
            ("MODELS_DIR", "MODEL_DIR"),
            ("PROT", "PORT"),
        ] {
            assert_eq!(meant_by(name, &known), Some(meant), "{name}");
        }
        for name in [
            "HOSTNAME",
            "STATE_DIRECTORY",
            "PORT",
            "API_KEYS_FILE",
            "DB_PORT",
            "DATABASE_URL",
            "COMPOSE_PROJECT_NAME",
            "PATH",
            "SECRET_KEY",
        ] {
            assert_eq!(meant_by(name, &known), None, "{name}");
        }
    }

    #[test]
    fn quotes_around_a_value_are_taken_off_and_others_are_not() {
        for (text, plain) in [
            ("\"sk-a\"", "sk-a"),
            (" 'sk-a' ", "sk-a"),
            ("\"\"", ""),
            ("sk-\"a", "sk-\"a"),
            ("\"a\",\"b\"", "\"a\",\"b\""),
            ("'", "'"),
            ("", ""),
        ] {
            assert_eq!(unquoted(text), plain, "{text}");
        }
    }

    #[test]
    fn the_environment_wins_unless_it_is_blank() {
        let environment = |name: &str| match name {
            "HOST" => Ok("'0.0.0.0'".to_owned()),
            "PORT" => Ok("\"\"".to_owned()),
            _ => Err(VarError::NotPresent),
        };
        let variables = Variables::new(&environment, Vec::new(), "HOST=::1\nPORT=5001\n");
        let found = |name| variables.get(name).unwrap().map(|found| (found.text, found.source.to_string()));
        assert_eq!(found("HOST"), Some(("0.0.0.0".to_owned(), "environment".to_owned())));
        assert_eq!(found("PORT"), Some(("5001".to_owned(), ".env line 2".to_owned())));
        assert_eq!(found("MODEL_DIR"), None);
    }

    #[test]
    fn a_faulty_line_is_named_and_never_quoted() {
        let file = "OPENAI_API_KEY sk-very-secret\nc2stdmVyeS1zZWNyZXQ\nHOST='a' b\nAPI_KEYS_FILE: keys\n";
        let variables = Variables::new(&|_| Err(VarError::NotPresent), Vec::new(), file);
        let mistakes: Vec<String> = variables.mistakes(&known()).collect();
        assert_eq!(
            mistakes,
            [
                ".env line 1 (OPENAI_API_KEY) is not NAME=value",
                ".env line 2 is not NAME=value",
                ".env line 3 (HOST) goes on behind the closing quote: put the whole value into quotes",
                ".env line 4 (API_KEYS_FILE) is not NAME=value",
            ]
        );
    }

    #[test]
    fn names_that_do_nothing_here_are_warned_of_once() {
        let file = "FLASK_ENV=production\nPORT=1\nPORT=2\nHTTPS_PROXY=http://a\nMODLE_DIR=m\nTHEIRS=1\nTHEIRS=2\n\
                    LOG_LEVEL=debug\n";
        let names = ["FLASK_ENV", "Openai_Api_Key", "API_KEY", "LOG_LEVEL", "HOSTNAME"].map(str::to_owned).to_vec();
        let variables = Variables::new(&|_| Err(VarError::NotPresent), names, file);
        assert_eq!(
            variables.warnings(&known()),
            [
                ".env sets PORT in the lines 2 and 3: the last one counts",
                ".env line 4: HTTPS_PROXY is read from the process environment alone: set it there",
                ".env line 5: MODLE_DIR is not a setting; did you mean MODEL_DIR?",
                ".env line 8: LOG_LEVEL is not a setting; did you mean RUST_LOG?",
                "Openai_Api_Key (environment) is not a setting; did you mean OPENAI_API_KEY?",
                "API_KEY (environment) is not a setting; did you mean API_KEYS?",
                "FLASK_ENV has no meaning here and is ignored",
            ]
        );
    }
}
