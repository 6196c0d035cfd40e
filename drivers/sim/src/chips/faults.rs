//! A line that damages what it carries, for tests of the other end.

use std::num::NonZeroU32;
use std::time::Duration;

use bytes::{BufMut, BytesMut};
use rand::RngExt;
use tokio_util::codec::{Decoder, Encoder};

use thermine_drivers::bm13xx::{ChipCodec, Family, Reply, Request};
use thermine_units::seed::Rng;

/// What is wrong with the line and the chips. By default nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Faults {
    /// One byte in so many is lost, in either direction.
    pub drop_one_in: Option<NonZeroU32>,
    /// One byte in so many has one of its bits flipped, in either direction.
    pub flip_one_in: Option<NonZeroU32>,
    /// Whether a chip sends up to four bytes of garbage when its PLL is set, as real ones may.
    pub garbage: bool,
    /// Probability that a nonce is sent twice.
    pub duplicate: f64,
    /// Probability that a nonce is held back for [`Faults::late_by`].
    pub late: f64,
    /// How much later the late bytes come.
    pub late_by: Duration,
}

/// From chip to host.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Outgoing {
    /// A frame.
    Reply(Reply),
    /// The first so many of these bytes.
    Garbage([u8; 4], usize),
}

/// The chips' codec with a bad line before it.
#[derive(Debug)]
pub(super) struct LineCodec {
    inner: ChipCodec,
    faults: Faults,
    rng: Rng,
    /// Length of the bytes that the line has already had its way with.
    seen: usize,
    damaged: u64,
}

impl LineCodec {
    pub(super) fn new(family: Family, faults: Faults, rng: Rng) -> LineCodec {
        LineCodec {
            inner: ChipCodec::new(family),
            faults,
            rng,
            seen: 0,
            damaged: 0,
        }
    }

    /// The codec itself.
    pub(super) fn inner_mut(&mut self) -> &mut ChipCodec {
        &mut self.inner
    }

    /// Bytes passed over because they belong to no sound frame.
    pub(super) fn skipped(&self) -> u64 {
        self.inner.skipped()
    }

    /// Bytes that the line has lost or changed.
    pub(super) fn damaged(&self) -> u64 {
        self.damaged
    }

    /// Up to four bytes of anything.
    pub(super) fn garbage(&mut self) -> Outgoing {
        Outgoing::Garbage(self.rng.random(), self.rng.random_range(1..=4))
    }

    /// Damages the bytes from `from` on. That those lost are counted as settled is seen to already: the
    /// reader counts what comes in before this, the writer what goes out after.
    fn damage(&mut self, bytes: &mut BytesMut, from: usize) {
        let Faults {
            drop_one_in,
            flip_one_in,
            ..
        } = self.faults;
        if (drop_one_in, flip_one_in) == (None, None) {
            return;
        }
        let mut kept = from;
        for i in from..bytes.len() {
            let mut strikes = |one_in: Option<NonZeroU32>| {
                let strikes = one_in.is_some_and(|n| self.rng.random_ratio(1, n.get()));
                self.damaged += u64::from(strikes);
                strikes
            };
            if strikes(drop_one_in) {
                continue;
            }
            let flips = strikes(flip_one_in);
            bytes[kept] = bytes[i];
            if flips {
                bytes[kept] ^= 1 << self.rng.random_range(0..8);
            }
            kept += 1;
        }
        bytes.truncate(kept);
    }
}

impl Decoder for LineCodec {
    type Item = Request;
    type Error = std::io::Error;

    fn decode(&mut self, bytes: &mut BytesMut) -> std::io::Result<Option<Request>> {
        self.damage(bytes, self.seen);
        let request = self.inner.decode(bytes);
        self.seen = bytes.len();
        request
    }

    fn decode_eof(&mut self, bytes: &mut BytesMut) -> std::io::Result<Option<Request>> {
        self.damage(bytes, self.seen);
        let request = self.inner.decode_eof(bytes);
        self.seen = bytes.len();
        request
    }
}

impl Encoder<&Outgoing> for LineCodec {
    type Error = std::io::Error;

    fn encode(&mut self, outgoing: &Outgoing, bytes: &mut BytesMut) -> std::io::Result<()> {
        let start = bytes.len();
        match outgoing {
            Outgoing::Reply(reply) => self.inner.encode(reply, bytes)?,
            Outgoing::Garbage(garbage, length) => bytes.put_slice(&garbage[..*length]),
        }
        self.damage(bytes, start);
        Ok(())
    }
}
