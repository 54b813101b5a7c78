//! An Arrow IPC stream in, the same stream with each row's segment out.

use std::collections::BTreeSet;
use std::io::{self, BufWriter, Read, Write};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, Field, Fields, Schema as ArrowSchema, SchemaRef};
use sha2::{Digest, Sha256};

use super::answers::{self, Answers};
use super::arrays::Plan;
use super::ipc::StreamReader;
use super::place::Placer;
use super::request::AssignRequest;
use super::{ADDED, AssignFault, CHUNK_ROWS, InputFault, Summary};
use crate::causes::hex;

/// The format of the added columns and of the metadata.
const FORMAT: &str = "1";

/// Places the rows of the stream `input`, batch by batch, and writes them to `output`. The output's end mark is written
/// once the input's was read.
///
/// # Errors
/// [`AssignFault`]; the output then has no end mark.
pub fn assign_arrow(input: impl Read, output: impl Write, request: &AssignRequest<'_>) -> Result<Summary, AssignFault> {
    let mut stream = StreamReader::open(input)?;
    let fields = stream.schema().fields().clone();
    let mut plan = Plan::new(request.model.schema(), &fields)?;
    let kept = kept(&fields, request.keep)?;
    let schema = output_schema(stream.schema(), &kept, request)?;
    let mut placer = Placer::new(request);
    let mut chunk = Chunk { codes: vec![Vec::new(); placer.columns.len()], row_places: Vec::new() };
    let mut writer = StreamWriter::try_new(BufWriter::new(output), &schema).map_err(unopened)?;
    writer.flush().map_err(unwritten)?;
    while let Some(batch) = stream.next_batch()? {
        let answers = place(&mut placer, &mut plan, &batch, &mut chunk)?;
        let columns = kept.iter().filter_map(|&at| batch.columns().get(at).cloned()).chain(answers.finish());
        let placed = RecordBatch::try_new(schema.clone(), columns.collect()).map_err(|error| unexpected(&error))?;
        writer.write(&placed).map_err(unwritten)?;
        writer.flush().map_err(unwritten)?;
    }
    writer.finish().map_err(unwritten)?;
    Ok(placer.finish(request.version, plan.notes))
}

/// What is known of the rows of a chunk; filled anew for each.
struct Chunk {
    /// Of each of the schema's columns the code of each row.
    codes: Vec<Vec<u32>>,
    row_places: Vec<u32>,
}

fn place(
    placer: &mut Placer<'_>,
    plan: &mut Plan,
    batch: &RecordBatch,
    Chunk { codes, row_places }: &mut Chunk,
) -> Result<Answers, AssignFault> {
    let mut answers = Answers::with_capacity(batch.num_rows());
    for first in (0..batch.num_rows()).step_by(CHUNK_ROWS) {
        placer.make_room();
        let chunk = batch.slice(first, CHUNK_ROWS.min(batch.num_rows() - first));
        plan.codes(&mut placer.columns, &chunk, codes);
        placer.place(codes, row_places)?;
        answers.add(placer, row_places);
    }
    Ok(answers)
}

/// The positions of the columns that are handed on.
///
/// # Errors
/// [`AssignFault::Columns`] where one is not there, or is called as an added one is.
pub(super) fn positions(names: &[&str], keep: Option<&[String]>) -> Result<Vec<usize>, AssignFault> {
    let kept: Vec<usize> = match keep {
        None => (0..names.len()).collect(),
        Some(keep) => keep
            .iter()
            .map(|wanted| {
                let mut at = (0..).zip(names).filter(|(_, name)| *name == wanted).map(|(at, _)| at);
                match (at.next(), at.next()) {
                    (Some(at), None) => Ok(at),
                    (None, _) => Err(AssignFault::Columns(format!("the input has no column {wanted:?} to keep"))),
                    _ => Err(AssignFault::Columns(format!("the input has two columns {wanted:?}: which to keep?"))),
                }
            })
            .collect::<Result<_, _>>()?,
    };
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for name in kept.iter().filter_map(|&at| names.get(at)) {
        if ADDED.contains(name) {
            let sentence = format!("the input has a column {name:?}, which is what an added column is called");
            return Err(AssignFault::Columns(sentence));
        }
        if keep.is_some() && !seen.insert(name) {
            return Err(AssignFault::Columns(format!("the column {name:?} is kept twice")));
        }
    }
    Ok(kept)
}

fn kept(fields: &Fields, keep: Option<&[String]>) -> Result<Vec<usize>, AssignFault> {
    let names: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
    positions(&names, keep)
}

/// The input's schema with the added columns, and what placed the rows.
fn output_schema(input: &SchemaRef, kept: &[usize], request: &AssignRequest<'_>) -> Result<SchemaRef, AssignFault> {
    let fields = kept.iter().filter_map(|&at| input.fields().get(at).cloned());
    let fields: Vec<Arc<Field>> = fields.chain(answers::fields().into_iter().map(Arc::new)).collect();
    let columns = serde_json::to_vec(request.model.schema().as_ref());
    let columns = columns.map_err(|error| AssignFault::Columns(error.to_string()))?;
    let mut metadata = input.metadata().clone();
    metadata.insert("content_portal.model_version".to_owned(), request.version.to_owned());
    metadata.insert("content_portal.schema_sha256".to_owned(), hex(Sha256::digest(columns)));
    metadata.insert("content_portal.format".to_owned(), FORMAT.to_owned());
    Ok(Arc::new(ArrowSchema::new_with_metadata(fields, metadata)))
}

/// Columns that the format cannot carry are told apart from an output that is gone.
fn unopened(error: ArrowError) -> AssignFault {
    match error {
        ArrowError::IoError(..) => unwritten(error),
        error => AssignFault::Columns(format!("the columns cannot be handed on: {error}")),
    }
}

fn unwritten(error: ArrowError) -> AssignFault {
    match error {
        ArrowError::IoError(_, error) => AssignFault::Output(error),
        error => AssignFault::Output(io::Error::other(error)),
    }
}

/// Columns that do not make a batch, although the input's did.
fn unexpected(error: &ArrowError) -> AssignFault {
    InputFault::Damaged(format!("a batch cannot be handed on: {error}")).into()
}
