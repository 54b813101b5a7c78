//! An answer of texts as it arrives: JSON or a stream of events, with content or with a failure inside.

use serde_json::Value;

use super::super::WriteErrorKind;
use super::super::upstream::failure::Failure;
use super::super::upstream::transport::{FromResponse, Response, read_json};
use super::super::upstream::try_error::TryError;
use super::events::{self, BrokenStream};
use super::wire::ChatAnswer;

impl FromResponse for ChatAnswer {
    fn from_response(answer: &Response) -> Result<Self, TryError> {
        let read = if answer.is_event_stream || events::is_stream(&answer.body) {
            events::gather(&answer.body).map_err(|broken| {
                let kind = match broken {
                    BrokenStream::CutOff => WriteErrorKind::CutOff,
                    BrokenStream::NoAnswer => WriteErrorKind::BadAnswer,
                };
                TryError::new(kind, true).because(broken)
            })
        } else {
            read_json::<Self>(&answer.body)
        };
        match read {
            Ok(answer) if answer.has_choice() => answer.without_error(),
            without_content => Failure::inside(&answer.body).map(TryError::inside).map_or(without_content, Err),
        }
    }
}

impl ChatAnswer {
    fn has_choice(&self) -> bool {
        self.choices.as_ref().is_some_and(|choices| !choices.is_empty())
    }

    /// The answer, unless it or its first choice tells of an error: what it holds is then the beginning of a text.
    fn without_error(self) -> Result<Self, TryError> {
        let of_choice = self.choices.iter().flatten().next().and_then(|choice| choice.error.as_ref());
        let told = self.error.iter().chain(of_choice).find(|error| is_told(error));
        match told.map(Failure::told) {
            Some(failure) => Err(TryError::inside(failure)),
            None => Ok(self),
        }
    }
}

/// Whether an `error` member tells of one.
fn is_told(error: &Value) -> bool {
    error.as_object().is_some_and(|error| !error.is_empty())
        || error.as_str().is_some_and(|error| !error.trim().is_empty())
}
