//! `POST /segments/export`: segments and their customers as a file for a spreadsheet program.
//!
//! The body is an upload's answer as the caller stored it, or the workbook once more. The workbook is grouped by the
//! live model; it is not kept, and no content is written for it.

use std::fs::File;
use std::io::{self, Seek};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use utoipa::openapi::schema::{Array, ArrayBuilder, Object, SchemaType, Type};

use super::docs::{BodyProblems, FileBytes};
use crate::customer::{Keep, NotKept};
use crate::durable;
use crate::export::{Export, Format, KeptAnswer};
use crate::http::accept::accepts;
use crate::http::problem::{ApiError, FieldProblem};
use crate::http::request::body::{media_type, read_json};
use crate::http::request::ignored::inputs;
use crate::http::request::incoming::receive;
use crate::http::request::known::{Parameter, read_query, refuse_unknown};
use crate::http::request::workbook::{KEEP, Reading, read_and_group};
use crate::http::request_id::X_MODEL_VERSION;
use crate::http::response::file_body::file_body;
use crate::http::state::AppState;
use crate::segmentation::any_object;
use crate::upload_store::UploadError;

/// The largest JSON body, in bytes: the portal sends every member that an answer lists.
const MAX_BODY_BYTES: usize = 64 << 20;

const FORMAT: &str = "format";
const QUERY: [Parameter; 2] = [
    Parameter { name: FORMAT, must_be: "must be xlsx or csv", allowed: &Format::NAMES },
    Parameter { name: KEEP, must_be: "must be row, identifier or both", allowed: &Keep::NAMES },
];

/// An upload's answer, as its caller kept it: the whole of it, or one of its two lists.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ExportRequest {
    /// `xlsx` (the default) or `csv`.
    #[schema(example = "xlsx")]
    format: Option<String>,
    /// The answer's `clusters`, with the customers in their `members`. Each key of a member is a column of the file.
    #[schema(schema_with = clusters_schema)]
    clusters: Option<Vec<Map<String, Value>>>,
    /// The answer's `segments`.
    #[schema(schema_with = segments_schema)]
    segments: Option<Vec<Map<String, Value>>>,
}

/// A workbook to be grouped and handed back.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ExportForm {
    /// The workbook: .xlsx, .xls or .csv.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// `xlsx` (the default) or `csv`.
    #[schema(nullable = false, example = "csv")]
    format: Option<String>,
    /// `identifier`: with the identifier of each row, from the column by which the file tells customers apart. Nothing
    /// of it is kept here.
    #[schema(nullable = false, example = "identifier")]
    keep: Option<String>,
}

/// What the query and the headers ask for. Query and body must say the same, and override the headers.
struct Wanted {
    query: ExportQuery,
    accepts_csv: bool,
}

#[derive(Deserialize)]
struct ExportQuery {
    format: Option<String>,
    keep: Option<String>,
}

/// A written export, positioned at its start. The file has no name, so the system removes it with the last handle.
struct Written {
    file: File,
    size_bytes: u64,
    format: Format,
    /// The model version that grouped the rows; of a kept answer nobody knows it for sure.
    model_version: Option<HeaderValue>,
}

/// Segments and their customers as a file for a spreadsheet program
///
/// Send an upload's answer as it was stored, or the workbook once more. The workbook is grouped by the live model; it
/// is not kept, and no content is written for it. An .xlsx has a sheet `Segments`, a sheet `Rows` and, where texts were
/// written, a sheet `Content` with what each is known by; a .csv has the rows, or of segments alone the segments. Of a
/// workbook, `row` is the number of each row as its sheet shows it, and `keep=identifier` adds the identifiers, which
/// are kept nowhere else. Text that looks like a formula stays text.
#[utoipa::path(post, path = "/segments/export", tag = "segments", operation_id = "export_segments",
    params(
        ("format" = Option<String>, Query, description = "`xlsx` (the default) or `csv`", example = "csv"),
        ("keep" = Option<String>, Query, description = "`identifier`: with the identifiers of the workbook's rows",
            example = "identifier")),
    request_body(description = "An upload's answer, or a form with the workbook", content(
        (ExportRequest = "application/json"), (ExportForm = "multipart/form-data"))),
    responses(
        (status = 200, description = "The file, as an attachment", content(
            (FileBytes = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
            (FileBytes = "text/csv"))),
        BodyProblems))]
pub(in crate::http) async fn post_segments_export(
    State(state): State<AppState>,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let wanted = Wanted::of(&parts)?;
    let written = if media_type(&parts.headers).starts_with("multipart/") {
        export_workbook(&state, &parts.headers, body, wanted).await?
    } else {
        let body = read_json(&state, &parts.headers, body, MAX_BODY_BYTES).await?;
        let exporting = state.clone();
        state.on_cpu_pool("exporting an answer", move || export_answer(&exporting, body.bytes(), &wanted)).await??
    };
    Ok(written.into_response())
}

fn export_answer(state: &AppState, body: &[u8], wanted: &Wanted) -> Result<Written, ApiError> {
    let answer = KeptAnswer::from_json(body)?;
    if wanted.keep(answer.keep())?.identifier {
        let message = "must do without identifier: an answer has none; send the workbook as a form";
        return Err(ApiError::field(KEEP, message));
    }
    let format = wanted.format(answer.format())?;
    Written::write(state, &Export::of_answer(answer)?, format)
}

async fn export_workbook(
    state: &AppState,
    headers: &HeaderMap,
    body: Body,
    wanted: Wanted,
) -> Result<Written, ApiError> {
    let ready = state.ready()?;
    let incoming = receive(state, headers, body, &[FORMAT, KEEP]).await?;
    // A caller may send the form that it sent as an upload.
    let known: Vec<&str> = [FORMAT, KEEP].into_iter().chain(inputs()).collect();
    refuse_unknown(incoming.texts.keys(), &known)?;
    let format = wanted.format(incoming.texts.get(FORMAT).map(String::as_str))?;
    let keep = wanted.keep(incoming.texts.get(KEEP).map(String::as_str))?;
    let reading = Reading::keeping(Keep { row: true, ..keep });
    let version = ready.live.snapshot();
    let model_version = HeaderValue::from_str(version.id.as_str()).ok();
    let (grouped, file) = read_and_group(state, version, incoming.file, reading).await?;
    let exporting = state.clone();
    let write = move || {
        // Dropped without being kept, it is removed.
        drop(file);
        Written::write(&exporting, &Export::of_table(&grouped, None)?, format)
    };
    let written = state.on_cpu_pool_final("exporting a workbook", write).await??;
    Ok(Written { model_version, ..written })
}

impl Wanted {
    fn of(parts: &Parts) -> Result<Self, ApiError> {
        let query = read_query(&parts.uri, &QUERY)?;
        Ok(Self { query, accepts_csv: accepts(&parts.headers, "text/csv") })
    }

    /// The format that query and body name, or `Accept`; `xlsx` otherwise.
    fn format(&self, field: Option<&str>) -> Result<Format, ApiError> {
        let of_headers = if self.accepts_csv { Format::Csv } else { Format::default() };
        let read = |name: &str| name.parse().map_err(|_| unknown_format());
        Ok(one_of(FORMAT, self.query.format.as_deref(), field, read)?.unwrap_or(of_headers))
    }

    /// What query and body ask to keep; nothing otherwise.
    fn keep(&self, field: Option<&str>) -> Result<Keep, ApiError> {
        let read = |words: &str| keep_of(Some(words));
        Ok(one_of(KEEP, self.query.keep.as_deref(), field, read)?.unwrap_or_default())
    }
}

/// What the query and the field `name` of the body say, where one of them says something, and the other nothing else.
fn one_of<T: PartialEq>(
    name: &str,
    query: Option<&str>,
    field: Option<&str>,
    read: impl Fn(&str) -> Result<T, ApiError>,
) -> Result<Option<T>, ApiError> {
    let said = |text: Option<&str>| text.filter(|text| !text.trim().is_empty()).map(&read).transpose();
    match (said(query)?, said(field)?) {
        (Some(query), Some(field)) if query != field => {
            Err(ApiError::field(name, format!("must be left out, or say the same as ?{name}= in the address")))
        }
        (query, field) => Ok(query.or(field)),
    }
}

/// What `words` ask to keep; nothing where there are none.
pub(in crate::http) fn keep_of(words: Option<&str>) -> Result<Keep, ApiError> {
    words.unwrap_or_default().parse().map_err(|error: NotKept| {
        let allowed = Keep::NAMES.map(str::to_owned).to_vec();
        ApiError::Fields(vec![FieldProblem { field: KEEP.to_owned(), message: error.to_string(), allowed }])
    })
}

fn unknown_format() -> ApiError {
    let allowed = Format::NAMES.map(str::to_owned).to_vec();
    let message = format!("must be one of {}", allowed.join(", "));
    ApiError::Fields(vec![FieldProblem { field: "format".to_owned(), message, allowed }])
}

impl Written {
    /// Writes into an unnamed file of the folder of uploads, in which room for all of it is reserved first. Blocking.
    fn write(state: &AppState, export: &Export<'_>, format: Format) -> Result<Self, ApiError> {
        let failed = |e: io::Error| ApiError::internal("writing an export", e);
        let dir = &state.settings().upload_dir;
        durable::create_private_folder(dir).map_err(failed)?;
        let most_bytes = export.most_bytes(format)?;
        let _space = state.uploads().disk().reserve(dir, most_bytes).map_err(UploadError::from)?;
        let mut file = tempfile::tempfile_in(dir).map_err(failed)?;
        export.write(format, &file, dir)?;
        let size_bytes = file.stream_position().map_err(failed)?;
        file.rewind().map_err(failed)?;
        Ok(Self { file, size_bytes, format, model_version: None })
    }
}

impl IntoResponse for Written {
    fn into_response(self) -> Response {
        let extension = self.format.extension();
        let headers = [
            (header::CONTENT_TYPE, self.format.media_type().to_owned()),
            (header::CONTENT_DISPOSITION, format!("attachment; filename=\"segments.{extension}\"")),
            (header::CONTENT_LENGTH, self.size_bytes.to_string()),
        ];
        let mut response = (headers, file_body(self.file)).into_response();
        response.headers_mut().extend(self.model_version.map(|version| (X_MODEL_VERSION, version)));
        response
    }
}

fn clusters_schema() -> Array {
    let member = json!({"Location": "Bedok", "Loyalty Tier": "Gold", "cluster_id": 0, "strength": 1.0});
    let example = json!({"cluster_id": 0, "persona_summary": "Gold tier from Bedok", "size": 1, "members": [member]});
    list_of(any_object("A segment, as the portal reads it.", example))
}

fn segments_schema() -> Array {
    let example = json!({"cluster_id": 0, "size": 1, "share": 1.0, "persona_summary": "Gold tier from Bedok"});
    list_of(any_object("A segment, as the written API has it.", example))
}

fn list_of(items: Object) -> Array {
    let examples: Vec<Value> = items.examples.iter().map(|example| json!([example])).collect();
    let description = items.description.clone();
    let or_null = SchemaType::from_iter([Type::Array, Type::Null]);
    let list = ArrayBuilder::new().schema_type(or_null).items(items);
    list.description(description).examples(examples).build()
}
