//! An upload on its way in: streamed to disk, bounded, and either kept under a name of its own or gone.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use futures::StreamExt;
use jiff::Timestamp;
use multer::{Constraints, Field, Multipart, SizeLimit};
use tokio::io::AsyncWriteExt;
use uuid::Uuid;

use super::doors::is_too_slow;
use super::error::{ApiError, FieldProblem};

/// Bytes of one text field.
const MAX_TEXT_BYTES: u64 = 16 << 10;
/// Text fields of one form.
const MAX_TEXTS: usize = 32;
/// What boundaries, headers and text fields may add to the file.
const FORM_OVERHEAD_BYTES: u64 = 1 << 20;
/// Files of one form that takes several.
const MAX_FILES: usize = 32;
/// Of a file's own name.
const MAX_NAME_CHARS: usize = 200;
const EXTENSIONS: [&str; 3] = ["xlsx", "xls", "csv"];

/// What an earlier process left unfinished is removed once it is this old; a younger one may be another process's.
const ABANDONED_AFTER: Duration = Duration::from_secs(3600);
const INCOMING: &str = ".incoming-";

/// A received form: the file, not yet kept, and the text fields beside it.
#[derive(Debug)]
pub(super) struct Incoming {
    pub file: IncomingFile,
    pub texts: BTreeMap<String, String>,
}

/// A file in the upload folder that is removed again unless it is [kept](IncomingFile::keep).
#[derive(Debug)]
pub(super) struct IncomingFile {
    path: PathBuf,
    extension: &'static str,
    is_kept: bool,
}

/// A received file, and what its sender called it.
#[derive(Debug)]
pub(super) struct NamedFile {
    pub file: IncomingFile,
    /// At most 200 characters of it, for sentences alone.
    pub name: String,
}

/// What a form may hold.
struct FormRules<'a> {
    dir: &'a Path,
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
/// [`ApiError::BrokenForm`], [`ApiError::Storage`]; nothing is then left on disk.
pub(super) async fn receive(headers: &HeaderMap, body: Body, dir: &Path, max_bytes: u64) -> Result<Incoming, ApiError> {
    let rules = FormRules { dir, max_bytes, file_fields: &["file"], max_files: 1 };
    let (mut files, texts) = receive_form(headers, body, &rules).await?;
    let NamedFile { file, .. } = files.pop().ok_or(ApiError::NoFile)?;
    Ok(Incoming { file, texts })
}

/// Receives any number of files, up to 32: a form of fields `files`, or no body at all for none.
///
/// # Errors
/// As [`receive`], but [`ApiError::TooManyFiles`] in place of the two that ask for one.
pub(super) async fn receive_files(
    headers: &HeaderMap,
    body: Body,
    dir: &Path,
    max_bytes: u64,
) -> Result<Vec<NamedFile>, ApiError> {
    if boundary(headers).is_err() {
        let mut rest = body.into_data_stream();
        while let Some(chunk) = rest.next().await {
            if !chunk.map_err(|_| ApiError::BodyCutOff)?.is_empty() {
                return Err(ApiError::NotMultipart);
            }
        }
        return Ok(Vec::new());
    }
    let rules = FormRules { dir, max_bytes, file_fields: &["files", "file"], max_files: MAX_FILES };
    Ok(receive_form(headers, body, &rules).await?.0)
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
    let all_files = max_bytes.saturating_mul(max_files.try_into().unwrap_or(u64::MAX));
    let mut limits =
        SizeLimit::new().whole_stream(all_files.saturating_add(FORM_OVERHEAD_BYTES)).per_field(MAX_TEXT_BYTES);
    for field in file_fields {
        limits = limits.for_field(*field, max_bytes);
    }
    let limits = Constraints::new().size_limit(limits);
    let mut form = Multipart::with_constraints(body.into_data_stream(), boundary(headers)?, limits);
    let (mut files, mut texts) = (Vec::new(), BTreeMap::new());
    while let Some(field) = form.next_field().await.map_err(|e| form_error(e, rules))? {
        match field.name().map(str::to_owned) {
            Some(name) if file_fields.contains(&name.as_str()) => {
                if files.len() == max_files {
                    let limit = max_files;
                    return Err(if limit == 1 { ApiError::SecondFile } else { ApiError::TooManyFiles { limit } });
                }
                let name = field.file_name().unwrap_or("a file without a name").chars().take(MAX_NAME_CHARS).collect();
                files.push(NamedFile { file: receive_file(field, rules).await?, name });
            }
            Some(name) if texts.len() < MAX_TEXTS => {
                texts.insert(name, field.text().await.map_err(|e| form_error(e, rules))?);
            }
            Some(_) => return Err(ApiError::TooManyFields { limit: MAX_TEXTS }),
            // A part without a name says nothing that could be used.
            None => {}
        }
    }
    Ok((files, texts))
}

/// Removes the unfinished uploads that an earlier process left in `dir`. Blocking.
pub(super) fn sweep_abandoned(dir: &Path) {
    // No folder yet: nothing was left in it.
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().as_encoded_bytes().starts_with(INCOMING.as_bytes())) {
        let age = entry.metadata().and_then(|file| file.modified()).ok().and_then(|time| time.elapsed().ok());
        if age.is_some_and(|age| age > ABANDONED_AFTER)
            && let Err(error) = fs::remove_file(entry.path())
        {
            tracing::warn!(%error, "an abandoned upload cannot be removed");
        }
    }
}

async fn receive_file(mut field: Field<'_>, rules: &FormRules<'_>) -> Result<IncomingFile, ApiError> {
    let dir = rules.dir;
    let extension = extension_of(field.file_name().unwrap_or_default()).ok_or(ApiError::WrongExtension)?;
    tokio::fs::create_dir_all(dir).await.map_err(ApiError::Storage)?;
    let path = dir.join(format!("{INCOMING}{}", Uuid::new_v4().simple()));
    let mut out = tokio::fs::File::create_new(&path).await.map_err(ApiError::Storage)?;
    let file = IncomingFile { path, extension, is_kept: false };
    while let Some(chunk) = field.chunk().await.map_err(|e| form_error(e, rules))? {
        out.write_all(&chunk).await.map_err(ApiError::Storage)?;
    }
    out.flush().await.map_err(ApiError::Storage)?;
    Ok(file)
}

/// The extension that the file is kept under. The name decides nothing else, and no name at all is fine: what the
/// file is, its content tells.
fn extension_of(file_name: &str) -> Option<&'static str> {
    match file_name.rsplit_once('.') {
        Some((_, extension)) => EXTENSIONS.into_iter().find(|known| known.eq_ignore_ascii_case(extension)),
        None => Some("xlsx"),
    }
}

fn form_error(error: multer::Error, rules: &FormRules<'_>) -> ApiError {
    match error {
        multer::Error::FieldSizeExceeded { field_name: Some(name), .. }
            if !rules.file_fields.contains(&name.as_str()) =>
        {
            let message = format!("must be at most {} KB long", MAX_TEXT_BYTES >> 10);
            ApiError::Fields(vec![FieldProblem { field: name, message, allowed: Vec::new() }])
        }
        multer::Error::FieldSizeExceeded { .. } | multer::Error::StreamSizeExceeded { .. } => {
            ApiError::UploadTooLarge { limit_bytes: rules.max_bytes }
        }
        slow if is_too_slow(&slow) => ApiError::BodyTooSlow,
        other => ApiError::BrokenForm(other),
    }
}

impl IncomingFile {
    /// Where the file is for now.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the file last, under `<utc-time>-<id>.<ext>`: synced, renamed, its folder synced. Blocking.
    pub fn keep(mut self) -> io::Result<()> {
        let time = Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
        let dir = self.path.parent().unwrap_or(Path::new("."));
        let kept = dir.join(format!("{time}-{}.{}", Uuid::new_v4().simple(), self.extension));
        fs::File::open(&self.path)?.sync_all()?;
        fs::rename(&self.path, &kept)?;
        self.is_kept = true;
        fs::File::open(dir)?.sync_all()
    }
}

impl Drop for IncomingFile {
    fn drop(&mut self) {
        if !self.is_kept {
            // The request has its own error; a file that cannot be removed is still hidden and never read.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_workbook_s_extension_is_taken_in_any_case() {
        assert_eq!(extension_of("May list.XLSX"), Some("xlsx"));
        assert_eq!(extension_of("archive.tar.csv"), Some("csv"));
        assert_eq!(extension_of("../../x.pdf"), None);
        assert_eq!(extension_of("x.xlsx."), None);
        assert_eq!(extension_of("no extension"), Some("xlsx"));
    }
}
