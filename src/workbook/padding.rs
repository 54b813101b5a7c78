//! A file without the NULs behind it: mail gateways and old disks fill the last block, and the zip crate looks for the
//! end of an archive in its last 64 KB alone.

use std::io::{self, Read, Seek, SeekFrom};

/// How much of the file is looked at together, in bytes.
const CHUNK_BYTES: u64 = 16 << 10;
/// An archive's last record, which may end with NULs of its own, in bytes.
const RECORD_BYTES: u64 = 22;

/// A file up to its padding.
pub(super) struct Unpadded<R> {
    source: R,
    n_bytes: u64,
    position: u64,
}

impl<R: Read + Seek> Unpadded<R> {
    /// The file from its start.
    ///
    /// # Errors
    /// Those of `source`.
    pub(super) fn new(mut source: R) -> io::Result<Self> {
        let end = source.seek(SeekFrom::End(0))?;
        let mut n_bytes = end;
        let mut chunk = Vec::new();
        while n_bytes > 0 {
            let start = n_bytes.saturating_sub(CHUNK_BYTES);
            source.seek(SeekFrom::Start(start))?;
            chunk.clear();
            source.by_ref().take(n_bytes - start).read_to_end(&mut chunk)?;
            if let Some(last) = chunk.iter().rposition(|&byte| byte != 0) {
                n_bytes = end.min(start + last as u64 + 1 + RECORD_BYTES);
                break;
            }
            n_bytes = start;
        }
        source.seek(SeekFrom::Start(0))?;
        Ok(Self { source, n_bytes, position: 0 })
    }
}

impl<R: Read> Read for Unpadded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.n_bytes.saturating_sub(self.position)).unwrap_or(usize::MAX);
        let n_wanted = buffer.len().min(left);
        let n_bytes = self.source.read(buffer.get_mut(..n_wanted).unwrap_or_default())?;
        self.position += n_bytes as u64;
        Ok(n_bytes)
    }
}

impl<R: Seek> Seek for Unpadded<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let to = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(distance) => self.n_bytes.checked_add_signed(distance),
            SeekFrom::Current(distance) => self.position.checked_add_signed(distance),
        };
        self.position = self.source.seek(SeekFrom::Start(to.ok_or(io::ErrorKind::InvalidInput)?))?;
        Ok(self.position)
    }
}
