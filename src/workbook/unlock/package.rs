//! `.xlsx`: the whole archive is encrypted, with AES and a key that took many rounds of hashing to make ([MS-OFFCRYPTO]
//! 2.3.4: "agile" since Office 2010, "standard" in Office 2007).

use std::io::{Cursor, Read};

use aes::cipher::{BlockCipherDecrypt, KeyInit};
use aes::{Aes128, Aes192, Aes256};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use cfb::CompoundFile;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::password;

/// How much of a package has one initialisation vector, in bytes.
const SEGMENT_BYTES: usize = 4096;
/// The bytes of a block of AES.
const BLOCK_BYTES: usize = 16;
/// How often Office 2007 hashes; Office 2010 says it.
const STANDARD_ROUNDS: u32 = 50_000;
/// Office hashes 100,000 times: a file that asks for more is an attack on the processor.
const MAX_ROUNDS: u32 = 1_000_000;
/// What sets the keys of a file apart that come from one password.
const VERIFIER: [u8; 8] = [0xfe, 0xa7, 0xd2, 0x76, 0x3b, 0x4b, 0x9e, 0x79];
const VERIFIER_HASH: [u8; 8] = [0xd7, 0xaa, 0x0f, 0x6d, 0x30, 0x61, 0x34, 0x4e];
const PACKAGE_KEY: [u8; 8] = [0x14, 0x6e, 0x0b, 0xe7, 0xab, 0xac, 0xd0, 0xd6];

/// The archive decrypted, with the password that nobody chose; `None` where that is not its password, or it is
/// encrypted otherwise.
pub(in crate::workbook) fn unlock_package(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut file = CompoundFile::open(Cursor::new(bytes)).ok()?;
    let mut stream = |name: &str| {
        let mut content = Vec::new();
        file.open_stream(name).ok()?.read_to_end(&mut content).ok()?;
        Some(content)
    };
    let (info, package) = (stream("/EncryptionInfo")?, stream("/EncryptedPackage")?);
    let (size, encrypted) = package.split_first_chunk()?;
    let (version, info) = info.split_at_checked(4)?;
    let mut archive = match *version {
        [4, 0, 4, 0] => Agile::parse(info.get(4..)?)?.decrypt(encrypted)?,
        [2..=4, 0, 2, 0] => decrypt_standard(info.get(4..)?, encrypted)?,
        _ => return None,
    };
    archive.truncate(usize::try_from(u64::from_le_bytes(*size)).ok()?);
    Some(archive)
}

/// How one part of a file is hashed and encrypted.
#[derive(Debug)]
struct Method {
    salt: Vec<u8>,
    hash: Hash,
    key_bytes: usize,
}

/// "Agile" encryption: what an XML document says of the package, and of the key that the password encrypts.
#[derive(Debug)]
struct Agile {
    package: Method,
    password: Method,
    rounds: u32,
    verifier: Vec<u8>,
    verifier_hash: Vec<u8>,
    package_key: Vec<u8>,
}

impl Agile {
    fn parse(xml: &[u8]) -> Option<Self> {
        let xml = std::str::from_utf8(xml).ok()?;
        let (package, password) = (element(xml, "keyData")?, element(xml, "p:encryptedKey")?);
        Some(Self {
            package: Method::parse(package)?,
            password: Method::parse(password)?,
            rounds: attribute(password, "spinCount")?.parse().ok().filter(|rounds| *rounds <= MAX_ROUNDS)?,
            verifier: bytes(password, "encryptedVerifierHashInput")?,
            verifier_hash: bytes(password, "encryptedVerifierHashValue")?,
            package_key: bytes(password, "encryptedKeyValue")?,
        })
    }

    fn decrypt(&self, package: &[u8]) -> Option<Vec<u8>> {
        let Method { salt, hash, key_bytes } = &self.password;
        let mut key = hash.of(&[salt, &password()]);
        for round in 0..self.rounds {
            key = hash.of(&[&round.to_le_bytes(), &key]);
        }
        let part = |purpose: &[u8], encrypted: &[u8]| {
            decrypt_chained(&fit(hash.of(&[&key, purpose]), *key_bytes), salt, encrypted)
        };
        let verifier = part(&VERIFIER, &self.verifier)?;
        if !part(&VERIFIER_HASH, &self.verifier_hash)?.starts_with(&hash.of(&[&verifier])) {
            return None;
        }
        let key = part(&PACKAGE_KEY, &self.package_key)?;
        let mut archive = Vec::with_capacity(package.len());
        for (segment, encrypted) in (0_u32..).zip(package.chunks(SEGMENT_BYTES)) {
            let start = self.package.hash.of(&[&self.package.salt, &segment.to_le_bytes()]);
            archive.extend(decrypt_chained(key.get(..self.package.key_bytes)?, &start, encrypted)?);
        }
        Some(archive)
    }
}

impl Method {
    fn parse(element: &str) -> Option<Self> {
        let is_aes = attribute(element, "cipherAlgorithm")? == "AES";
        let is_chained = attribute(element, "cipherChaining")? == "ChainingModeCBC";
        let key_bits: usize = attribute(element, "keyBits")?.parse().ok()?;
        let hash = Hash::named(attribute(element, "hashAlgorithm")?)?;
        let method = Self { salt: bytes(element, "saltValue")?, hash, key_bytes: key_bits / 8 };
        (is_aes && is_chained).then_some(method)
    }
}

/// "Standard" encryption, whose header ends with a salt, and a number and its hash to check the password by.
fn decrypt_standard(info: &[u8], package: &[u8]) -> Option<Vec<u8>> {
    let number = |at: usize| -> Option<u32> { Some(u32::from_le_bytes(*info.get(at..)?.first_chunk()?)) };
    let header_bytes = usize::try_from(number(0)?).ok()?;
    // The header's fifth number, behind its own length.
    let key_bytes = usize::try_from(number(4 + 16)? / 8).ok()?;
    let check = info.get(4..)?.get(header_bytes..)?;
    let (salt, verifier, verifier_hash) = (check.get(4..20)?, check.get(20..36)?, check.get(40..72)?);
    let mut hash = Hash::Sha1.of(&[salt, &password()]);
    for round in 0..STANDARD_ROUNDS {
        hash = Hash::Sha1.of(&[&round.to_le_bytes(), &hash]);
    }
    let hash = Hash::Sha1.of(&[&hash, &0_u32.to_le_bytes()]);
    let stretched = |pad: u8| {
        let padded: Vec<u8> = fit_with(hash.clone(), 64, 0).into_iter().map(|byte| byte ^ pad).collect();
        Hash::Sha1.of(&[&padded])
    };
    let key = [stretched(0x36), stretched(0x5c)].concat();
    let key = key.get(..key_bytes)?;
    let (verifier, verifier_hash) = (decrypt_blocks(key, verifier)?, decrypt_blocks(key, verifier_hash)?);
    if !verifier_hash.starts_with(&Hash::Sha1.of(&[&verifier])) {
        return None;
    }
    decrypt_blocks(key, package)
}

/// Cipher block chaining: each block also needs the one before it.
fn decrypt_chained(key: &[u8], start: &[u8], encrypted: &[u8]) -> Option<Vec<u8>> {
    let mut plain = decrypt_blocks(key, encrypted)?;
    let before = start.get(..BLOCK_BYTES)?.iter().chain(encrypted);
    plain.iter_mut().zip(before).for_each(|(byte, before)| *byte ^= before);
    Some(plain)
}

/// Whole blocks, each by itself.
fn decrypt_blocks(key: &[u8], encrypted: &[u8]) -> Option<Vec<u8>> {
    match key.len() {
        16 => Some(blocks_by(&Aes128::new_from_slice(key).ok()?, encrypted)),
        24 => Some(blocks_by(&Aes192::new_from_slice(key).ok()?, encrypted)),
        32 => Some(blocks_by(&Aes256::new_from_slice(key).ok()?, encrypted)),
        _ => None,
    }
}

fn blocks_by(cipher: &impl BlockCipherDecrypt<BlockSize = aes::cipher::consts::U16>, encrypted: &[u8]) -> Vec<u8> {
    let mut plain = encrypted.to_vec();
    let (blocks, _) = plain.as_chunks_mut::<BLOCK_BYTES>();
    blocks.iter_mut().for_each(|block| cipher.decrypt_block(block.into()));
    plain
}

/// A key of this length: cut, or filled up as [MS-OFFCRYPTO] says.
fn fit(key: Vec<u8>, len: usize) -> Vec<u8> {
    fit_with(key, len, 0x36)
}

fn fit_with(mut bytes: Vec<u8>, len: usize, filler: u8) -> Vec<u8> {
    bytes.resize(len, filler);
    bytes
}

/// The hashes that Office writes.
#[derive(Debug, Clone, Copy)]
enum Hash {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    fn named(name: &str) -> Option<Self> {
        match name {
            "SHA1" | "SHA-1" => Some(Self::Sha1),
            "SHA256" => Some(Self::Sha256),
            "SHA384" => Some(Self::Sha384),
            "SHA512" => Some(Self::Sha512),
            _ => None,
        }
    }

    fn of(self, parts: &[&[u8]]) -> Vec<u8> {
        fn digest<D: Digest>(parts: &[&[u8]]) -> Vec<u8> {
            let mut digest = D::new();
            parts.iter().for_each(|part| digest.update(part));
            digest.finalize().to_vec()
        }
        match self {
            Self::Sha1 => digest::<Sha1>(parts),
            Self::Sha256 => digest::<Sha256>(parts),
            Self::Sha384 => digest::<Sha384>(parts),
            Self::Sha512 => digest::<Sha512>(parts),
        }
    }
}

/// The attributes of the first element of this name.
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name} "))?;
    rest.split('>').next()
}

/// The value of an attribute; those of this document need no unescaping.
fn attribute<'a>(element: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = element.split_once(&format!("{name}=\""))?;
    rest.split('"').next()
}

fn bytes(element: &str, name: &str) -> Option<Vec<u8>> {
    BASE64_STANDARD.decode(attribute(element, name)?).ok()
}
