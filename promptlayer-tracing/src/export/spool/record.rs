//! A record, and the form of everything on disk.
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
//! `created` is wall-clock time in milliseconds since 1970. `accepted` is in milliseconds after `created`, negative
//! if before, and is measured by the monotonic clock: a wall clock that is set while a segment is written
//! does not change how old its records are to each other. See [`age`](super::age).
//!
//! The value of a mark is the offset of a record in its segment, or a time that replaces `created`. Of several marks of
//! one record, the last one holds.
//!
//! Version 1 had no marks of records that were sent, and wall-clock times in the head.
//!
//! The head has a checksum of its own, so that a damaged body costs one record: where the next one
//! begins is still known. All that is told of a record that is never read is in its head.

/// What a record is to be sent as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RecordKind {
    /// A span, with its request log if it is one of a model call.
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

    fn of_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Span),
            2 => Some(Self::Track),
            _ => None,
        }
    }
}

/// One thing to be sent, as it waits on disk. What is in it is written as it is: it must hold no
/// secret, above all no API key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// What it is to be sent as.
    pub(crate) kind: RecordKind,
    /// Whether a hook made it.
    pub(crate) is_of_hook: bool,
    /// Whether it was sent, without an answer that tells whether it arrived.
    pub(crate) is_in_doubt: bool,
    /// The path of a tracking call; up to 65,535 bytes.
    pub(crate) key: Box<str>,
    /// What is to be sent. The spool does not look into it.
    pub(crate) body: Box<[u8]>,
}

/// The flag of a record that a hook made.
const OF_HOOK: u8 = 1;
/// The flag of a record that may have arrived.
const IN_DOUBT: u8 = 2;

impl Record {
    /// The bytes that it takes on disk.
    pub(super) fn size(&self) -> u64 {
        (Head::SIZE + self.key.len() + self.body.len()) as u64
    }

    /// Returns `true` if its lengths fit into a head.
    pub(super) fn has_a_head(&self) -> bool {
        u32::try_from(self.body.len()).is_ok() && u16::try_from(self.key.len()).is_ok()
    }

    /// Its bytes on disk, accepted so many milliseconds after its segment was created. `None` if its lengths do not fit
    /// into a head.
    pub(super) fn encode(&self, accepted: i64) -> Option<Vec<u8>> {
        let mut payload = crc32fast::Hasher::new();
        payload.update(self.key.as_bytes());
        payload.update(&self.body);
        let head = Head {
            body: u32::try_from(self.body.len()).ok()?,
            key: u16::try_from(self.key.len()).ok()?,
            kind: self.kind.byte(),
            flags: (u8::from(self.is_of_hook) * OF_HOOK) | (u8::from(self.is_in_doubt) * IN_DOUBT),
            accepted,
            checksum: payload.finalize(),
        };
        let mut bytes = Vec::with_capacity(Head::SIZE + self.key.len() + self.body.len());
        head.encode(&mut bytes);
        bytes.extend_from_slice(self.key.as_bytes());
        bytes.extend_from_slice(&self.body);
        Some(bytes)
    }

    /// The record of a head and of the key and the body behind it; nothing if they are damaged.
    pub(super) fn decode(head: &Head, payload: &[u8]) -> Option<Self> {
        if crc32fast::hash(payload) != head.checksum {
            return None;
        }
        let (key, body) = payload.split_at_checked(usize::from(head.key))?;
        Some(Self {
            kind: head.kind()?,
            is_of_hook: head.flags & OF_HOOK != 0,
            is_in_doubt: head.is_in_doubt(),
            key: str::from_utf8(key).ok()?.into(),
            body: body.into(),
        })
    }
}

/// What stands before each record.
#[derive(Debug)]
pub(super) struct Head {
    body: u32,
    key: u16,
    kind: u8,
    flags: u8,
    /// In milliseconds after the segment was created.
    pub(super) accepted: i64,
    /// Of key and body.
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

    /// Nothing if it is damaged: then nobody knows where the next record begins.
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

    /// The kind, if this version knows it.
    pub(super) fn kind(&self) -> Option<RecordKind> {
        RecordKind::of_byte(self.kind)
    }

    /// Whether the record was stored as one that may have arrived.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.flags & IN_DOUBT != 0
    }

    /// The bytes of key and body.
    pub(super) fn payload(&self) -> u64 {
        u64::from(self.key) + u64::from(self.body)
    }
}

/// What a segment begins with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Preamble {
    /// When the segment was made, in milliseconds.
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

    /// `Err` if the file is of another version, `None` if it is no segment. All versions have the same preamble.
    pub(super) fn decode(bytes: &[u8; Self::SIZE]) -> Option<Result<Self, OtherVersion>> {
        let mut rest = unseal(bytes)?;
        let is_segment = take(&mut rest)? == Self::MAGIC;
        let [version] = take(&mut rest)?;
        let created = u64::from_le_bytes(take(&mut rest)?);
        let preamble = if version == Self::VERSION { Ok(Self { created }) } else { Err(OtherVersion) };
        is_segment.then_some(preamble)
    }
}

/// A segment was written by another version of this library.
#[derive(Debug, Clone, Copy)]
pub(super) struct OtherVersion;

/// What became of the record at an offset, or of the whole segment, as it is appended to the segment's marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// The record is not given again.
    Done(u64),
    /// A request with the record was about to be written to a connection.
    Sent(u64),
    /// That request surely did not leave this machine.
    NotSent(u64),
    /// The segment counts as created at another time, in milliseconds since 1970.
    Created(u64),
}

impl Mark {
    /// The bytes of a mark.
    pub(super) const SIZE: usize = 13;

    /// Adds its bytes.
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

    /// `None` if it is damaged.
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

/// Adds the checksum of what was written from `start` on.
fn seal(bytes: &mut Vec<u8>, start: usize) {
    let checksum = crc32fast::hash(bytes.get(start..).unwrap_or_default());
    bytes.extend_from_slice(&checksum.to_le_bytes());
}

/// What stands before the checksum at the end, if that is right.
fn unseal(bytes: &[u8]) -> Option<&[u8]> {
    let (sealed, checksum) = bytes.split_last_chunk()?;
    (crc32fast::hash(sealed) == u32::from_le_bytes(*checksum)).then_some(sealed)
}

/// Takes the first bytes off.
fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*first)
}
