//! An Arrow IPC stream, message by message.
//!
//! The crate's own reader takes the end of the bytes for the end of the stream. This one tells the two apart, and looks
//! at a message's promises (its format, its size, its compression) before it reads the message's body.

use std::cell::Cell;
use std::collections::HashMap;
use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow_array::{ArrayRef, RecordBatch};
use arrow_buffer::Buffer;
use arrow_ipc::reader::{read_dictionary, read_record_batch};
use arrow_ipc::{Endianness, Message, MessageHeader, MetadataVersion, convert, root_as_message};
use arrow_schema::{ArrowError, SchemaRef};

use super::InputFault;

/// What every message begins with.
const CONTINUATION: [u8; 4] = [0xff; 4];
/// The longest description of a message, in bytes.
const MAX_METADATA_BYTES: usize = 16 << 20;
/// The largest body of a message, in bytes.
const MAX_BODY_BYTES: i64 = 256 << 20;
/// The most rows of a batch.
const MAX_BATCH_ROWS: i64 = 1 << 20;

/// Reads the batches of a stream.
#[derive(Debug)]
pub(super) struct StreamReader<R> {
    input: R,
    schema: SchemaRef,
    dictionaries: HashMap<i64, ArrayRef>,
}

/// One message: its description, and its body.
struct Frame {
    metadata: Vec<u8>,
    body: Buffer,
}

/// Whether an input begins as such a stream does.
pub(super) fn is_stream(start: [u8; 4]) -> bool {
    start == CONTINUATION
}

impl<R: Read> StreamReader<R> {
    /// Reads the schema.
    ///
    /// # Errors
    /// [`InputFault`] where the input does not begin with one.
    pub fn open(mut input: R) -> Result<Self, InputFault> {
        let Some(frame) = Frame::read(&mut input)? else { return Err(damaged("the stream has no schema")) };
        let schema = guarded(|| {
            let message = frame.message()?;
            let schema = message.header_as_schema();
            let schema = schema.ok_or_else(|| ArrowError::IpcError("it does not begin with a schema".to_owned()))?;
            if schema.endianness() != Endianness::Little {
                return Err(ArrowError::IpcError("its numbers are big-endian, which is not supported".to_owned()));
            }
            convert::try_fb_to_schema(schema)
        })?;
        Ok(Self { input, schema: schema.into(), dictionaries: HashMap::new() })
    }

    /// The columns of every batch.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The next batch; `None` once the end mark has come, and nothing behind it.
    ///
    /// # Errors
    /// [`InputFault::Cut`] where the bytes end before the end mark; the others where a message cannot be read, or bytes
    /// come after the end mark: of two streams one after the other, the rows of the second would be lost.
    pub fn next_batch(&mut self) -> Result<Option<RecordBatch>, InputFault> {
        while let Some(frame) = Frame::read(&mut self.input)? {
            let (schema, dictionaries) = (&self.schema, &mut self.dictionaries);
            let batch = guarded(|| {
                let message = frame.message()?;
                let version = message.version();
                if let Some(batch) = message.header_as_record_batch() {
                    let schema = schema.clone();
                    return read_record_batch(&frame.body, batch, schema, dictionaries, None, &version).map(Some);
                }
                let dictionary = message.header_as_dictionary_batch();
                let dictionary = dictionary.ok_or_else(|| ArrowError::IpcError("an unexpected message".to_owned()))?;
                read_dictionary(&frame.body, dictionary, schema, dictionaries, &version)?;
                Ok(None)
            })?;
            if batch.is_some() {
                return Ok(batch);
            }
        }
        match fill(&mut self.input, &mut [0]) {
            Ok(()) => Err(damaged("bytes come after its end mark; write one stream, not several one after the other")),
            Err(InputFault::Cut) => Ok(None),
            Err(fault) => Err(fault),
        }
    }
}

impl Frame {
    /// The next message; `None` for the end mark.
    fn read(input: &mut impl Read) -> Result<Option<Self>, InputFault> {
        let mut word = [0; 4];
        fill(input, &mut word)?;
        if word != CONTINUATION {
            return Err(damaged("it is not an Arrow IPC stream of format V5"));
        }
        fill(input, &mut word)?;
        let length = u32::from_le_bytes(word) as usize;
        if length == 0 {
            return Ok(None);
        }
        if length > MAX_METADATA_BYTES {
            return Err(damaged("the description of a message is longer than 16 MB"));
        }
        let mut metadata = vec![0; length];
        fill(input, &mut metadata)?;
        let body_bytes = {
            let message = root_as_message(&metadata).map_err(|error| damaged(&error.to_string()))?;
            check(message)?;
            usize::try_from(message.bodyLength()).unwrap_or_default()
        };
        let mut body = vec![0; body_bytes];
        fill(input, &mut body)?;
        Ok(Some(Self { metadata, body: Buffer::from_vec(body) }))
    }

    fn message(&self) -> Result<Message<'_>, ArrowError> {
        root_as_message(&self.metadata).map_err(|error| ArrowError::IpcError(error.to_string()))
    }
}

/// Looks at what a message promises.
fn check(message: Message<'_>) -> Result<(), InputFault> {
    if message.version() != MetadataVersion::V5 {
        return Err(damaged("it is not an Arrow IPC stream of format V5"));
    }
    if !(0..=MAX_BODY_BYTES).contains(&message.bodyLength()) {
        return Err(damaged("a batch is larger than 256 MB: write smaller ones"));
    }
    let batch = match message.header_type() {
        MessageHeader::Schema => None,
        MessageHeader::RecordBatch => message.header_as_record_batch(),
        MessageHeader::DictionaryBatch => message.header_as_dictionary_batch().and_then(|batch| batch.data()),
        _ => return Err(damaged("a message is neither a batch nor a dictionary")),
    };
    let Some(batch) = batch else { return Ok(()) };
    if batch.compression().is_some() {
        return Err(damaged("the batches are compressed: write the stream without compression"));
    }
    if !(0..=MAX_BATCH_ROWS).contains(&batch.length()) {
        return Err(damaged("a batch has more than 1,048,576 rows: write smaller ones"));
    }
    Ok(())
}

fn fill(input: &mut impl Read, bytes: &mut [u8]) -> Result<(), InputFault> {
    input.read_exact(bytes).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => InputFault::Cut,
        _ => InputFault::Unreadable(error),
    })
}

fn damaged(what: &str) -> InputFault {
    InputFault::Damaged(format!("the input cannot be read: {what}"))
}

thread_local! {
    static IS_DECODING: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread decodes a message right now: a panic is then the decoder's answer to a damaged one, and becomes
/// an [`InputFault`].
pub fn is_decoding() -> bool {
    IS_DECODING.get()
}

/// Decodes. The crate checks what it reads, but was not written for hostile input: a panic of it is a damaged input.
fn guarded<T>(decode: impl FnOnce() -> Result<T, ArrowError>) -> Result<T, InputFault> {
    IS_DECODING.set(true);
    let decoded = catch_unwind(AssertUnwindSafe(decode));
    IS_DECODING.set(false);
    match decoded {
        Ok(decoded) => decoded.map_err(|error| damaged(&error.to_string())),
        Err(_) => Err(damaged("a message breaks the rules of the format")),
    }
}
