//! `assign`: the segment of each row of a stream, for a data engine that starts this on its workers.
//!
//! It reads no other setting than MODEL_DIR and TIME_ZONE, logs nothing, starts no thread, and ends with its input and
//! with its parent. What it says is one line of JSON on standard error.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use content_portal::assign::{AssignFault, AssignRequest, assign_arrow, assign_csv, is_decoding};
use content_portal::causes::with_causes;
use content_portal::config::Loaded;
use content_portal::model_store::{ModelStore, ModelVersion, VersionId};
use content_portal::schedule;
use jiff::Timestamp;
use jiff::civil::Date;
use nix::sys::{prctl, signal::Signal};
use serde_json::json;

use super::output::print_error;

/// Exit codes: wrong arguments, or columns that are missing; a model that cannot be loaded; an input that is damaged or
/// was cut; an output that nobody reads.
const COLUMNS: u8 = 2;
const MODEL: u8 = 3;
const INPUT: u8 = 4;
const OUTPUT: u8 = 5;

/// Bytes that are read at a time where the stream's own pieces are smaller.
const READ_BYTES: usize = 256 << 10;

#[derive(Debug, Args)]
pub struct AssignArgs {
    /// The model: a version in MODEL_DIR, or a folder: a copy of a version, or another MODEL_DIR. Without it the
    /// current version of MODEL_DIR.
    #[arg(long, value_name = "VERSION|DIR")]
    model: Option<String>,
    /// The columns to hand on, in this order, with commas between; without it all of them.
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',')]
    keep: Option<Vec<String>>,
    /// Take and give CSV with a header, in UTF-8, instead of an Arrow IPC stream.
    #[arg(long)]
    csv: bool,
}

/// Why it ended, with the exit code that says so.
struct Failed {
    code: u8,
    /// `None` where nobody is there to be told.
    sentence: Option<String>,
}

/// Places the rows of standard input; the command's whole life.
pub fn assign(args: &AssignArgs) -> ExitCode {
    match run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failed { code, sentence }) => {
            if let Some(error) = sentence {
                print_error(format_args!("{}\n", json!({ "event": "assign_failed", "error": error })));
            }
            ExitCode::from(code)
        }
    }
}

fn run(args: &AssignArgs) -> Result<(), Failed> {
    let fails = |code: u8| move |error: anyhow::Error| Failed { code, sentence: Some(format!("{error:#}")) };
    confine().map_err(fails(COLUMNS))?;
    let (models, today) = settings().map_err(fails(COLUMNS))?;
    let version = version(args.model.as_deref(), &models).map_err(fails(MODEL))?;
    let request = AssignRequest {
        model: &version.model,
        version: version.id.as_str(),
        profile: version.profile.as_ref(),
        keep: args.keep.as_deref(),
        today,
    };
    let (input, output) = streams().map_err(fails(INPUT))?;
    let input = BufReader::with_capacity(READ_BYTES, input);
    let placed = if args.csv { assign_csv(input, output, &request) } else { assign_arrow(input, output, &request) };
    let summary = placed.map_err(|fault| Failed::of(&fault))?;
    let mut line = json!({ "event": "assigned" });
    if let (Some(line), Ok(serde_json::Value::Object(summary))) = (line.as_object_mut(), serde_json::to_value(&summary))
    {
        line.extend(summary);
    }
    print_error(format_args!("{line}\n"));
    Ok(())
}

/// One thread, no life beyond the parent's, and no word of a decoder that gives up a damaged message.
fn confine() -> anyhow::Result<()> {
    let parent = nix::unistd::getppid();
    prctl::set_pdeathsig(Signal::SIGKILL).context("the system cannot end this process with its parent")?;
    if nix::unistd::getppid() != parent {
        std::process::exit(i32::from(OUTPUT));
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread();
    pool.build_global().context("the work cannot be kept to one thread")?;
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !is_decoding() {
            report(panic);
        }
    }));
    Ok(())
}

/// The folder of the models, and the day after which a date is in the future.
fn settings() -> anyhow::Result<(PathBuf, Date)> {
    let loaded = Loaded::from_environment(|read| (read.path("MODEL_DIR", "models"), schedule::time_zone(read)));
    let (models, time_zone) = loaded.config()?;
    Ok((models, Timestamp::now().to_zoned(time_zone).date()))
}

fn version(wanted: Option<&str>, models: &Path) -> anyhow::Result<ModelVersion> {
    let store = ModelStore::new(models);
    let Some(wanted) = wanted else { return Ok(store.load_current()?) };
    if let Ok(id) = wanted.parse::<VersionId>() {
        return Ok(store.load(&id)?);
    }
    let folder = Path::new(wanted);
    if folder.join("manifest.json").exists() {
        return Ok(ModelStore::load_copy(folder)?);
    }
    ModelStore::new(folder).load_current().with_context(|| format!("{wanted} is neither a version nor a folder of one"))
}

fn streams() -> anyhow::Result<(File, File)> {
    let input = io::stdin().as_fd().try_clone_to_owned().context("standard input cannot be read")?;
    // Not by way of the standard library's own writer, which looks for the ends of lines.
    let output = io::stdout().as_fd().try_clone_to_owned().context("standard output cannot be written")?;
    Ok((File::from(input), File::from(output)))
}

impl Failed {
    fn of(fault: &AssignFault) -> Self {
        let code = match fault {
            AssignFault::Columns(_) => COLUMNS,
            AssignFault::Model(_) => MODEL,
            AssignFault::Input(_) => INPUT,
            AssignFault::Output(_) => OUTPUT,
            _ => INPUT,
        };
        let is_gone = matches!(fault, AssignFault::Output(error) if error.kind() == ErrorKind::BrokenPipe);
        Self { code, sentence: (!is_gone).then(|| with_causes(fault)) }
    }
}
