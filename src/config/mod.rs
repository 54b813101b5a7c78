//! Reads settings; the only reader of the environment.
//!
//! Values come from the process environment, then from a `.env` file in the working directory. An empty value counts as
//! not set. A module's settings struct reads itself from a [`Reader`], which is where each variable has its default,
//! unit and documentation. The reader remembers what it read, for `content-portal settings`, and every mistake, so that
//! all are reported together.

mod env_file;
mod reader;
mod secret;
mod setting;
mod variables;

use std::env::VarError;

pub use reader::{Reader, entries};
pub use secret::Secret;
pub use setting::{Setting, Source};

use variables::Variables;

/// What a program needs of the environment to find its way, and to say why it failed.
const OF_ANY_PROGRAM: [&str; 6] = ["PATH", "HOME", "LANG", "TMPDIR", "RAYON_NUM_THREADS", "RUST_BACKTRACE"];

/// Settings as they were read, whether or not they can be used.
#[derive(Debug)]
pub struct Loaded<T> {
    /// The values; where a setting cannot be taken, its default.
    config: T,
    /// Every setting, in the order in which they were read.
    pub settings: Vec<Setting>,
    /// One sentence for each name or value that is probably a mistake.
    pub warnings: Vec<String>,
    /// One sentence for each setting that cannot be taken.
    pub mistakes: Vec<String>,
    /// What a process that is to have the same settings and no secret finds in its environment.
    plain: Vec<(String, String)>,
}

/// Every mistake in the settings.
#[derive(Debug, thiserror::Error)]
#[error("the settings cannot be taken:\n  - {}", .0.join("\n  - "))]
pub struct ConfigErrors(pub Vec<String>);

impl<T> Loaded<T> {
    /// Reads the environment and `.env`.
    pub fn from_environment(read: impl FnOnce(&mut Reader<'_>) -> T) -> Self {
        Self::from_variables(&Variables::of_process(), read)
    }

    /// Reads these `variables` as if they were the environment, and this text as if it were `.env`.
    pub fn from_pairs(variables: &[(&str, &str)], file: &str, read: impl FnOnce(&mut Reader<'_>) -> T) -> Self {
        let environment = |name: &str| {
            let pair = variables.iter().find(|(own, _)| *own == name);
            pair.map(|(_, value)| (*value).to_owned()).ok_or(VarError::NotPresent)
        };
        let names = variables.iter().map(|(name, _)| (*name).to_owned()).collect();
        Self::from_variables(&Variables::new(&environment, names, file), read)
    }

    /// Reads the environment alone.
    pub fn from_environment_alone(read: impl FnOnce(&mut Reader<'_>) -> T) -> Self {
        Self::from_variables(&Variables::of_process_alone(), read)
    }

    /// Every setting that is set and is no secret, with what any program needs of the environment: what a child process
    /// that reads [`Loaded::from_environment_alone`] is told.
    pub fn without_secrets(&self) -> Vec<(String, String)> {
        self.plain.clone()
    }

    fn from_variables(variables: &Variables<'_>, read: impl FnOnce(&mut Reader<'_>) -> T) -> Self {
        let mut reader = Reader::new(variables);
        let config = read(&mut reader);
        let Reader { settings, mistakes, mut warnings, old_names, plain, .. } = reader;
        let of_any = OF_ANY_PROGRAM.into_iter().filter_map(|name| Some((name, variables.of_environment(name)?)));
        let plain = plain.into_iter().chain(of_any).map(|(name, text)| (name.to_owned(), text)).collect();
        let names = settings.iter().map(|setting| setting.name).chain(old_names.iter().map(|(_, old)| *old));
        let known: Vec<String> = names.map(str::to_owned).collect();
        warnings.extend(variables.warnings(&known));
        Self { config, settings, warnings, mistakes: variables.mistakes(&known).chain(mistakes).collect(), plain }
    }

    /// The settings, where all can be taken.
    ///
    /// # Errors
    /// [`ConfigErrors`] with every mistake.
    pub fn config(self) -> Result<T, ConfigErrors> {
        if self.mistakes.is_empty() { Ok(self.config) } else { Err(ConfigErrors(self.mistakes)) }
    }
}

/// What `read` makes of an environment in which nothing is set.
pub fn defaults<T>(read: impl FnOnce(&mut Reader<'_>) -> T) -> T {
    Loaded::from_pairs(&[], "", read).config
}
