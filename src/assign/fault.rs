//! Why rows could not be placed.

use std::io;

use crate::customer::WrongColumns;
use crate::pipeline::AssignError;

/// Why placing ended before the input did.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AssignFault {
    /// The input's columns are not those that are needed, or not of a type that is taken.
    #[error("{0}")]
    Columns(String),
    /// The model cannot place a profile.
    #[error("the model cannot place the rows")]
    Model(#[from] AssignError),
    /// The input is damaged or was cut.
    #[error(transparent)]
    Input(#[from] InputFault),
    /// The output cannot be written.
    #[error("the output cannot be written")]
    Output(#[source] io::Error),
}

/// What is wrong with an input.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InputFault {
    /// It ended before its end mark.
    #[error("the input ends before its end mark: it was cut, or its writer failed")]
    Cut,
    /// It breaks the rules of its format, or a limit.
    #[error("{0}")]
    Damaged(String),
    /// It cannot be read.
    #[error("the input cannot be read")]
    Unreadable(#[source] io::Error),
}

impl From<WrongColumns> for AssignFault {
    fn from(error: WrongColumns) -> Self {
        Self::Columns(error.to_string())
    }
}
