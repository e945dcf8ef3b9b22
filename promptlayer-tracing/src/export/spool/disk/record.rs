//! Records, and the file format of the spool.
//!
//! Numbers are little-endian, checksums are CRC-32 (IEEE).
//!
//! ```text
//! segment   preamble, then records
//! preamble  magic, 7 bytes | version u8 | created u64 | checksum u32 of what is before it
//! record    head | key | body
//! head      body length u32 | key length u16 | kind u8 | flags u8 | accepted i64
//!           | checksum u32 of key and body | checksum u32 of what is before it
//! mark      kind u8 | value u64 | checksum u32 of what is before it
//! ```
//!
//! `created` is wall-clock time in milliseconds since 1970. `accepted` is in milliseconds after `created`, or
//! negative for an earlier time. It is measured by the monotonic clock, so a change of the wall clock while a
//! segment is written does not change the relative ages of its records. See [`age`](super::age).
//!
//! The value of a mark is the offset of a record in its segment, or a time that replaces `created`. If a
//! record has several marks, the last one counts.
//!
//! Version 1 had no marks of sent records, and wall-clock times in the head.
//!
//! The head has its own checksum, so that a damaged body costs only one record: the start of the next one is
//! still known. The head contains everything that is known of a record that is never read.

/// The kind of a record: how it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RecordKind {
    /// A span, with its request log if it is a model call.
    Span,
    /// An enqueued tracking call.
    Track,
}

impl RecordKind {
    fn byte(self) -> u8 {
        match self {
            Self::Span => 1,
            Self::Track => 2,
        }
    }

    fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Span),
            2 => Some(Self::Track),
            _ => None,
        }
    }
}

/// One item on disk. Its content is written unchanged, so it must not contain secrets, above all no API key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// How the record is sent.
    pub(crate) kind: RecordKind,
    /// Whether a hook made it.
    pub(crate) is_of_hook: bool,
    /// Whether it is ambiguous: it was sent, but no response confirmed that it arrived.
    pub(crate) is_ambiguous: bool,
    /// The path of a tracking call, up to 65,535 bytes.
    pub(crate) key: Box<str>,
    /// The content to send. The spool does not inspect it.
    pub(crate) body: Box<[u8]>,
}

/// The flag of a record that a hook made.
const OF_HOOK: u8 = 1;
/// The flag of an ambiguous record.
const IN_DOUBT: u8 = 2;

impl Record {
    /// Returns the size of the record on disk in bytes.
    pub(super) fn size(&self) -> u64 {
        (Head::SIZE + self.key.len() + self.body.len()) as u64
    }

    /// Returns `true` if the lengths of the record fit into a head.
    pub(super) fn has_a_head(&self) -> bool {
        u32::try_from(self.body.len()).is_ok() && u16::try_from(self.key.len()).is_ok()
    }

    /// Encodes the record. `accepted` is the offset from the creation of the segment in milliseconds. Returns
    /// `None` if the lengths do not fit into a head.
    pub(super) fn encode(&self, accepted: i64) -> Option<Vec<u8>> {
        let mut payload = crc32fast::Hasher::new();
        payload.update(self.key.as_bytes());
        payload.update(&self.body);
        let head = Head {
            body: u32::try_from(self.body.len()).ok()?,
            key: u16::try_from(self.key.len()).ok()?,
            kind: self.kind.byte(),
            flags: (u8::from(self.is_of_hook) * OF_HOOK) | (u8::from(self.is_ambiguous) * IN_DOUBT),
            accepted,
            checksum: payload.finalize(),
        };
        let mut bytes = Vec::with_capacity(Head::SIZE + self.key.len() + self.body.len());
        head.encode(&mut bytes);
        bytes.extend_from_slice(self.key.as_bytes());
        bytes.extend_from_slice(&self.body);
        Some(bytes)
    }

    /// Decodes a record from its head, and the key and body that follow. Returns `None` if they are damaged.
    pub(super) fn decode(head: &Head, payload: &[u8]) -> Option<Self> {
        if crc32fast::hash(payload) != head.checksum {
            return None;
        }
        let (key, body) = payload.split_at_checked(usize::from(head.key))?;
        Some(Self {
            kind: head.kind()?,
            is_of_hook: head.flags & OF_HOOK != 0,
            is_ambiguous: head.is_ambiguous(),
            key: str::from_utf8(key).ok()?.into(),
            body: body.into(),
        })
    }
}

/// The head of a record.
#[derive(Debug)]
pub(super) struct Head {
    body: u32,
    key: u16,
    kind: u8,
    flags: u8,
    /// Milliseconds after the creation of the segment.
    pub(super) accepted: i64,
    /// The checksum of key and body.
    pub(super) checksum: u32,
}

impl Head {
    pub(super) const SIZE: usize = 24;

    fn encode(&self, bytes: &mut Vec<u8>) {
        let start = bytes.len();
        bytes.extend_from_slice(&self.body.to_le_bytes());
        bytes.extend_from_slice(&self.key.to_le_bytes());
        bytes.extend_from_slice(&[self.kind, self.flags]);
        bytes.extend_from_slice(&self.accepted.to_le_bytes());
        bytes.extend_from_slice(&self.checksum.to_le_bytes());
        seal(bytes, start);
    }

    /// Decodes a head. Returns `None` if it is damaged. The start of the next record is unknown in that case.
    pub(super) fn decode(bytes: &[u8; Self::SIZE]) -> Option<Self> {
        let mut rest = unseal(bytes)?;
        let head = Self {
            body: u32::from_le_bytes(take(&mut rest)?),
            key: u16::from_le_bytes(take(&mut rest)?),
            kind: u8::from_le_bytes(take(&mut rest)?),
            flags: u8::from_le_bytes(take(&mut rest)?),
            accepted: i64::from_le_bytes(take(&mut rest)?),
            checksum: u32::from_le_bytes(take(&mut rest)?),
        };
        Some(head)
    }

    /// Returns the kind, if this version knows it.
    pub(super) fn kind(&self) -> Option<RecordKind> {
        RecordKind::from_byte(self.kind)
    }

    /// Returns `true` if the record was ambiguous when it was stored.
    pub(super) fn is_ambiguous(&self) -> bool {
        self.flags & IN_DOUBT != 0
    }

    /// Returns the size of key and body in bytes.
    pub(super) fn payload(&self) -> u64 {
        u64::from(self.key) + u64::from(self.body)
    }
}

/// The preamble of a segment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Preamble {
    /// When the segment was created, in milliseconds since 1970.
    pub(super) created: u64,
}

impl Preamble {
    pub(super) const SIZE: usize = 20;
    const MAGIC: [u8; 7] = *b"PLSPOOL";
    const VERSION: u8 = 2;

    pub(super) fn encode(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(Self::SIZE);
        bytes.extend_from_slice(&Self::MAGIC);
        bytes.push(Self::VERSION);
        bytes.extend_from_slice(&self.created.to_le_bytes());
        seal(&mut bytes, 0);
        bytes
    }

    /// Decodes a preamble. Returns `Err` if the file has another version, and `None` if it is not a segment.
    /// The preamble is the same in all versions.
    pub(super) fn decode(bytes: &[u8; Self::SIZE]) -> Option<Result<Self, OtherVersion>> {
        let mut rest = unseal(bytes)?;
        let is_segment = take(&mut rest)? == Self::MAGIC;
        let [version] = take(&mut rest)?;
        let created = u64::from_le_bytes(take(&mut rest)?);
        let preamble = if version == Self::VERSION { Ok(Self { created }) } else { Err(OtherVersion) };
        is_segment.then_some(preamble)
    }
}

/// An error: another version of this crate wrote the segment.
#[derive(Debug, Clone, Copy)]
pub(super) struct OtherVersion;

/// A state change of the record at an offset, or of the whole segment. Marks are appended to the marks file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// The record is not returned again.
    Done(u64),
    /// A request with the record was about to be written to a connection.
    Sent(u64),
    /// That request certainly did not leave this machine.
    NotSent(u64),
    /// The segment counts as created at this time, in milliseconds since 1970.
    Created(u64),
}

impl Mark {
    /// The size of a mark in bytes.
    pub(super) const SIZE: usize = 13;

    /// Appends the encoded mark.
    pub(super) fn encode(self, bytes: &mut Vec<u8>) {
        let (kind, value) = match self {
            Self::Done(offset) => (1u8, offset),
            Self::Sent(offset) => (2, offset),
            Self::NotSent(offset) => (3, offset),
            Self::Created(time) => (4, time),
        };
        let start = bytes.len();
        bytes.push(kind);
        bytes.extend_from_slice(&value.to_le_bytes());
        seal(bytes, start);
    }

    /// Decodes a mark. Returns `None` if it is damaged.
    pub(super) fn decode(bytes: &[u8; Self::SIZE]) -> Option<Self> {
        let mut rest = unseal(bytes)?;
        let [kind] = take(&mut rest)?;
        let value = u64::from_le_bytes(take(&mut rest)?);
        match kind {
            1 => Some(Self::Done(value)),
            2 => Some(Self::Sent(value)),
            3 => Some(Self::NotSent(value)),
            4 => Some(Self::Created(value)),
            _ => None,
        }
    }
}

/// Appends the checksum of the bytes from `start` on.
fn seal(bytes: &mut Vec<u8>, start: usize) {
    let checksum = crc32fast::hash(bytes.get(start..).unwrap_or_default());
    bytes.extend_from_slice(&checksum.to_le_bytes());
}

/// Returns the bytes before the final checksum, if the checksum is correct.
fn unseal(bytes: &[u8]) -> Option<&[u8]> {
    let (sealed, checksum) = bytes.split_last_chunk()?;
    (crc32fast::hash(sealed) == u32::from_le_bytes(*checksum)).then_some(sealed)
}

/// Removes and returns the first bytes.
fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*first)
}
