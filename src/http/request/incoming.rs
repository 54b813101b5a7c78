//! Receives forms: their files, bounded, into the upload store, and the text fields beside them.

use std::collections::BTreeMap;
use std::mem;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use futures::StreamExt;
use multer::{Constraints, Field, Multipart, SizeLimit};

use crate::customer::is_invisible;
use crate::http::admission::is_too_slow;
use crate::http::problem::ApiError;
use crate::http::state::AppState;
use crate::upload_store::{DiskSpace, Extension, Received, UploadError, UploadStore};

/// The most bytes of one text field.
const MAX_TEXT_BYTES: u64 = 16 << 10;
/// The most text fields of one form.
const MAX_TEXTS: usize = 32;
/// The most bytes that boundaries, headers and text fields add to the files.
const FORM_OVERHEAD_BYTES: u64 = 1 << 20;
/// The most files of a form that takes several.
const MAX_FILES: usize = 32;
/// The most characters of a file's name in a sentence.
const MAX_NAME_CHARS: usize = 200;
/// How much of a file is buffered in memory before it is written.
const WRITE_BYTES: usize = 256 << 10;

/// A received form: the file, not yet kept, and the text fields beside it.
#[derive(Debug)]
pub(in crate::http) struct Incoming {
    pub file: Received,
    pub texts: BTreeMap<String, String>,
}

/// A received file, and what its sender called it.
#[derive(Debug)]
pub(in crate::http) struct NamedFile {
    pub file: Received,
    /// Its name as [`label_of`] cleans it, at most 200 characters.
    pub name: String,
}

/// What a form may hold.
struct FormRules<'a> {
    uploads: &'a UploadStore,
    max_bytes: u64,
    /// The fields that are files.
    file_fields: &'static [&'static str],
    max_files: usize,
}

/// Receives a form with one field `file`.
///
/// # Errors
/// [`ApiError::NotMultipart`], [`ApiError::NoFile`], [`ApiError::SecondFile`], [`ApiError::WrongExtension`],
/// [`ApiError::UploadTooLarge`], [`ApiError::Fields`] for a text that is too long, [`ApiError::TooManyFields`],
/// [`ApiError::BrokenForm`], [`ApiError::NoRoom`], [`ApiError::Storage`]; nothing is then left on disk.
pub(in crate::http) async fn receive(state: &AppState, headers: &HeaderMap, body: Body) -> Result<Incoming, ApiError> {
    let (uploads, max_bytes) = (state.uploads(), state.settings().max_upload_bytes);
    let rules = FormRules { uploads, max_bytes, file_fields: &["file"], max_files: 1 };
    let (mut files, texts) = receive_form(headers, body, &rules).await?;
    let NamedFile { file, .. } = files.pop().ok_or(ApiError::NoFile)?;
    Ok(Incoming { file, texts })
}

/// Receives any number of files, up to 32, and the text fields beside them: a form of fields `files`, or no body at all for
/// none.
///
/// # Errors
/// As [`receive`], but [`ApiError::TooManyFiles`] in place of the two that ask for one.
pub(in crate::http) async fn receive_files(
    state: &AppState,
    headers: &HeaderMap,
    body: Body,
) -> Result<(Vec<NamedFile>, BTreeMap<String, String>), ApiError> {
    if boundary(headers).is_err() {
        let mut rest = body.into_data_stream();
        while let Some(chunk) = rest.next().await {
            if !chunk.map_err(|_| ApiError::BodyCutOff)?.is_empty() {
                return Err(ApiError::NotMultipart);
            }
        }
        return Ok(Default::default());
    }
    let (uploads, max_bytes) = (state.uploads(), state.settings().max_upload_bytes);
    let rules = FormRules { uploads, max_bytes, file_fields: &["files", "file"], max_files: MAX_FILES };
    receive_form(headers, body, &rules).await
}

fn boundary(headers: &HeaderMap) -> Result<String, ApiError> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    multer::parse_boundary(content_type).map_err(|_| ApiError::NotMultipart)
}

async fn receive_form(
    headers: &HeaderMap,
    body: Body,
    rules: &FormRules<'_>,
) -> Result<(Vec<NamedFile>, BTreeMap<String, String>), ApiError> {
    let FormRules { max_bytes, file_fields, max_files, .. } = *rules;
    let boundary = boundary(headers)?;
    let all_files = max_bytes.saturating_mul(max_files.try_into().unwrap_or(u64::MAX));
    let max_form_bytes = all_files.saturating_add(FORM_OVERHEAD_BYTES);
    let _space = reserve_space(headers, max_form_bytes, rules.uploads).await?;
    let mut limits = SizeLimit::new().whole_stream(max_form_bytes).per_field(MAX_TEXT_BYTES);
    for field in file_fields {
        limits = limits.for_field(*field, max_bytes);
    }
    let limits = Constraints::new().size_limit(limits);
    let mut form = Multipart::with_constraints(body.into_data_stream(), boundary, limits);
    let (mut files, mut texts) = (Vec::new(), BTreeMap::new());
    while let Some(field) = form.next_field().await.map_err(|e| form_error(e, rules))? {
        match field.name().map(str::to_owned) {
            Some(name) if file_fields.contains(&name.as_str()) => {
                if files.len() == max_files {
                    let limit = max_files;
                    return Err(if limit == 1 { ApiError::SecondFile } else { ApiError::TooManyFiles { limit } });
                }
                let name = label_of(field.file_name().unwrap_or_default());
                files.push(NamedFile { file: receive_file(field, rules).await?, name });
            }
            Some(name) if texts.len() < MAX_TEXTS => {
                texts.insert(name, field.text().await.map_err(|e| form_error(e, rules))?);
            }
            Some(_) => return Err(ApiError::TooManyFields { limit: MAX_TEXTS }),
            // A part without a name is of no use.
            None => {}
        }
    }
    Ok((files, texts))
}

/// Sets room aside for what the form says it holds, or for all that it may hold.
async fn reserve_space(headers: &HeaderMap, max_form_bytes: u64, uploads: &UploadStore) -> Result<DiskSpace, ApiError> {
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let size_bytes = declared.unwrap_or(max_form_bytes).min(max_form_bytes);
    let uploads = uploads.clone();
    on_disk(move || uploads.reserve(size_bytes)).await
}

async fn receive_file(mut field: Field<'_>, rules: &FormRules<'_>) -> Result<Received, ApiError> {
    let extension = Extension::of(field.file_name().unwrap_or_default()).ok_or(ApiError::WrongExtension)?;
    let uploads = rules.uploads.clone();
    let mut receiving = on_disk(move || uploads.receive(extension)).await?;
    let mut bytes = Vec::new();
    loop {
        let chunk = field.chunk().await.map_err(|e| form_error(e, rules))?;
        bytes.extend_from_slice(chunk.as_deref().unwrap_or_default());
        if chunk.is_none() || bytes.len() >= WRITE_BYTES {
            let mut full = mem::take(&mut bytes);
            (receiving, bytes) = on_disk(move || {
                receiving.write(&full)?;
                full.clear();
                Ok((receiving, full))
            })
            .await?;
        }
        if chunk.is_none() {
            return Ok(receiving.finish());
        }
    }
}

/// Runs `work` of the upload store on a blocking thread.
///
/// # Errors
/// [`ApiError::NoRoom`], [`ApiError::Storage`]; [`ApiError::Internal`] when `work` panicked.
pub(in crate::http) async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, UploadError> + Send + 'static,
) -> Result<T, ApiError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|e| ApiError::internal("storing an upload", e))?.map_err(ApiError::from)
}

/// A file's name, safe for a sentence: without folders, invisible characters and characters that change the direction
/// of the text around it.
pub(in crate::http) fn label_of(file_name: &str) -> String {
    let last = file_name.rsplit(['/', '\\']).next().unwrap_or_default();
    let is_shown = |c: &char| !is_invisible(*c);
    let label: String = last.chars().filter(is_shown).take(MAX_NAME_CHARS).collect();
    if label.trim().is_empty() { "a file without a name".to_owned() } else { label }
}

fn form_error(error: multer::Error, rules: &FormRules<'_>) -> ApiError {
    match error {
        multer::Error::FieldSizeExceeded { field_name: Some(name), .. }
            if !rules.file_fields.contains(&name.as_str()) =>
        {
            let message = format!("must be at most {} KB long", MAX_TEXT_BYTES >> 10);
            ApiError::field(name, message)
        }
        multer::Error::FieldSizeExceeded { .. } | multer::Error::StreamSizeExceeded { .. } => {
            ApiError::UploadTooLarge { limit_bytes: rules.max_bytes }
        }
        slow if is_too_slow(&slow) => ApiError::BodyTooSlow,
        other => ApiError::BrokenForm(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_a_name_that_is_safe_to_read() {
        assert_eq!(label_of("März Liste.xlsx"), "März Liste.xlsx");
        assert_eq!(label_of("../../etc/passwd.csv"), "passwd.csv");
        assert_eq!(label_of("C:\\Users\\x\\CON.xls"), "CON.xls");
        assert_eq!(label_of("a\u{202e}vsc\u{2066}.exe\u{0}\u{1b}[31m\n.csv"), "avsc.exe[31m.csv");
        assert_eq!(label_of(&"x".repeat(4096)).len(), MAX_NAME_CHARS);
        assert_eq!(label_of("/\u{200f} "), "a file without a name");
    }
}
