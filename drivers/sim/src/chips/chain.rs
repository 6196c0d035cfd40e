//! The registers and addresses of a chain of chips: what each command does, and who replies what.
//!
//! No time and no hashing here. Replies come in the order of the chain, the chip nearest to the host first;
//! when they arrive is the line's matter.

use thermine_drivers::bm13xx::register::{
    CHIP_ADDRESS, Pll, RESET_DIVIDER, VERSION_MASK, baud_rate,
};
use thermine_drivers::bm13xx::{Command, Family, Reply, Target};
use thermine_units::quantity::MegaHertz;

/// BM1387: hash rate of the chip in units of 2^24 hashes a second.
const HASH_RATE_1387: u8 = 0x08;
/// Hashes that a BM1387 computes in a clock cycle: its cores.
const CORES_1387: f64 = 114.0;
/// BM1387: bit of the misc control register that lets a job have more than one midstate.
const MULTI_MIDSTATE: u32 = 1 << 7;
/// BM1366: a write of the version mask without this bit does not switch rolling on.
const ROLL: u32 = 1 << 31;

/// Chips in a row on one serial line.
#[derive(Debug, Clone)]
pub(crate) struct Chain {
    family: Family,
    chips: Vec<Chip>,
    /// Whether a version mask has been written, after which replies are two bytes longer.
    rolls: bool,
}

#[derive(Debug, Clone)]
struct Chip {
    address: u8,
    /// Waits for an address since the last *chain inactive*.
    waits: bool,
    registers: Box<[u32; 256]>,
}

impl Chain {
    /// `chips` chips that have just been reset: all at address 0, registers as in the module's QUIRKS.md.
    pub(crate) fn new(family: Family, chips: usize) -> Chain {
        let mut registers = Box::new([0; 256]);
        for (register, value) in power_on(family) {
            registers[usize::from(register)] = value;
        }
        let chip = Chip {
            address: 0,
            waits: false,
            registers,
        };
        Chain {
            family,
            chips: vec![chip; chips],
            rolls: false,
        }
    }

    /// Carries out `command`, and appends to `replies` what the chips answer. `hashing` says whether they
    /// have work.
    pub(crate) fn handle(&mut self, command: Command, hashing: bool, replies: &mut Vec<Reply>) {
        match command {
            Command::ChainInactive => {
                for chip in &mut self.chips {
                    chip.waits = true;
                }
            }
            Command::SetAddress(address) => {
                if let Some(chip) = self.chips.iter_mut().find(|chip| chip.waits) {
                    chip.address = address;
                    chip.waits = false;
                }
            }
            Command::Read { to, register } => {
                let chips = self.chips.iter().filter(|chip| chip.is(to));
                replies.extend(chips.map(|chip| Reply::Register {
                    value: chip.read(self.family, register, hashing),
                    of: (self.family == Family::Bm1366).then_some((chip.address, register)),
                }));
            }
            Command::Write {
                to,
                register,
                value,
            } => {
                for chip in self.chips.iter_mut().filter(|chip| chip.is(to)) {
                    chip.registers[usize::from(register)] = value;
                    self.rolls |= self.family == Family::Bm1366 && register == VERSION_MASK;
                }
            }
        }
    }

    /// Number of chips.
    pub(crate) fn len(&self) -> usize {
        self.chips.len()
    }

    /// Address of chip number `chip` of the chain; 0 where there is none.
    pub(crate) fn address(&self, chip: usize) -> u8 {
        self.chips.get(chip).map_or(0, |chip| chip.address)
    }

    /// Mean clock of the chips, by which the physics counts; a PLL without sound settings stands.
    pub(crate) fn frequency(&self) -> MegaHertz {
        let sum: f64 = self.chips.iter().map(|chip| chip.clock(self.family)).sum();
        MegaHertz(sum / self.chips.len().max(1) as f64)
    }

    /// log2 of the difficulty at which nonces are reported, beyond the 32 zero bits: the number of bits in
    /// the ticket mask of the first chip.
    pub(crate) fn ticket_log2(&self) -> u32 {
        self.first(self.family.ticket_mask()).count_ones()
    }

    /// Version bits that the chips roll by themselves, at their place in the version, as the first chip has
    /// them; 0 where they roll none.
    pub(crate) fn version_mask(&self) -> u32 {
        let value = self.first(VERSION_MASK);
        if self.rolls && value & ROLL != 0 {
            (value & 0xffff) << 13
        } else {
            0
        }
    }

    /// Whether replies carry version bits, see [`thermine_drivers::bm13xx::ChipCodec::set_rolling`].
    pub(crate) fn rolls(&self) -> bool {
        self.rolls
    }

    /// Whether a BM1387 works on all midstates of a job, or on the first alone.
    pub(crate) fn takes_midstates(&self) -> bool {
        self.first(self.family.baud()) & MULTI_MIDSTATE != 0
    }

    /// Baud rate of the line: that of the first chip.
    pub(crate) fn baud(&self) -> u32 {
        let divider = (self.first(self.family.baud()) >> 8) as u8;
        baud_rate(match self.family {
            Family::Bm1387 => divider & 0x1f,
            Family::Bm1366 => divider,
        })
    }

    fn first(&self, register: u8) -> u32 {
        self.chips
            .first()
            .map_or(0, |chip| chip.registers[usize::from(register)])
    }
}

impl Chip {
    fn is(&self, target: Target) -> bool {
        match target {
            Target::All => true,
            Target::Chip(address) => self.address == address,
        }
    }

    fn read(&self, family: Family, register: u8, hashing: bool) -> u32 {
        let value = self.registers[usize::from(register)];
        if register == CHIP_ADDRESS {
            family.chip_id() | u32::from(self.address)
        } else if register == family.pll() {
            match Pll::from_register(family, value) {
                Some(pll) if family == Family::Bm1387 => value | pll.read_back(family),
                _ => value,
            }
        } else if family == Family::Bm1387 && register == HASH_RATE_1387 && hashing {
            (self.clock(family) * 1e6 * CORES_1387 / f64::from(1 << 24)) as u32
        } else {
            value
        }
    }

    fn clock(&self, family: Family) -> f64 {
        Pll::from_register(family, self.registers[usize::from(family.pll())])
            .map_or(0.0, |pll| pll.frequency().0)
    }
}

/// Registers that are not 0 after reset.
fn power_on(family: Family) -> [(u8, u32); 2] {
    let divider = u32::from(RESET_DIVIDER) << 8;
    match family {
        // 100 MHz, the lowest clock of published tables; misc control as public drivers first write it.
        Family::Bm1387 => [
            (family.pll(), 0x0020_0241),
            (family.baud(), 0x4020_8080 | divider),
        ],
        // 50 MHz, where public drivers begin to raise the clock; the rest of 28 as they write it.
        Family::Bm1366 => [
            (family.pll(), 0x40a8_0265),
            (family.baud(), 0x1130_0000 | divider),
        ],
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use proptest::prelude::*;
    use tokio_util::codec::{Decoder, Encoder};

    use super::*;
    use thermine_drivers::bm13xx::register::ticket_mask;
    use thermine_drivers::bm13xx::{ChipCodec, Request};

    const FAMILIES: [Family; 2] = [Family::Bm1387, Family::Bm1366];

    /// What the chain sends when it receives these bytes, as hexadecimal text.
    fn answer(chain: &mut Chain, request: &str) -> String {
        let mut codec = ChipCodec::new(chain.family);
        let mut wire = BytesMut::from(&hex::decode(request).expect("hex")[..]);
        let mut replies = Vec::new();
        while let Some(request) = codec.decode(&mut wire).expect("decoded") {
            let Request::Command(command) = request else {
                panic!("{request:?}")
            };
            chain.handle(command, true, &mut replies);
        }
        assert_eq!((wire.len(), codec.skipped()), (0, 0), "{request}");
        codec.set_rolling(chain.rolls());
        let mut out = BytesMut::new();
        for reply in &replies {
            codec.encode(reply, &mut out).expect("encoded");
        }
        hex::encode(out)
    }

    #[test]
    fn published_commands_have_published_replies() {
        let mut chain = Chain::new(Family::Bm1387, 2);
        let id_0 = "13879000000009";
        assert_eq!(answer(&mut chain, "5405000019").len(), 2 * id_0.len());
        assert_eq!(answer(&mut chain, "5505000010"), "");
        // Set address 00 and 04, then read register 00 of 04.
        assert_eq!(answer(&mut chain, "4105000015410504000a"), "");
        assert_eq!(answer(&mut chain, "4405040002"), "13879004000010");
        // 650 MHz into chip 00; chip 04 keeps its own.
        assert_eq!(answer(&mut chain, "4809000c0068022102"), "");
        assert_eq!(chain.frequency(), MegaHertz(375.0));

        let mut chain = Chain::new(Family::Bm1366, 1);
        assert_eq!(
            answer(&mut chain, "55aa520500000a"),
            "aa55136600000000".to_owned() + "0c"
        );
        // A version mask for nobody changes nothing; for all, replies grow by two bytes.
        let to = Target::Chip(4);
        let (register, value) = (VERSION_MASK, 0x9000_ffff);
        let nobody = Command::Write {
            to,
            register,
            value,
        };
        chain.handle(nobody, false, &mut Vec::new());
        assert!(!chain.rolls());
        assert_eq!(answer(&mut chain, "55aa510900a49000ffff1c"), "");
        assert_eq!(
            answer(&mut chain, "55aa520500000a"),
            "aa5513660000000000000".to_owned() + "5"
        );
        assert_eq!(chain.version_mask(), 0x1fff_e000);
    }

    #[test]
    fn addresses_are_taken_one_after_the_other() {
        for (family, chips) in [(Family::Bm1387, 63), (Family::Bm1366, 4)] {
            let mut chain = Chain::new(family, chips);
            let mut replies = Vec::new();
            let read = |to| Command::Read {
                to,
                register: CHIP_ADDRESS,
            };
            // Before, all are at 0, and a lone set address is for nobody.
            chain.handle(Command::SetAddress(8), false, &mut replies);
            chain.handle(read(Target::Chip(0)), false, &mut replies);
            assert_eq!(replies.len(), chips);
            chain.handle(Command::ChainInactive, false, &mut replies);
            let step = family.address_step(chips);
            for i in 0..chips {
                chain.handle(Command::SetAddress((i * step) as u8), false, &mut replies);
            }
            // One too many changes nothing.
            chain.handle(Command::SetAddress(1), false, &mut replies);
            replies.clear();
            chain.handle(read(Target::All), false, &mut replies);
            let expected: Vec<Reply> = (0..chips)
                .map(|i| (i * step) as u8)
                .map(|address| Reply::Register {
                    value: family.chip_id() | u32::from(address),
                    of: (family == Family::Bm1366).then_some((address, 0)),
                })
                .collect();
            assert_eq!(replies, expected);
        }
    }

    #[test]
    fn registers_mean_what_the_drivers_take_them_for() {
        let mut chain = Chain::new(Family::Bm1387, 2);
        let write = |chain: &mut Chain, register, value| {
            let to = Target::All;
            chain.handle(
                Command::Write {
                    to,
                    register,
                    value,
                },
                true,
                &mut Vec::new(),
            );
        };
        assert_eq!(
            (chain.baud(), chain.frequency()),
            (115_741, MegaHertz(100.0))
        );
        write(&mut chain, 0x0c, 0x0068_0221);
        write(&mut chain, 0x18, ticket_mask(6));
        write(&mut chain, 0x1c, 0x0020_8180);
        assert_eq!(
            (chain.baud(), chain.frequency()),
            (1_562_500, MegaHertz(650.0))
        );
        assert_eq!((chain.ticket_log2(), chain.takes_midstates()), (6, true));
        write(&mut chain, 0x1c, 0x0020_8100);
        assert!(!chain.takes_midstates());
        let read = |register, hashing| {
            let mut replies = Vec::new();
            let to = Target::Chip(0);
            chain
                .clone()
                .handle(Command::Read { to, register }, hashing, &mut replies);
            let Reply::Register { value, .. } = replies[0] else {
                panic!("{replies:?}")
            };
            value
        };
        assert_eq!(read(0x0c, true), 0x8068_0221, "locked");
        assert_eq!((read(0x08, true), read(0x08, false)), (4416, 0));
        // A divider of zero stops the clock.
        write(&mut chain, 0x0c, 0);
        assert_eq!(chain.frequency(), MegaHertz(0.0));

        let mut chain = Chain::new(Family::Bm1366, 1);
        assert_eq!(
            (chain.baud(), chain.frequency()),
            (115_741, MegaHertz(50.0))
        );
        write(&mut chain, 0x28, 0x1130_0200);
        write(&mut chain, 0xa4, 0x1000_ffff);
        assert_eq!((chain.baud(), chain.version_mask()), (1_041_667, 0));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(register: u8, value: u32, chips in 1usize..64) {
            for family in FAMILIES {
                let mut chain = Chain::new(family, chips);
                let (mut replies, to) = (Vec::new(), Target::All);
                chain.handle(Command::Write { to, register, value }, false, &mut replies);
                chain.handle(Command::Read { to, register }, false, &mut replies);
                prop_assert_eq!(replies.len(), chips);
                for reply in replies {
                    let Reply::Register { value: read, .. } = reply else {
                        panic!("{reply:?}")
                    };
                    if register == CHIP_ADDRESS {
                        prop_assert_eq!(read, family.chip_id());
                    } else if register == family.pll() {
                        prop_assert_eq!(read & 0x7fff_ffff, value & 0x7fff_ffff);
                    } else {
                        prop_assert_eq!(read, value);
                    }
                }
                prop_assert!(chain.frequency().0 >= 0.0);
            }
        }
    }
}
