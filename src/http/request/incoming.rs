//! Receives forms: their files, bounded, into the upload store, and the text fields beside them.

use std::collections::BTreeMap;
use std::mem;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, header};
use futures::{FutureExt, StreamExt};

use super::body::{GIVEN_TWICE, shortened};
use super::form::error::MAX_OUTSIDE_BYTES;
use super::form::{Form, FormError, PartHead, boundary};
use crate::customer::is_invisible;
use crate::http::admission::is_too_slow;
use crate::http::problem::{ApiError, BodyError, UploadFormError};
use crate::http::state::AppState;
use crate::upload_store::{Extension, Received, UploadError, UploadStore};

/// The most bytes of one text field.
const MAX_TEXT_BYTES: usize = 16 << 10;
/// The most text fields of one form.
const MAX_TEXTS: usize = 32;
/// The most files of a form that takes several.
const MAX_FILES: usize = 32;
/// The most characters of a file's name in a sentence.
const MAX_NAME_CHARS: usize = 200;
/// How much of a file is buffered in memory before it is written; as much again is being written.
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
    /// Which parts are files.
    is_file: fn(&PartHead) -> bool,
    /// What their field is called.
    field: &'static str,
    /// Text fields that are read, which a caller may send from a file.
    texts: &'a [&'a str],
    max_files: usize,
}

/// Receives a form with one field `file`, and the text fields beside it, of which `texts` are read.
///
/// # Errors
/// [`UploadFormError`], [`ApiError::Fields`] for a text that is too long or there twice, [`ApiError::Form`],
/// [`ApiError::NoRoom`], [`ApiError::Storage`]; nothing is then left on disk.
pub(in crate::http) async fn receive(
    state: &AppState,
    headers: &HeaderMap,
    body: Body,
    texts: &[&str],
) -> Result<Incoming, ApiError> {
    let (uploads, max_bytes) = (state.uploads(), state.settings().max_upload_bytes);
    let is_file = |head: &PartHead| head.name.as_deref() == Some("file");
    let rules = FormRules { uploads, max_bytes, is_file, field: "file", texts, max_files: 1 };
    let (mut files, texts) = receive_form(headers, body, &rules).await?;
    let NamedFile { file, .. } = files.pop().ok_or(UploadFormError::NoFile)?;
    Ok(Incoming { file, texts })
}

/// Receives any number of files, up to 32, and the text fields beside them: a form of fields `files`, or no body at all
/// for none.
///
/// # Errors
/// As [`receive`], but [`UploadFormError::TooManyFiles`] in place of those that ask for one.
pub(in crate::http) async fn receive_files(
    state: &AppState,
    headers: &HeaderMap,
    body: Body,
    texts: &[&str],
) -> Result<(Vec<NamedFile>, BTreeMap<String, String>), ApiError> {
    if boundary_of(headers).is_none() {
        let is_empty = read_nothing(body).await?;
        return if is_empty {
            Ok(Default::default())
        } else {
            Err(UploadFormError::NotMultipart { field: "files" }.into())
        };
    }
    let (uploads, max_bytes) = (state.uploads(), state.settings().max_upload_bytes);
    let is_file = |head: &PartHead| matches!(head.name.as_deref(), Some("files" | "file"));
    let rules = FormRules { uploads, max_bytes, is_file, field: "files", texts, max_files: MAX_FILES };
    receive_form(headers, body, &rules).await
}

/// Whether a body is empty; of one that is not, the first piece is read.
///
/// # Errors
/// [`BodyError::CutOff`].
pub(in crate::http) async fn read_nothing(body: Body) -> Result<bool, ApiError> {
    let mut rest = body.into_data_stream();
    while let Some(chunk) = rest.next().await {
        if !chunk.map_err(|_| BodyError::CutOff)?.is_empty() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn boundary_of(headers: &HeaderMap) -> Option<String> {
    headers.get(header::CONTENT_TYPE).and_then(|value| boundary(value.to_str().ok()?))
}

async fn receive_form(
    headers: &HeaderMap,
    body: Body,
    rules: &FormRules<'_>,
) -> Result<(Vec<NamedFile>, BTreeMap<String, String>), ApiError> {
    let FormRules { is_file, max_files, max_bytes, .. } = *rules;
    let boundary = boundary_of(headers).ok_or(UploadFormError::NotMultipart { field: rules.field })?;
    let all_files = max_bytes.saturating_mul(max_files.try_into().unwrap_or(u64::MAX));
    let max_form_bytes = all_files.saturating_add(MAX_OUTSIDE_BYTES as u64);
    check_room(declared_bytes(headers), max_form_bytes, rules).await?;
    let mut form = Form::new(body, &boundary, is_file);
    let (mut files, mut texts) = (Vec::new(), BTreeMap::new());
    while let Some(head) = form.next_part().await.map_err(form_error)? {
        if is_file(&head) {
            if files.len() == max_files {
                let limit = max_files;
                let one = UploadFormError::SecondFile;
                return Err(if limit == 1 { one } else { UploadFormError::TooManyFiles { limit } }.into());
            }
            let name = label_of(head.file_name.as_deref().unwrap_or_default());
            files.push(NamedFile { file: receive_file(&mut form, &head, rules).await?, name });
        } else if let Some(given) = file_elsewhere(&head, rules.texts) {
            return Err(UploadFormError::FileElsewhere { given, field: rules.field }.into());
        } else if let Some(name) = head.name {
            if texts.len() == MAX_TEXTS && !texts.contains_key(&name) {
                return Err(UploadFormError::TooManyFields { limit: MAX_TEXTS }.into());
            }
            let text = receive_text(&mut form, &name).await?;
            if texts.contains_key(&name) {
                return Err(ApiError::field(shortened(&name), GIVEN_TWICE));
            }
            texts.insert(name, text);
        } else {
            return Err(ApiError::Form(FormError::Malformed("a part without a name")));
        }
    }
    Ok((files, texts))
}

/// What the field of a part is called that holds a file and is none of `texts`. A file that a browser's user left out
/// has an empty name.
fn file_elsewhere(head: &PartHead, texts: &[&str]) -> Option<String> {
    head.file_name.as_deref().filter(|file_name| !file_name.is_empty())?;
    match head.name.as_deref() {
        Some(name) if texts.contains(&name) => None,
        Some(name) => Some(label_of(&shortened(name))),
        None => Some("a field without a name".to_owned()),
    }
}

/// The size that a body declares; `None` of one that comes in chunks.
fn declared_bytes(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok())
}

/// Refuses a form early that the disk has no room for. Reserves nothing: each file reserves room as it comes, so that a
/// client that only declares a size takes no room from others.
async fn check_room(declared: Option<u64>, max_form_bytes: u64, rules: &FormRules<'_>) -> Result<(), ApiError> {
    let size_bytes = declared.unwrap_or_default();
    if size_bytes > max_form_bytes {
        return Err(UploadFormError::FileTooLarge { limit_bytes: rules.max_bytes }.into());
    }
    let uploads = rules.uploads.clone();
    on_disk(move || uploads.check_room(size_bytes)).await
}

/// Writes the part into the store, one piece while the next one arrives.
async fn receive_file(form: &mut Form, head: &PartHead, rules: &FormRules<'_>) -> Result<Received, ApiError> {
    let extension =
        Extension::of(head.file_name.as_deref().unwrap_or_default()).ok_or(UploadFormError::WrongExtension)?;
    let uploads = rules.uploads.clone();
    let mut writing = on_disk(move || Ok((uploads.receive(extension)?, Vec::new()))).boxed();
    let (mut bytes, mut size_bytes) = (Vec::new(), 0_u64);
    let outcome = loop {
        let chunk = match form.chunk().await {
            Ok(chunk) => chunk,
            Err(error) => break Err(form_error(error)),
        };
        size_bytes += chunk.as_ref().map_or(0, Bytes::len) as u64;
        if size_bytes > rules.max_bytes {
            break Err(UploadFormError::FileTooLarge { limit_bytes: rules.max_bytes }.into());
        }
        bytes.extend_from_slice(chunk.as_deref().unwrap_or_default());
        if chunk.is_none() || bytes.len() >= WRITE_BYTES {
            let (mut receiving, empty) = writing.await?;
            let mut full = mem::replace(&mut bytes, empty);
            writing = on_disk(move || {
                receiving.write(&full)?;
                full.clear();
                Ok((receiving, full))
            })
            .boxed();
        }
        if chunk.is_none() {
            break Ok(());
        }
    };
    // A broken form is answered once nothing of it is written any more: what is on disk goes with `receiving`.
    let (receiving, _) = writing.await?;
    outcome.map(|()| receiving.finish())
}

async fn receive_text(form: &mut Form, name: &str) -> Result<String, ApiError> {
    let mut text = Vec::new();
    while let Some(chunk) = form.chunk().await.map_err(form_error)? {
        text.extend_from_slice(&chunk);
        if text.len() > MAX_TEXT_BYTES {
            return Err(ApiError::field(shortened(name), format!("must be at most {} KB long", MAX_TEXT_BYTES >> 10)));
        }
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// Starts `work` of the upload store on a blocking thread, and waits for it.
///
/// # Errors
/// [`ApiError::NoRoom`], [`ApiError::Storage`]; [`ApiError::Internal`] when `work` panicked.
pub(in crate::http) fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, UploadError> + Send + 'static,
) -> impl Future<Output = Result<T, ApiError>> + Send + 'static {
    let working = tokio::task::spawn_blocking(work);
    async { working.await.map_err(|e| ApiError::internal("storing an upload", e))?.map_err(ApiError::from) }
}

/// A file's name, safe for a sentence: without folders, invisible characters and characters that change the direction
/// of the text around it.
pub(in crate::http) fn label_of(file_name: &str) -> String {
    let last = file_name.rsplit(['/', '\\']).next().unwrap_or_default();
    let is_shown = |c: &char| !is_invisible(*c);
    let label: String = last.chars().filter(is_shown).take(MAX_NAME_CHARS).collect();
    if label.trim().is_empty() { "a file without a name".to_owned() } else { label }
}

fn form_error(error: FormError) -> ApiError {
    if is_too_slow(&error) { ApiError::Body(BodyError::TooSlow) } else { ApiError::Form(error) }
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
