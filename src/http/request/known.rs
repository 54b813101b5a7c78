//! The names that a request may use: parameters of its query, and text fields beside its files. One that nothing reads
//! is refused where the answer has no place to list it, so that a slip does not go unnoticed.

use std::collections::BTreeSet;

use axum::extract::{FromRequestParts, Query};
use axum::http::Uri;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use url::form_urlencoded;

use super::body::{GIVEN_TWICE, shortened};
use crate::http::problem::{ApiError, FieldProblem};
use crate::near_miss::nearest;

/// As many letters of a name may be as one is wrong.
const LETTERS_PER_MISTAKE: usize = 3;
/// The most problems of one query.
const MAX_PROBLEMS: usize = 20;

/// A parameter of a query, and what its value must be.
pub(in crate::http) struct Parameter {
    pub name: &'static str,
    pub must_be: &'static str,
    /// The accepted values, where there is a list of them.
    pub allowed: &'static [&'static str],
}

impl Parameter {
    /// One that is `true` or `false`.
    pub const fn truth(name: &'static str) -> Self {
        Self { name, must_be: "must be true or false", allowed: &["true", "false"] }
    }

    /// One whose value has no list.
    pub const fn new(name: &'static str, must_be: &'static str) -> Self {
        Self { name, must_be, allowed: &[] }
    }
}

/// The query of `uri`; every field of `T` can be left out.
///
/// # Errors
/// [`ApiError::Fields`] with each parameter that is not of `known`, that is given twice or that has a wrong value.
pub(in crate::http) fn read_query<T: DeserializeOwned>(uri: &Uri, known: &[Parameter]) -> Result<T, ApiError> {
    let query = uri.query().unwrap_or_default();
    let (mut seen, mut problems) = (BTreeSet::new(), Vec::new());
    for (name, value) in form_urlencoded::parse(query.as_bytes()).take(MAX_PROBLEMS) {
        let Some(parameter) = known.iter().find(|parameter| parameter.name == name) else {
            problems.push(unknown(&name, known.iter().map(|parameter| parameter.name)));
            continue;
        };
        let message = match seen.insert(parameter.name) {
            false => GIVEN_TWICE,
            true if is_readable::<T>(&name, &value) => continue,
            true => parameter.must_be,
        };
        let allowed = parameter.allowed.iter().map(|&value| value.to_owned()).collect();
        problems.push(FieldProblem { allowed, ..FieldProblem::new(parameter.name, message) });
    }
    if !problems.is_empty() {
        return Err(ApiError::Fields(problems));
    }
    let read = Query::<T>::try_from_uri(uri);
    read.map(|Query(read)| read).map_err(|_| ApiError::field("query", "must be of the form name=value&name=value"))
}

/// Refuses a query: the route reads none.
///
/// # Errors
/// [`ApiError::Fields`] with each parameter.
pub(in crate::http) fn refuse_query(uri: &Uri) -> Result<(), ApiError> {
    #[derive(serde::Deserialize)]
    struct Nothing {}
    read_query::<Nothing>(uri, &[]).map(|Nothing {}| ())
}

/// Of a request that changes something and has no query: a parameter such as `dry_run` must not go unnoticed.
pub(in crate::http) struct NoQuery;

impl<S: Sync> FromRequestParts<S> for NoQuery {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        refuse_query(&parts.uri).map(|()| Self)
    }
}

/// Whether `T` can be read from this parameter alone.
fn is_readable<T: DeserializeOwned>(name: &str, value: &str) -> bool {
    let query = form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish();
    format!("/?{query}").parse().is_ok_and(|uri| Query::<T>::try_from_uri(&uri).is_ok())
}

/// Refuses the names that are not of `known`.
///
/// # Errors
/// [`ApiError::Fields`] with each of them.
pub(in crate::http) fn refuse_unknown<'a>(
    names: impl IntoIterator<Item = &'a String>,
    known: &[&str],
) -> Result<(), ApiError> {
    let is_unknown = |name: &&String| !known.contains(&name.as_str());
    let problems: Vec<_> =
        names.into_iter().filter(is_unknown).map(|name| unknown(name, known.iter().copied())).collect();
    if problems.is_empty() { Ok(()) } else { Err(ApiError::Fields(problems)) }
}

fn unknown<'k>(name: &str, known: impl Iterator<Item = &'k str> + Clone) -> FieldProblem {
    let message = match nearest(name, known.clone(), LETTERS_PER_MISTAKE) {
        Some(meant) => format!("is not known here; did you mean {meant}?"),
        None if known.clone().next().is_none() => "is not read: this route has no query parameters".to_owned(),
        None => format!("is not known here; known are {}", known.collect::<Vec<_>>().join(", ")),
    };
    FieldProblem::new(shortened(name), message)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Asked {
        #[serde(default)]
        wait: bool,
        members: Option<usize>,
    }

    const KNOWN: [Parameter; 2] = [Parameter::truth("wait"), Parameter::new("members", "must be a whole number")];

    fn read(query: &str) -> Result<Asked, Vec<String>> {
        let uri = format!("/route{query}").parse().unwrap();
        read_query(&uri, &KNOWN).map_err(|error| match error {
            ApiError::Fields(problems) => problems.iter().map(|of| format!("{} {}", of.field, of.message)).collect(),
            error => panic!("{error:?}"),
        })
    }

    #[test]
    fn a_query_is_read_and_may_be_left_out() {
        assert_eq!(read(""), Ok(Asked { wait: false, members: None }));
        assert_eq!(read("?"), Ok(Asked { wait: false, members: None }));
        assert_eq!(read("?members=0&wait=true"), Ok(Asked { wait: true, members: Some(0) }));
        assert_eq!(read("?m%65mbers=%31"), Ok(Asked { wait: false, members: Some(1) }));
    }

    #[test]
    fn each_parameter_that_cannot_be_taken_is_named() {
        let refused = |query: &str| read(query).unwrap_err();
        assert_eq!(refused("?member=0"), ["member is not known here; did you mean members?"]);
        assert_eq!(refused("?x=0"), ["x is not known here; known are wait, members"]);
        assert_eq!(refused("?members=1&members=1"), [format!("members {GIVEN_TWICE}")]);
        assert_eq!(refused("?members=-1&wait=1"), ["members must be a whole number", "wait must be true or false"]);
        assert_eq!(refused("?wait"), ["wait must be true or false"]);
    }

    #[test]
    fn text_fields_that_nothing_reads_are_named() {
        let names = ["training".to_owned(), "trainig".to_owned()];
        let Err(ApiError::Fields(problems)) = refuse_unknown(&names, &["training"]) else { panic!("taken") };
        assert_eq!((problems.len(), problems[0].field.as_str()), (1, "trainig"));
    }
}
