//! The bytes of the frames, for either end of the wire.
//!
//! After the preamble, if there is one, a request is `type and code, length, …, checksum`: bits 7 to 5 of
//! the first byte say command (2) or job (1), bit 4 *all chips*, bits 3 to 0 which command; the length
//! counts itself, that first byte and the checksum. A reply ends in a byte of three type bits and a CRC-5
//! that covers everything before it and the type bits.
//!
//! Both decoders find back to the frames after garbage or lost bytes: what does not begin a sound frame is
//! passed over one byte at a time, and counted.

use bytes::{Buf, BufMut, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

use super::crc::{crc5_bytes, crc16};
use super::frame::{Command, Family, Job, Nonce, Reply, Request, Target};

/// Before each request to a BM1366.
const TO_CHIP: [u8; 2] = [0x55, 0xaa];
/// Before each of its replies.
const TO_HOST: [u8; 2] = [0xaa, 0x55];

const COMMAND: u8 = 0x40;
const JOB: u8 = 0x21;
const ALL: u8 = 0x10;
/// Type bits of a nonce in the last byte of a reply.
const NONCE: u8 = 0x80;

/// Length of a BM1387 job but for its midstates, and of one of these.
const JOB_1387: usize = 22;
const MIDSTATE: usize = 32;
/// Length of a BM1366 job after the preamble.
const JOB_1366: usize = 86;
/// Its length as factory firmware writes it; the chip takes both.
const JOB_1366_FACTORY: u8 = 0x36;

/// The host's end: sends [`Request`]s, receives [`Reply`]s.
#[derive(Debug, Clone)]
pub struct HostCodec {
    family: Family,
    /// Whether a BM1366 has been told to roll versions, which makes its replies two bytes longer.
    rolling: bool,
    skipped: u64,
}

/// The chips' end: receives [`Request`]s, sends [`Reply`]s.
#[derive(Debug, Clone)]
pub struct ChipCodec {
    family: Family,
    /// As in [`HostCodec`].
    rolling: bool,
    skipped: u64,
}

macro_rules! common {
    ($codec:ident) => {
        impl $codec {
            /// A codec for chips of `family` that have just been reset.
            pub fn new(family: Family) -> $codec {
                $codec {
                    family,
                    rolling: false,
                    skipped: 0,
                }
            }

            /// Chips that roll versions append the rolled bits to their replies (BM1366 only).
            pub fn set_rolling(&mut self, rolling: bool) {
                self.rolling = rolling;
            }

            /// Bytes passed over because they belong to no sound frame.
            pub fn skipped(&self) -> u64 {
                self.skipped
            }

            fn skip(&mut self, bytes: &mut BytesMut, count: usize) {
                bytes.advance(count);
                self.skipped += count as u64;
            }
        }
    };
}
common!(HostCodec);
common!(ChipCodec);

impl Encoder<&Request> for HostCodec {
    type Error = std::io::Error;

    fn encode(&mut self, request: &Request, bytes: &mut BytesMut) -> std::io::Result<()> {
        if self.family == Family::Bm1366 {
            bytes.put_slice(&TO_CHIP);
        }
        let start = bytes.len();
        match request {
            Request::Command(command) => {
                put_command(self.family, command, bytes);
                let crc = crc5_bytes(&bytes[start..]);
                bytes.put_u8(crc);
            }
            Request::Job(job) => {
                put_job(job, bytes);
                let crc = crc16(&bytes[start..]);
                bytes.put_u16(crc);
            }
        }
        Ok(())
    }
}

impl Decoder for HostCodec {
    type Item = Reply;
    type Error = std::io::Error;

    fn decode(&mut self, bytes: &mut BytesMut) -> std::io::Result<Option<Reply>> {
        let preamble = preamble(self.family, TO_HOST);
        let length = preamble.len() + reply_length(self.family, self.rolling);
        while !bytes.is_empty() {
            let have = bytes.len().min(preamble.len());
            if bytes[..have] != preamble[..have] {
                self.skip(bytes, 1);
                continue;
            }
            if bytes.len() < length {
                return Ok(None);
            }
            match reply(self.family, &bytes[preamble.len()..length]) {
                Some(reply) => {
                    bytes.advance(length);
                    return Ok(Some(reply));
                }
                None => self.skip(bytes, 1),
            }
        }
        Ok(None)
    }

    fn decode_eof(&mut self, bytes: &mut BytesMut) -> std::io::Result<Option<Reply>> {
        let reply = self.decode(bytes)?;
        if reply.is_none() {
            let rest = bytes.len();
            self.skip(bytes, rest);
        }
        Ok(reply)
    }
}

impl Encoder<&Reply> for ChipCodec {
    type Error = std::io::Error;

    fn encode(&mut self, reply: &Reply, bytes: &mut BytesMut) -> std::io::Result<()> {
        bytes.put_slice(preamble(self.family, TO_HOST));
        let start = bytes.len();
        let kind = match *reply {
            Reply::Nonce(nonce) => {
                bytes.put_u32_le(nonce.nonce);
                bytes.put_u8(nonce.hint);
                bytes.put_u8(nonce.id);
                NONCE
            }
            Reply::Register { value, of } => {
                bytes.put_u32(value);
                let (chip, register) = of.unwrap_or_default();
                bytes.put_u8(chip);
                bytes.put_u8(register);
                0
            }
        };
        if self.family == Family::Bm1366 && self.rolling {
            bytes.put_u16(match reply {
                Reply::Nonce(nonce) => (nonce.version_bits >> 13) as u16,
                Reply::Register { .. } => 0,
            });
        }
        bytes.put_u8(kind);
        // The remainder over everything but the last five bits, put in their place, makes the whole come
        // out as zero.
        let end = bytes.len() - 1;
        let crc = super::crc::crc5(&bytes[start..], (end - start) * 8 + 3);
        bytes[end] |= crc;
        Ok(())
    }
}

impl Decoder for ChipCodec {
    type Item = Request;
    type Error = std::io::Error;

    fn decode(&mut self, bytes: &mut BytesMut) -> std::io::Result<Option<Request>> {
        let preamble = preamble(self.family, TO_CHIP);
        while !bytes.is_empty() {
            let have = bytes.len().min(preamble.len());
            if bytes[..have] != preamble[..have] {
                self.skip(bytes, 1);
                continue;
            }
            let frame = &bytes[preamble.len().min(bytes.len())..];
            let Some((&kind, rest)) = frame.split_first() else {
                return Ok(None);
            };
            let Some(length) = request_length(self.family, kind, rest.first().copied()) else {
                self.skip(bytes, 1);
                continue;
            };
            if frame.len() < length {
                return Ok(None);
            }
            match request(self.family, &frame[..length]) {
                Some(request) => {
                    bytes.advance(preamble.len() + length);
                    return Ok(Some(request));
                }
                None => self.skip(bytes, 1),
            }
        }
        Ok(None)
    }

    fn decode_eof(&mut self, bytes: &mut BytesMut) -> std::io::Result<Option<Request>> {
        let request = self.decode(bytes)?;
        if request.is_none() {
            let rest = bytes.len();
            self.skip(bytes, rest);
        }
        Ok(request)
    }
}

fn preamble(family: Family, bytes: [u8; 2]) -> &'static [u8] {
    match (family, bytes) {
        (Family::Bm1387, _) => &[],
        (Family::Bm1366, TO_HOST) => &TO_HOST,
        (Family::Bm1366, _) => &TO_CHIP,
    }
}

/// Codes of set address, write, read and inactive.
fn codes(family: Family) -> [u8; 4] {
    match family {
        Family::Bm1387 => [1, 8, 4, 5],
        Family::Bm1366 => [0, 1, 2, 3],
    }
}

fn put_command(family: Family, command: &Command, bytes: &mut BytesMut) {
    let [set_address, write, read, inactive] = codes(family);
    let kind = |to: Target, code: u8| match to {
        Target::All => (COMMAND | ALL | code, 0),
        Target::Chip(address) => (COMMAND | code, address),
    };
    match *command {
        Command::Read { to, register } => {
            let (kind, address) = kind(to, read);
            bytes.put_slice(&[kind, 5, address, register]);
        }
        Command::Write {
            to,
            register,
            value,
        } => {
            let (kind, address) = kind(to, write);
            bytes.put_slice(&[kind, 9, address, register]);
            bytes.put_u32(value);
        }
        Command::ChainInactive => {
            bytes.put_slice(&[COMMAND | ALL | inactive, 5, 0, 0]);
        }
        Command::SetAddress(address) => {
            bytes.put_slice(&[COMMAND | set_address, 5, address, 0]);
        }
    }
}

fn put_job(job: &Job, bytes: &mut BytesMut) {
    bytes.put_u8(JOB);
    match job {
        Job::Bm1387 {
            id,
            nbits,
            ntime,
            tail,
            midstates,
        } => {
            // 1, 2 or 4 midstates: both fit a byte.
            let length = JOB_1387 + MIDSTATE * midstates.len();
            bytes.put_slice(&[length as u8, *id, midstates.len() as u8]);
            bytes.put_u32(0);
            bytes.put_u32_le(*nbits);
            bytes.put_u32_le(*ntime);
            bytes.put_slice(tail);
            for midstate in midstates {
                for word in midstate.iter().rev() {
                    bytes.put_u32(*word);
                }
            }
        }
        Job::Bm1366 {
            id,
            start_nonce,
            nbits,
            ntime,
            merkle_root,
            prevhash,
            version,
        } => {
            bytes.put_slice(&[JOB_1366 as u8, *id, 1]);
            bytes.put_u32_le(*start_nonce);
            bytes.put_u32_le(*nbits);
            bytes.put_u32_le(*ntime);
            bytes.put_slice(&reverse_words(merkle_root));
            bytes.put_slice(&reverse_words(prevhash));
            bytes.put_u32_le(*version);
        }
    }
}

/// The eight 4-byte words in reverse order, each as it was.
fn reverse_words(hash: &[u8; 32]) -> [u8; 32] {
    let mut reversed = [0; 32];
    for (to, from) in reversed.chunks_exact_mut(4).zip(hash.chunks_exact(4).rev()) {
        to.copy_from_slice(from);
    }
    reversed
}

/// Bytes of `request` on the wire, preamble included.
pub fn request_bytes(family: Family, request: &Request) -> usize {
    preamble(family, TO_CHIP).len()
        + match request {
            Request::Command(Command::Write { .. }) => 9,
            Request::Command(_) => 5,
            Request::Job(Job::Bm1387 { midstates, .. }) => JOB_1387 + MIDSTATE * midstates.len(),
            Request::Job(Job::Bm1366 { .. }) => JOB_1366,
        }
}

/// Bytes of a reply on the wire, preamble included; `rolling` as in [`ChipCodec::set_rolling`].
pub fn reply_bytes(family: Family, rolling: bool) -> usize {
    preamble(family, TO_HOST).len() + reply_length(family, rolling)
}

/// Length of a request after the preamble, as its first byte and its length byte (if here yet) say; `None`
/// if they begin no request.
fn request_length(family: Family, kind: u8, length: Option<u8>) -> Option<usize> {
    let [set_address, write, read, inactive] = codes(family);
    if kind == JOB {
        return match (family, length) {
            (Family::Bm1387, None) => Some(JOB_1387 + MIDSTATE),
            (Family::Bm1387, Some(length)) => [1, 2, 4]
                .map(|n| JOB_1387 + MIDSTATE * n)
                .into_iter()
                .find(|l| *l == usize::from(length)),
            (Family::Bm1366, None) => Some(JOB_1366),
            (Family::Bm1366, Some(length)) => {
                (usize::from(length) == JOB_1366 || length == JOB_1366_FACTORY).then_some(JOB_1366)
            }
        };
    }
    let code = kind & 0x0f;
    if kind & 0xe0 != COMMAND || ![set_address, write, read, inactive].contains(&code) {
        return None;
    }
    let wanted = if code == write { 9 } else { 5 };
    (length.is_none_or(|length| usize::from(length) == wanted)).then_some(wanted)
}

/// A request of sound length; `None` unless its checksum is right.
fn request(family: Family, frame: &[u8]) -> Option<Request> {
    let kind = frame[0];
    if kind == JOB {
        return job(family, frame).map(Request::Job);
    }
    let (body, crc) = frame.split_at(frame.len() - 1);
    if crc5_bytes(body) != crc[0] {
        return None;
    }
    let [set_address, write, read, _] = codes(family);
    let (address, register) = (body[2], body[3]);
    let to = if kind & ALL == 0 {
        Target::Chip(address)
    } else {
        Target::All
    };
    let code = kind & 0x0f;
    Some(Request::Command(if code == set_address {
        Command::SetAddress(address)
    } else if code == write {
        let value = u32::from_be_bytes([body[4], body[5], body[6], body[7]]);
        Command::Write {
            to,
            register,
            value,
        }
    } else if code == read {
        Command::Read { to, register }
    } else {
        Command::ChainInactive
    }))
}

/// A job of sound length; `None` unless its checksum is right.
fn job(family: Family, frame: &[u8]) -> Option<Job> {
    let (mut body, crc) = frame.split_at(frame.len() - 2);
    if crc16(body).to_be_bytes() != crc {
        return None;
    }
    body.advance(2);
    let id = body.get_u8();
    let count = usize::from(body.get_u8());
    match family {
        Family::Bm1387 => {
            if body.len() != 16 + MIDSTATE * count {
                return None;
            }
            body.advance(4);
            let (nbits, ntime) = (body.get_u32_le(), body.get_u32_le());
            let mut tail = [0; 4];
            body.copy_to_slice(&mut tail);
            let midstates = (0..count)
                .map(|_| {
                    let mut words = [0; 8];
                    words.fill_with(|| body.get_u32());
                    words.reverse();
                    words
                })
                .collect();
            Some(Job::Bm1387 {
                id,
                nbits,
                ntime,
                tail,
                midstates,
            })
        }
        Family::Bm1366 => {
            let hash = |body: &mut &[u8]| {
                let mut hash = [0; 32];
                body.copy_to_slice(&mut hash);
                reverse_words(&hash)
            };
            Some(Job::Bm1366 {
                id,
                start_nonce: body.get_u32_le(),
                nbits: body.get_u32_le(),
                ntime: body.get_u32_le(),
                merkle_root: hash(&mut body),
                prevhash: hash(&mut body),
                version: body.get_u32_le(),
            })
        }
    }
}

/// Length of a reply after the preamble.
fn reply_length(family: Family, rolling: bool) -> usize {
    match (family, rolling) {
        (Family::Bm1387, _) | (Family::Bm1366, false) => 7,
        (Family::Bm1366, true) => 9,
    }
}

/// A reply of sound length; `None` unless its checksum is right.
fn reply(family: Family, frame: &[u8]) -> Option<Reply> {
    if crc5_bytes(frame) != 0 {
        return None;
    }
    let kind = frame.last()? & 0xe0;
    let mut body = frame;
    let head = [body.get_u8(), body.get_u8(), body.get_u8(), body.get_u8()];
    let (fifth, sixth) = (body.get_u8(), body.get_u8());
    let version = if body.len() == 3 { body.get_u16() } else { 0 };
    if kind & NONCE != 0 {
        return Some(Reply::Nonce(Nonce {
            nonce: u32::from_le_bytes(head),
            hint: fifth,
            id: sixth,
            version_bits: u32::from(version) << 13,
        }));
    }
    if kind != 0 || (family == Family::Bm1387 && (fifth, sixth) != (0, 0)) {
        return None;
    }
    Some(Reply::Register {
        value: u32::from_be_bytes(head),
        of: (family == Family::Bm1366).then_some((fifth, sixth)),
    })
}

#[cfg(test)]
mod tests;
