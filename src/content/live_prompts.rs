//! The prompt templates in use, exchanged for changed ones without a restart.
//!
//! A request keeps the templates that it began with.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;

use super::WriterConfigError;
use super::prompt::{Prompts, Sources};
use crate::causes::with_causes;

/// The templates in use.
pub(super) struct LivePrompts {
    dir: Option<PathBuf>,
    current: ArcSwap<Prompts>,
    /// The result of the last check of the folder: the hash of the templates, or why they cannot be read.
    seen: Mutex<String>,
}

impl LivePrompts {
    /// Loads the built-in templates, each replaced by the file of its name in `dir` where there is one.
    ///
    /// # Errors
    /// As [`Sources::read`] and [`Prompts::new`].
    pub(super) fn load(dir: Option<&Path>) -> Result<Self, WriterConfigError> {
        let prompts = Prompts::new(Sources::read(dir)?)?;
        let seen = Mutex::new(prompts.hash().to_owned());
        Ok(Self { dir: dir.map(Path::to_owned), current: ArcSwap::from_pointee(prompts), seen })
    }

    /// The current templates.
    pub(super) fn snapshot(&self) -> Arc<Prompts> {
        self.current.load_full()
    }

    /// Checks the folder and takes changed templates over. Faulty templates are logged once, and the previous ones
    /// stay.
    pub(super) fn refresh(&self) {
        let Some(dir) = &self.dir else { return };
        // One check at a time: of two, the earlier one could otherwise store its templates last.
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let sources = Sources::read(Some(dir));
        let found = sources.as_ref().map_or_else(|error| with_causes(error), Sources::hash);
        if *seen == found {
            return;
        }
        match sources.and_then(Prompts::new) {
            Ok(prompts) => {
                tracing::info!(event = "prompts_changed", prompt_hash = prompts.hash(), "prompt templates taken over");
                self.current.store(Arc::new(prompts));
            }
            Err(error) => {
                let causes = with_causes(&error);
                tracing::warn!(event = "prompts_unusable", causes, "changed prompt templates cannot be used");
            }
        }
        *seen = found;
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::sample;
    use super::*;

    fn user_part(live: &LivePrompts) -> String {
        live.snapshot().render(&sample::brief(|_| {})).unwrap().user
    }

    #[test]
    fn a_changed_file_is_taken_over_and_a_snapshot_keeps_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let live = LivePrompts::load(Some(dir.path())).unwrap();
        let before = live.snapshot();
        fs::write(dir.path().join("brief.j2"), "Sell on {{ platform }}.").unwrap();
        live.refresh();
        assert_eq!(user_part(&live), "Sell on Instagram.");
        assert_ne!(live.snapshot().hash(), before.hash());
        assert!(before.render(&sample::brief(|_| {})).unwrap().user.contains("# Context"));
        fs::remove_file(dir.path().join("brief.j2")).unwrap();
        live.refresh();
        assert_eq!(live.snapshot().hash(), before.hash(), "without the file the built-in template is back");
    }

    #[test]
    fn nothing_is_loaded_anew_when_nothing_changed() {
        let dir = tempfile::tempdir().unwrap();
        let live = LivePrompts::load(Some(dir.path())).unwrap();
        let before = live.snapshot();
        live.refresh();
        assert!(Arc::ptr_eq(&before, &live.snapshot()));
    }

    #[test]
    fn a_faulty_template_leaves_the_good_ones_in_use_until_it_is_mended() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("brief.j2");
        fs::write(&file, "Good {{ tone }}.").unwrap();
        let live = LivePrompts::load(Some(dir.path())).unwrap();
        for faulty in ["{{ objectve }}", "{% if %}", "", " \n"] {
            fs::write(&file, faulty).unwrap();
            live.refresh();
            assert_eq!(user_part(&live), "Good Casual.", "{faulty:?}");
        }
        fs::remove_file(&file).unwrap();
        fs::create_dir(&file).unwrap();
        live.refresh();
        assert_eq!(user_part(&live), "Good Casual.", "a folder is no template");
        fs::remove_dir(&file).unwrap();
        fs::write(&file, "Mended {{ tone }}.").unwrap();
        live.refresh();
        assert_eq!(user_part(&live), "Mended Casual.");
    }

    #[test]
    fn a_folder_that_is_gone_leaves_the_templates_in_use() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("prompts");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("brief.j2"), "Good.").unwrap();
        let live = LivePrompts::load(Some(&folder)).unwrap();
        fs::remove_dir_all(&folder).unwrap();
        live.refresh();
        assert_eq!(user_part(&live), "Good.");
        assert!(LivePrompts::load(Some(&folder)).is_err(), "a folder that is not there shows at start");
    }
}
