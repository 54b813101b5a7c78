//! Hands the file of keys over again while a server runs.

use crate::content::WriterConfigError;

use super::access::{KeysFileError, Reloaded};
use super::state::AppState;

/// The keys of a running server.
#[derive(Clone)]
pub struct KeyRing(pub(super) AppState);

/// Why the first budget of a key does not begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoBudget {
    /// There is no writer yet.
    #[error("the server is still starting: send SIGHUP once more when it is ready")]
    Starting,
    /// What calls cost cannot be kept.
    #[error("what calls cost cannot be kept")]
    Writer(#[from] WriterConfigError),
}

impl KeyRing {
    /// Reads `KEYS_FILE` again and takes it over. Blocking.
    ///
    /// # Errors
    /// When that file cannot be used. The previous keys stay valid.
    pub fn reload(&self) -> Result<Reloaded<NoBudget>, KeysFileError> {
        let equipment = self.0.equipment();
        let least_call_usd = equipment.as_ref().ok().and_then(|equipment| equipment.writer.least_call_usd());
        self.0.access().reload(least_call_usd, || {
            let equipment = equipment.map_err(|_| NoBudget::Starting)?;
            Ok(equipment.writer.begin_budgets_of_keys()?)
        })
    }

    /// Whether some key has a budget of its own, for which the writer must keep what is spent.
    pub fn has_budgets(&self) -> bool {
        self.0.access().has_budgets()
    }
}
