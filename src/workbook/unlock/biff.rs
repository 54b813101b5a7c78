//! `.xls`: the records of the workbook stream are encrypted one by one, with RC4 and a new key for every 1,024 bytes
//! ([MS-XLS] 2.2.10, [MS-OFFCRYPTO] 2.3.5 and 2.3.6).

use std::io::{Cursor, Read, Seek, SeekFrom, Write};

use cfb::CompoundFile;
use md5::{Digest, Md5};
use rc4::{KeyInit, Rc4, StreamCipher};
use sha1::Sha1;

use super::password;

/// How many bytes are encrypted with one key.
const BLOCK_BYTES: usize = 1024;

const BOF: u16 = 0x0809;
const FILE_PASS: u16 = 0x002f;
const BOUND_SHEET: u16 = 0x0085;
/// Records that are never encrypted: the start of a stream, the encryption itself, and who has the file open.
const PLAIN: [u16; 7] = [BOF, FILE_PASS, 0x00e1, 0x0194, 0x0195, 0x0196, 0x0138];
/// What takes the place of the record that says that a stream is encrypted: nobody reads it.
const IGNORED: u16 = 0xffff;

/// The workbook decrypted, with the password that nobody chose; `None` where that is not its password, or another
/// cipher was used.
pub(in crate::workbook) fn unlock_biff(bytes: Vec<u8>) -> Option<Vec<u8>> {
    let mut file = CompoundFile::open(Cursor::new(bytes)).ok()?;
    let name = ["/Workbook", "/Book"].into_iter().find(|name| file.is_stream(name))?;
    let mut stream = Vec::new();
    let mut source = file.open_stream(name).ok()?;
    source.read_to_end(&mut stream).ok()?;
    decrypt(&mut stream)?;
    source.seek(SeekFrom::Start(0)).ok()?;
    source.write_all(&stream).ok()?;
    drop(source);
    file.flush().ok()?;
    Some(file.into_inner().into_inner())
}

/// Decrypts a stream in place.
fn decrypt(stream: &mut [u8]) -> Option<()> {
    let mut keys = None;
    let mut at = 0;
    while let Some(&[kind_low, kind_high, len_low, len_high]) = stream.get(at..).and_then(<[u8]>::first_chunk) {
        let kind = u16::from_le_bytes([kind_low, kind_high]);
        let start = at + 4;
        let end = start + usize::from(u16::from_le_bytes([len_low, len_high]));
        if kind == FILE_PASS {
            keys = Some(Keystream::new(Key::from_file_pass(stream.get(start..end)?)?));
            stream.get_mut(at..at + 2)?.copy_from_slice(&IGNORED.to_le_bytes());
        } else if let Some(keys) = &mut keys
            && !PLAIN.contains(&kind)
        {
            // Where a sheet starts is left as it is.
            let start = if kind == BOUND_SHEET { start + 4 } else { start };
            keys.apply(stream.get_mut(start..end)?, start);
        }
        at = end;
    }
    keys.map(drop)
}

/// What the keys of the blocks are made of.
#[derive(Debug)]
enum Key {
    /// Five bytes of a hash.
    Standard(Vec<u8>),
    /// A whole hash, and how much of a block's own hash is the key.
    CryptoApi { hash: Vec<u8>, key_bytes: usize },
}

impl Key {
    /// The key that fits what the record says, if the password does.
    fn from_file_pass(record: &[u8]) -> Option<Self> {
        let (kind, rest) = record.split_at_checked(6)?;
        // RC4, with the version of what follows.
        match *kind {
            [1, 0, 1, 0, 1, 0] => Self::standard(rest),
            [1, 0, 2..=4, 0, 2, 0] => Self::crypto_api(rest),
            _ => None,
        }
    }

    fn standard(record: &[u8]) -> Option<Self> {
        let (salt, verifier) = record.split_at_checked(16)?;
        let hash = Md5::digest(password());
        let salted = [hash.get(..5)?, salt].concat().repeat(16);
        let key = Self::Standard(Md5::digest(salted).get(..5)?.to_vec());
        key.check(verifier.get(..32)?, |verifier| Md5::digest(verifier).to_vec())
    }

    fn crypto_api(record: &[u8]) -> Option<Self> {
        let number = |at: usize| -> Option<u32> { Some(u32::from_le_bytes(*record.get(at..)?.first_chunk()?)) };
        // Flags and a length before the header, whose fifth number is the key's length in bits.
        let header_bytes = usize::try_from(number(4)?).ok()?;
        let key_bits = number(8 + 16)?;
        let verifier = record.get(8..)?.get(header_bytes..)?;
        let (salt, encrypted) = (verifier.get(4..20)?, [verifier.get(20..36)?, verifier.get(40..60)?].concat());
        let hash = Sha1::digest([salt, &password()].concat()).to_vec();
        // 0 stands for 40.
        let key_bytes = if key_bits == 0 { 5 } else { usize::try_from(key_bits / 8).ok()? };
        let key = Self::CryptoApi { hash, key_bytes };
        key.check(&encrypted, |verifier| Sha1::digest(verifier).to_vec())
    }

    /// The key, if a random number and its hash, both encrypted with it, belong together.
    fn check(self, encrypted: &[u8], hash: impl Fn(&[u8]) -> Vec<u8>) -> Option<Self> {
        let mut plain = encrypted.to_vec();
        self.cipher(0)?.apply_keystream(&mut plain);
        let (verifier, expected) = plain.split_at_checked(16)?;
        (hash(verifier) == expected).then_some(self)
    }

    /// The cipher of a block.
    fn cipher(&self, block: u32) -> Option<Rc4> {
        let key = match self {
            Self::Standard(hash) => Md5::digest([hash.as_slice(), &block.to_le_bytes()].concat()).to_vec(),
            Self::CryptoApi { hash, key_bytes } => {
                let mut key = Sha1::digest([hash.as_slice(), &block.to_le_bytes()].concat()).to_vec();
                key.truncate(*key_bytes);
                // Forty bits are stretched.
                key.resize(if *key_bytes == 5 { 16 } else { key.len() }, 0);
                key
            }
        };
        Rc4::new_from_slice(&key).ok()
    }
}

/// The bytes that a stream is encrypted with, block by block.
struct Keystream {
    key: Key,
    block: Option<usize>,
    bytes: [u8; BLOCK_BYTES],
}

impl Keystream {
    fn new(key: Key) -> Self {
        Self { key, block: None, bytes: [0; BLOCK_BYTES] }
    }

    /// Decrypts what is at this position of the stream.
    fn apply(&mut self, bytes: &mut [u8], position: usize) {
        for (at, byte) in (position..).zip(bytes) {
            *byte ^= self.block(at / BLOCK_BYTES).get(at % BLOCK_BYTES).copied().unwrap_or_default();
        }
    }

    fn block(&mut self, block: usize) -> &[u8; BLOCK_BYTES] {
        if self.block != Some(block) {
            self.block = Some(block);
            self.bytes = [0; BLOCK_BYTES];
            if let Some(mut cipher) = u32::try_from(block).ok().and_then(|block| self.key.cipher(block)) {
                cipher.apply_keystream(&mut self.bytes);
            }
        }
        &self.bytes
    }
}
