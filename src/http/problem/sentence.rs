//! What a caller reads of each error: one sentence that says what to change or what to do.

use super::error::{ApiError, retraining_path};
use super::field::FieldProblem;
use super::rejected::{BodyError, UploadFormError};
use super::status::{BUSY, DISK};
use crate::export::ExportError;
use crate::http::access::AccessError;
use crate::http::request::form::FormError;
use crate::model_store::StoreError;
use crate::shared_store::SharedStoreError;
use crate::upload_store::UploadError;
use crate::workbook::WorkbookError;

const DISK_SENTENCE: &str = "A disk of the server is full or cannot be written; tell the operator.";
const BUSY_SENTENCE: &str = "The server is busy; try again in a moment.";
const INTERNAL: &str = "Something went wrong here; tell the operator the request_id.";
const NO_VERSION: &str = "There is no such model version.";

impl ApiError {
    /// What the caller reads.
    pub(super) fn sentence(&self) -> String {
        match self.status_and_code().1 {
            DISK => DISK_SENTENCE.to_owned(),
            BUSY if !matches!(self, Self::Write(_)) => BUSY_SENTENCE.to_owned(),
            _ => self.own_sentence(),
        }
    }

    fn own_sentence(&self) -> String {
        match self {
            Self::NoRoute => "There is no such route.",
            Self::NoMethod => "This route does not take this method.",
            Self::UploadForm(error) => return of_upload_form(error),
            Self::Form(error) => return of_form(error),
            Self::Workbook(WorkbookError::NoReader(_)) => {
                "The workbook cannot be read right now; try again in a moment."
            }
            Self::Workbook(error) => return as_sentence(&error.to_string()),
            Self::NoUsableRow(why) => return as_sentence(why),
            Self::Body(error) => return of_body(error),
            Self::Fields(problems) => return of_fields(problems),
            Self::Write(error) => return error.caller_sentence().into_owned(),
            Self::Internal { .. } | Self::Export(ExportError::Write(_)) => INTERNAL,
            Self::Export(error) => return as_sentence(&error.to_string()),
            Self::Idempotency(error) => return as_sentence(&error.to_string()),
            Self::Starting => "The server is starting; try again in a moment.",
            Self::NoModel => {
                "There is no model yet: an administrator trains the first one from a workbook, in the console at / or with \
                 POST /retrain."
            }
            Self::Busy => BUSY_SENTENCE,
            Self::Storage(_) => "The upload could not be stored; tell the operator the request_id.",
            Self::NoRoom(UploadError::StoreFull { .. } | UploadError::TooManyFiles { .. }) => {
                "The server's space for uploads is full until the next training; tell the operator."
            }
            Self::NoRoom(_) => "There is too little room on the server's disk for this upload; tell the operator.",
            Self::Access(error) => return of_access(*error),
            Self::TooManyAtOnce => "You have too many requests in progress; wait until some are answered.",
            Self::TooManyAnswers => {
                "Too many large answers are on their way; read those you have asked for, then try again."
            }
            Self::NoVersion => NO_VERSION,
            Self::NoSegment => "The live version has no such segment.",
            Self::NoIfMatch => "Send the segment's extras_etag, as GET /segments has it, in If-Match.",
            Self::ExtrasChanged => {
                "Somebody changed what was added to this segment meanwhile; look at it again, then send yours."
            }
            Self::Model(error) => return of_model_store(error),
            Self::SharedStore(error) => of_shared_store(error),
            Self::Files(_) => {
                "Some files cannot be used for training; details names each with what is wrong. None was kept."
            }
            Self::RetrainRunning { job, what } => {
                return format!("A {what} is already running: see {}.", retraining_path(job));
            }
            Self::Retrain { sentence, .. } | Self::RetrainEnded(sentence) => return sentence.clone(),
            Self::NoJob => "There is no such retraining; the server remembers the latest 20, and none from before its start.",
            Self::NoUpload => "No such upload waits: it was removed, or a training has taken it.",
            Self::UploadsInUse => "A retraining is reading the uploads; try again when it has ended.",
            Self::Stopping => "The server is stopping; try again in a moment.",
            Self::NotOurImage => "Only images that this service made can be downloaded.",
            Self::NoImage => "There is no such image.",
            Self::ImageStorage(_) => "The image could not be read; tell the operator the request_id.",
        }
        .to_owned()
    }
}

/// Of one field what to change; several by their names.
fn of_fields(problems: &[FieldProblem]) -> String {
    const MAX_NAMED: usize = 5;
    if let [FieldProblem { field, message, .. }] = problems {
        let end = if message.ends_with(['.', '?']) { "" } else { "." };
        return format!("The field {field} {message}{end}");
    }
    let mut names: Vec<&str> = problems.iter().map(|problem| problem.field.as_str()).take(MAX_NAMED).collect();
    if problems.len() > MAX_NAMED {
        names.push("…");
    }
    format!("Some fields are invalid: {}; details says of each what to change.", names.join(", "))
}

fn of_body(error: &BodyError) -> String {
    match error {
        BodyError::NotJson => "Send JSON with Content-Type: application/json.",
        BodyError::Encoded => "Send the body as it is, without Content-Encoding.",
        BodyError::TooLarge { limit_bytes } => {
            return format!("The body may have at most {} KB.", limit_bytes >> 10);
        }
        BodyError::CutOff => "The body was cut off.",
        BodyError::TooSlow => "The body took too long to arrive.",
        BodyError::BrokenJson(error) => {
            return format!("The JSON is broken at line {}, column {}.", error.line(), error.column());
        }
        BodyError::TooManyKeys { limit } => {
            return format!("The JSON may have at most {limit} keys, nested ones included and members left out.");
        }
        BodyError::NotAnObject => "Send a JSON object of campaign inputs, such as {\"objective\": \"more visits\"}.",
        BodyError::NotExtras => "Send a JSON object of texts by key, such as {\"Interests\": \"running\"}.",
    }
    .to_owned()
}

fn of_upload_form(error: &UploadFormError) -> String {
    match error {
        UploadFormError::NotMultipart { field } => {
            return format!("Send the workbook as multipart/form-data, in a field called {field}.");
        }
        UploadFormError::NoFile => "Add the workbook in a form field called file.",
        UploadFormError::FileElsewhere { given, field } => {
            return format!("Send the workbook in a form field called {field}, not {given}.");
        }
        UploadFormError::SecondFile => "Send one file field, not several.",
        UploadFormError::TooManyFiles { limit } => return format!("Send at most {limit} files at a time."),
        UploadFormError::TooManyFields { limit } => return format!("Send at most {limit} fields beside the file."),
        UploadFormError::WrongExtension => "Send a file that ends in .xlsx, .xls or .csv.",
        UploadFormError::FileTooLarge { limit_bytes } => {
            return format!("The file may have at most {} MB; split it or drop columns.", limit_bytes >> 20);
        }
    }
    .to_owned()
}

fn of_form(error: &FormError) -> String {
    match error {
        FormError::CutOff | FormError::Malformed(_) | FormError::Body(_) => {
            "The form is not valid multipart/form-data or was cut off.".to_owned()
        }
        error => format!("The form is rejected: {error}."),
    }
}

fn of_access(error: AccessError) -> String {
    match error {
        AccessError::AdminClosed => "This route is closed: no ADMIN_KEY is set, and no key in KEYS_FILE may call it.",
        AccessError::NotAdmin => "Send the administrators' key as Authorization: Bearer KEY.",
        AccessError::NoKey => "Send a key of this service as Authorization: Bearer KEY.",
        AccessError::KeyExpired => "This key has expired; ask the operator for a new one.",
        AccessError::NoRight { right } => {
            return format!("This key does not have the right {right}, which the route needs.");
        }
        AccessError::TooManyWrongKeys { .. } => "Too many wrong keys came from your address; wait a minute.",
        AccessError::RepeatedHeader { name } => return format!("Send one {name} header, not several."),
        AccessError::UnknownCoding => "Send the body whole, or with Transfer-Encoding: chunked alone.",
        AccessError::NotOneHost => "Name the server in one Host header, such as Host: localhost:5000.",
        AccessError::ForeignHost => {
            "This server does not answer under this host name; its operator can allow it in ALLOW_HOSTS."
        }
        AccessError::ForeignOrigin => {
            "Web pages of this origin may not call this server; its operator can allow them in ALLOW_ORIGINS."
        }
        AccessError::TooOften { .. } => "You sent more requests a minute than are allowed; wait a moment.",
    }
    .to_owned()
}

fn of_model_store(error: &StoreError) -> String {
    match error {
        StoreError::NoSuchVersion { .. } => NO_VERSION.to_owned(),
        // The fault names no folder, and what it is about decides what to do: a pointer of Git LFS, a newer build.
        StoreError::File { path, fault } => {
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            format!("The version cannot be used: {file} {fault}. The live version stays.")
        }
        StoreError::Model { .. } => "The version's files do not make a model. The live version stays.".to_owned(),
        _ => "The model store could not answer; tell the operator the request_id.".to_owned(),
    }
}

fn of_shared_store(error: &SharedStoreError) -> &'static str {
    match error {
        SharedStoreError::Deadline { .. } | SharedStoreError::Failed { .. } => {
            "The store that the servers share does not answer; try again, or tell the operator."
        }
        SharedStoreError::Swapped { .. } => {
            "Somebody else changed the current version meanwhile; look at it again, then try again."
        }
        error if error.is_of_object() => {
            "An object in the store that the servers share is damaged; tell the operator the request_id."
        }
        _ => "The store that the servers share cannot be used; tell the operator the request_id.",
    }
}

/// A whole sentence made of the text of an error, which lower layers write without capital and full stop.
pub(in crate::http) fn as_sentence(text: &str) -> String {
    let mut letters = text.trim_end_matches('.').chars();
    let first = letters.next().map(char::to_uppercase).into_iter().flatten();
    first.chain(letters).chain(std::iter::once('.')).collect()
}
