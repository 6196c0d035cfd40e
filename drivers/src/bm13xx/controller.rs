//! A small mining controller: keeps a chain at work, and turns its nonces into verified shares.
//!
//! Not a task, but a value that its owner drives, as [`stratum::Session`](thermine_stratum::Session) is.
//! [`next_share`](Controller::next_share) feeds the chips, moves their clock and publishes readings while it
//! waits; while nobody waits, the chips run out of work.
//!
//! *Duty.* A chip job lasts the chips for [`Family::job_lasts`](super::Family::job_lasts), W. At full duty
//! the next one follows just before that. At a lower one it follows after W / duty, and the chips idle
//! in between: this is how a step's duty reaches a bare chain. Chips that roll versions by themselves are
//! busy for minutes with one job, so their duty cannot be lowered.
//!
//! *No temperature.* Nothing on this wire tells how hot the chips are: readings carry none, and whoever
//! drives a chain must watch its heat by other means.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

use super::answers::{Answers, EXTRANONCE, Worth, chip_of};
use super::bring_up::{Chain, roll_versions};
use super::clocking::interval;
use super::error::ChainError;
use super::frame::{Command, Nonce, Reply, Request, Target};
use super::link::Link;
use super::register::VERSION_MASK;
use super::retune::Retune;
use super::tally::{Counts, Tally};
use crate::poller::{Latest, SourceError};
use thermine_stratum::factory::Job;
use thermine_stratum::session::Share;
use thermine_stratum::verifier::job_id;
use thermine_units::clock::Nanos;
use thermine_units::pow::Difficulty;
use thermine_units::quantity::MegaHertz;
use thermine_units::record::{JobRecord, Record, Recorder, RecorderClosed, Slot, Verdict};

/// Time between two readings.
const REPORT_PERIOD: Duration = Duration::from_secs(1);

/// Nonces that wait while the owner does something else than ask for shares.
const MAX_WAITING: usize = 1024;

/// How a controller works.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Factor on the difficulty that a nonce's hash must really meet: 1 for hardware, a power of two for
    /// simulated chips.
    pub difficulty_scale: f64,
    /// First part of the extranonce; the second is rolled.
    pub extranonce1: [u8; EXTRANONCE],
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            difficulty_scale: 1.0,
            extranonce1: [0; EXTRANONCE],
        }
    }
}

/// A chain at work.
#[derive(Debug)]
pub struct Controller<T> {
    pub(super) link: Link<T>,
    pub(super) chain: Chain,
    pub(super) retune: Retune,
    answers: Answers,
    work: Option<StepWork>,
    duty: f64,
    /// Whether chips that should roll versions have been told not to, see [`Controller::stop`].
    rolling_stopped: bool,
    waiting: VecDeque<(Nonce, Nanos)>,
    tally: Tally,
    latest: watch::Sender<Latest>,
    report_due: Nanos,
    recorder: Recorder,
    slot: Option<Slot>,
    tickets: u64,
}

/// The step's job, and how far it has been given to the chips.
#[derive(Debug)]
struct StepWork {
    job: Job,
    difficulty: Difficulty,
    extranonce2: u32,
    due: Nanos,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Controller<T> {
    /// Takes over a chain that is up.
    pub fn new(link: Link<T>, chain: Chain, settings: Settings) -> Controller<T> {
        let worker = link.place().to_string();
        let answers = Answers::new(
            &chain,
            settings.extranonce1,
            settings.difficulty_scale,
            worker,
        );
        let mut tally = Tally::new(&chain);
        let now = link.clock().now();
        let (latest, _) = watch::channel(Latest {
            telemetry: Some(tally.telemetry(&chain, now)),
            identity: Some(chain.identity()),
            ..Latest::default()
        });
        Controller {
            answers,
            work: None,
            duty: 1.0,
            rolling_stopped: false,
            retune: Retune::default(),
            waiting: VecDeque::new(),
            tally,
            latest,
            report_due: now + REPORT_PERIOD,
            recorder: Recorder::discard(),
            slot: None,
            tickets: 0,
            link,
            chain,
        }
    }

    /// Where the chain is.
    pub fn place(&self) -> &str {
        self.link.place()
    }

    /// The chain; its frequency is what the chips have now.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// What has come from the chips so far.
    pub fn counts(&self) -> &Counts {
        self.tally.counts()
    }

    /// Bytes of both extranonces together.
    pub fn extranonce_len(&self) -> usize {
        2 * EXTRANONCE
    }

    /// The chain's readings, as a poller would publish them: every second of device time, while someone
    /// asks for shares.
    pub fn latest(&self) -> watch::Receiver<Latest> {
        self.latest.subscribe()
    }

    /// Records from now on to `recorder`.
    pub fn record_to(&mut self, recorder: Recorder) {
        self.recorder = recorder;
        self.slot = None;
    }

    /// Keeps the chips hashing for `duty` of their time from the next chip job on, in (0, 1].
    ///
    /// # Errors
    /// If it is outside that, or below 1 while the chips roll versions.
    pub fn set_duty(&mut self, duty: f64) -> Result<(), ChainError> {
        let wrong = |reason: &str| ChainError::Setting {
            setting: "duty",
            value: duty.to_string(),
            reason: reason.into(),
        };
        if !(duty > 0.0 && duty <= 1.0) {
            return Err(wrong("must be above 0 and at most 1"));
        }
        if duty < 1.0 && self.chain.version_mask != 0 {
            return Err(wrong(
                "chips that roll versions are busy for minutes with one job: switch that off to lower \
                 the duty",
            ));
        }
        self.duty = duty;
        Ok(())
    }

    /// Gives the chips a new job, of which they are fed piece by piece until the next. Returns when its
    /// first bytes were handed to the port. A `clean` job makes answers to earlier ones stale.
    ///
    /// # Errors
    /// If `difficulty` is below the chips' ticket difficulty, the port fails, or the capture has failed.
    pub async fn begin(
        &mut self,
        job: Job,
        difficulty: Difficulty,
        clean: bool,
        step: Option<u64>,
    ) -> Result<Nanos, ChainError> {
        if difficulty.get() < f64::from(self.chain.ticket) {
            return Err(ChainError::BelowTicket {
                place: self.place().into(),
                asked: difficulty,
                ticket: self.chain.ticket,
            });
        }
        if std::mem::take(&mut self.rolling_stopped) {
            self.push_rolling(self.chain.version_mask)?;
        }
        let sent = self.link.clock().now();
        self.tally.begin(sent);
        self.answers.begin(&job, difficulty, sent, clean);
        let verifier = self.answers.verifier();
        let record = JobRecord {
            step,
            ..verifier.job_record(
                job_id(job.serial),
                job.work.clone(),
                difficulty,
                sent,
                clean,
            )
        };
        self.work = Some(StepWork {
            job,
            difficulty,
            extranonce2: 0,
            due: sent,
        });
        self.feed(sent)?;
        self.flush().await?;
        self.recorder.record(Record::Job(record)).await?;
        Ok(sent)
    }

    /// Waits for the next share, whatever its verdict, or for `until`, then `None`. Nonces that are no
    /// shares are counted and passed over; hashing errors come as shares of low difficulty. Cancel safe.
    ///
    /// # Errors
    /// If the port fails, or the capture has failed.
    pub async fn next_share(&mut self, until: Nanos) -> Result<Option<Share>, ChainError> {
        loop {
            if self.slot.is_none() {
                self.slot = Some(self.recorder.reserve().await?);
            }
            match self.waiting.pop_front() {
                Some((nonce, arrived)) => {
                    if let Some(share) = self.judge(&nonce, arrived) {
                        return Ok(Some(share));
                    }
                }
                None if self.turn(until).await? => {}
                None => return Ok(None),
            }
        }
    }

    /// Gives the chips no more work and sets the slowest clock at once: the safe point. They fall idle
    /// when what they have is searched, within milliseconds; chips that roll versions are told to stop that.
    /// The next [`begin`](Controller::begin) puts them to work again.
    ///
    /// # Errors
    /// If the port fails.
    pub async fn stop(&mut self) -> Result<(), ChainError> {
        self.work = None;
        if self.chain.version_mask != 0 {
            self.push_rolling(0)?;
            self.rolling_stopped = true;
        }
        let lowest = self.chain.family.limits().frequency.0;
        self.retune.jump(self.chain.family, lowest);
        self.until_tuned().await
    }

    /// Waits until every share so far is durable. Call it before letting a chain go.
    ///
    /// # Errors
    /// If the capture has failed.
    pub async fn settle(&mut self) -> Result<(), ChainError> {
        let mut durable = self.recorder.durable();
        let tickets = self.tickets;
        let wait =
            durable.wait_for(|durable| durable.ticket >= tickets || durable.failure.is_some());
        let failure = match wait.await {
            Ok(durable) => durable.failure.clone(),
            Err(_) => Some("the store has been closed".into()),
        };
        match failure {
            Some(failure) => Err(RecorderClosed(failure).into()),
            None => Ok(()),
        }
    }

    /// Moves the clock towards `frequency`, brought within the family's limits, step by step while shares
    /// are waited for.
    pub fn go_to(&mut self, frequency: MegaHertz) {
        let (lowest, highest) = self.chain.family.limits().frequency;
        if frequency.0.is_finite() {
            let to = MegaHertz(frequency.0.clamp(lowest.0, highest.0));
            let now = self.link.clock().now();
            self.retune
                .go(self.chain.family, self.chain.frequency, to, now);
        }
    }

    /// Waits until the clock is where it was sent and has been read back. Nonces wait meanwhile.
    pub(super) async fn until_tuned(&mut self) -> Result<(), ChainError> {
        while self.retune.due() < Nanos::MAX {
            self.turn(Nanos::MAX).await?;
        }
        Ok(())
    }

    /// Does what is due, then waits for a reply, the next due thing or `until`. Returns whether it is not
    /// yet `until`. Cancel safe.
    async fn turn(&mut self, until: Nanos) -> Result<bool, ChainError> {
        let now = self.link.clock().now();
        self.do_what_is_due(now)?;
        self.flush().await?;
        if now >= until {
            return Ok(false);
        }
        let due = self.work.as_ref().map_or(Nanos::MAX, |work| work.due);
        let wake = until.min(due).min(self.retune.due()).min(self.report_due);
        let reply = self.link.reply(wake).await;
        match reply.inspect_err(|error| self.publish_failure(error))? {
            Some((Reply::Nonce(nonce), arrived)) => {
                if self.waiting.len() < MAX_WAITING {
                    self.waiting.push_back((nonce, arrived));
                } else {
                    self.tally.counts_mut().dropped += 1;
                }
            }
            Some((Reply::Register { value, of }, _)) => self.retune.heard(&self.chain, value, of),
            None => {}
        }
        Ok(true)
    }

    fn do_what_is_due(&mut self, now: Nanos) -> Result<(), ChainError> {
        self.feed(now)?;
        while let Some(command) = self.retune.next(&mut self.chain, now) {
            self.link.push(&Request::Command(command))?;
        }
        if now >= self.report_due {
            self.report_due = now + REPORT_PERIOD;
            let telemetry = self.tally.telemetry(&self.chain, now);
            self.latest.send_modify(|latest| {
                latest.telemetry = Some(telemetry);
                latest.failures = 0;
            });
        }
        Ok(())
    }

    /// Queues the next chip job if it is due.
    fn feed(&mut self, now: Nanos) -> Result<(), ChainError> {
        let Some(work) = self.work.as_mut().filter(|work| work.due <= now) else {
            return Ok(());
        };
        let chip_job = self
            .answers
            .issue(&work.job, work.difficulty, work.extranonce2);
        work.extranonce2 = work.extranonce2.wrapping_add(1);
        let rolled = self.chain.version_mask.count_ones();
        let lasts =
            self.chain
                .family
                .job_lasts(self.chain.addresses.len(), self.chain.frequency, rolled);
        // On schedule, so that late wake-ups do not add up; but what was missed is not caught up with.
        let span = interval(lasts, self.duty);
        work.due = (work.due + span).max(now + span.mul_f64(0.5));
        self.link.push(&Request::Job(chip_job))
    }

    fn push_rolling(&mut self, mask: u32) -> Result<(), ChainError> {
        self.link.push(&Request::Command(Command::Write {
            to: Target::All,
            register: VERSION_MASK,
            value: roll_versions(mask),
        }))
    }

    async fn flush(&mut self) -> Result<(), ChainError> {
        let flushed = self.link.flush().await;
        flushed.inspect_err(|error| self.publish_failure(error))
    }

    fn judge(&mut self, nonce: &Nonce, arrived: Nanos) -> Option<Share> {
        let chip = chip_of(&self.chain, nonce.nonce);
        let (submit, judgement) = match self.answers.judge(nonce) {
            Worth::Unknown => {
                self.tally.counts_mut().unknown += 1;
                return None;
            }
            Worth::Repeated => {
                self.tally.counts_mut().repeated += 1;
                return None;
            }
            Worth::Easy => {
                self.tally.counts_mut().easy += 1;
                self.tally.sound(chip, arrived);
                return None;
            }
            Worth::Wrong(submit, judgement) => {
                self.tally.wrong(chip);
                (submit, judgement)
            }
            Worth::Answer(submit, judgement) => {
                if judgement.verdict != Verdict::Duplicate {
                    self.tally.sound(chip, arrived);
                }
                self.tally.judged(judgement.verdict);
                (submit, judgement)
            }
        };
        self.tickets += 1;
        let share = Share {
            arrived,
            judgement,
            nonce: nonce.nonce,
        };
        if let Some(slot) = self.slot.take() {
            let record = share.judgement.record(self.tickets, submit, arrived);
            slot.fill(Record::Share(record));
        }
        Some(share)
    }

    fn publish_failure(&self, error: &ChainError) {
        self.latest.send_modify(|latest| {
            latest.failures += 1;
            latest.last_error = Some(SourceError {
                reason: error.to_string(),
                fatal: true,
            });
        });
    }
}
