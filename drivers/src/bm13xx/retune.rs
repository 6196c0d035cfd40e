//! Moving the clock of chips at work: one step when it is due, and at the end the PLLs read back.

use std::time::Duration;

use super::bring_up::Chain;
use super::clocking::{HASH_COUNTING, Ramp, ReadBack, STEP_PAUSE, hash_counting, read_back};
use super::frame::{Command, Family, Target};
use super::register::Pll;
use thermine_units::clock::Nanos;
use thermine_units::quantity::MegaHertz;

/// Time that the chips get to tell their clock.
const READ_BACK: Duration = Duration::from_millis(200);

/// A change of the clock under way. `Default` is none.
#[derive(Debug, Default)]
pub(super) struct Retune {
    state: State,
    last: Option<ReadBack>,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Still,
    /// The next step is due.
    Moving { ramp: Ramp, due: Nanos },
    /// The clock is set in one step at once.
    Jumping(Pll),
    /// The chips have been asked.
    Asking { heard: Vec<u32>, until: Nanos },
}

impl Retune {
    /// Begins a ramp, from `from` or from where the last has come to.
    pub(super) fn go(&mut self, family: Family, from: MegaHertz, to: MegaHertz, now: Nanos) {
        if let State::Moving { ramp, .. } = &mut self.state {
            ramp.turn_to(to);
        } else if Pll::nearest(family, to).is_some_and(|pll| pll.frequency() != from) {
            let ramp = Ramp::new(family, from, to);
            self.state = State::Moving { ramp, due: now };
        }
    }

    /// Sets the clock in one step.
    pub(super) fn jump(&mut self, family: Family, to: MegaHertz) {
        if let Some(pll) = Pll::nearest(family, to) {
            self.state = State::Jumping(pll);
        }
    }

    /// When there is something to do; [`Nanos::MAX`] if the clock is still.
    pub(super) fn due(&self) -> Nanos {
        match &self.state {
            State::Still => Nanos::MAX,
            State::Jumping(_) => Nanos::ZERO,
            State::Moving { due, .. } => *due,
            State::Asking { until, .. } => *until,
        }
    }

    /// What the chips last read back; `None` if none answered.
    pub(super) fn read_back(&self) -> Option<ReadBack> {
        self.last
    }

    /// A command that is due at `now`. Keeps `chain.frequency` at what the chips have.
    pub(super) fn next(&mut self, chain: &mut Chain, now: Nanos) -> Option<Command> {
        let family = chain.family;
        let write = |register, value| Command::Write {
            to: Target::All,
            register,
            value,
        };
        if now < self.due() {
            return None;
        }
        let pll = match &mut self.state {
            State::Still => return None,
            State::Jumping(pll) => {
                let pll = *pll;
                self.state = State::Moving {
                    ramp: Ramp::over(family),
                    due: now + STEP_PAUSE,
                };
                pll
            }
            State::Moving { ramp, due } => match ramp.next() {
                Some(pll) => {
                    *due = now + STEP_PAUSE;
                    pll
                }
                None => {
                    self.state = State::Asking {
                        heard: Vec::new(),
                        until: now + READ_BACK,
                    };
                    return Some(Command::Read {
                        to: Target::All,
                        register: family.pll(),
                    });
                }
            },
            State::Asking { heard, .. } => {
                self.last = read_back(family, heard);
                self.state = State::Still;
                if let Some(read) = self.last {
                    chain.frequency = read.frequency;
                }
                // A BM1366 counts its nonce window in another clock.
                let value = hash_counting(chain.addresses.len(), chain.frequency);
                return (family == Family::Bm1366).then(|| write(HASH_COUNTING, value));
            }
        };
        chain.frequency = pll.frequency();
        Some(write(family.pll(), pll.to_register(family)))
    }

    /// A register's value came from the chips.
    pub(super) fn heard(&mut self, chain: &Chain, value: u32, of: Option<(u8, u8)>) {
        let chips = chain.addresses.len();
        if let State::Asking { heard, until } = &mut self.state
            && of.is_none_or(|(_, register)| register == chain.family.pll())
            && heard.len() < chips
        {
            heard.push(value);
            if heard.len() == chips {
                *until = Nanos::ZERO;
            }
        }
    }
}
