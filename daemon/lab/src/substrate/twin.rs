//! The simulator's physics, called in process: no sockets, no waiting, the same at every run.
//!
//! It goes through the same handshake as a unit on the wire, in virtual time. Its shares are drawn from
//! the difficulty law without hashing, so they carry no proof, and a capture says so.

use std::collections::VecDeque;
use std::time::Duration;

use rand::RngExt;

use super::{
    Discipline, Drive, Observation, Outcome, Provenance, Refused, Sample, Silence, Substrate,
    SubstrateError,
};
use thermine_sim::{Device, Find};
use thermine_stratum::handshake::{Action, Step, cadence};
use thermine_stratum::verifier::job_id;
use thermine_units::clock::Nanos;
use thermine_units::model::Model;
use thermine_units::nonce::Origin;
use thermine_units::pow::Difficulty;
use thermine_units::record::{Record, Recorder, ShareRecord, Verdict};
use thermine_units::seed::Rng;
use thermine_units::unit::Telemetry;

/// Replaced jobs that an answer may still name.
const REMEMBERED_JOBS: usize = 64;

/// Answers that may still be sent a second time.
const REMEMBERED_ANSWERS: usize = 16;

/// A simulated unit in virtual time.
#[derive(Debug)]
pub struct Twin {
    device: Device,
    model: Model,
    discipline: Discipline,
    dead_time: Duration,
    rng: Rng,
    recorder: Recorder,
    jobs: VecDeque<(u64, Nanos, Difficulty)>,
    serial: u64,
    steps: u64,
    tickets: u64,
    silence: Silence,
    last_telemetry: Nanos,
    found: Vec<Find>,
    meter: bool,
    idle: bool,
    /// Newest answers with what was drawn for them, nonce and difficulty: a copy has the same.
    answers: VecDeque<(Find, u32, f64)>,
}

impl Twin {
    /// Drives `device`, a unit of `model` with a controller of its own. `dead_time` is what the encoder takes each clean job to cost; `rng` draws what
    /// the physics leaves open: nonce counters and share difficulties.
    pub fn new(
        device: Device,
        model: Model,
        discipline: Discipline,
        dead_time: Duration,
        rng: Rng,
        recorder: Recorder,
    ) -> Twin {
        Twin {
            device,
            model,
            discipline,
            dead_time,
            rng,
            recorder,
            jobs: VecDeque::with_capacity(REMEMBERED_JOBS),
            serial: 0,
            steps: 0,
            tickets: 0,
            silence: Silence::default(),
            last_telemetry: Nanos::ZERO,
            found: Vec::new(),
            meter: false,
            idle: false,
            answers: VecDeque::with_capacity(REMEMBERED_ANSWERS),
        }
    }

    /// With a power meter at the wall, for a unit that has none of its own.
    pub(crate) fn with_meter(self) -> Twin {
        Twin {
            meter: true,
            ..self
        }
    }

    /// Without work, whatever the drive: only the hold of a step passes.
    pub(crate) fn idle(self) -> Twin {
        Twin { idle: true, ..self }
    }

    fn send(&mut self, drive: &Drive, step: &mut Step) {
        self.serial += 1;
        if self.jobs.len() == REMEMBERED_JOBS {
            self.jobs.pop_front();
        }
        let now = self.device.now();
        self.jobs.push_back((self.serial, now, drive.difficulty));
        self.device
            .take_job(self.serial, drive.difficulty, step.clean());
        step.sent(self.serial, now);
    }

    /// Takes one find to the step: its record, and its sample if it is one.
    fn answer(
        &mut self,
        find: Find,
        step: &mut Step,
    ) -> (Option<ShareRecord>, Option<Sample>, Verdict) {
        let job = self
            .jobs
            .iter()
            .rev()
            .find(|(serial, ..)| *serial == find.job);
        let Some(&(serial, sent, asked)) = job else {
            return (None, None, Verdict::UnknownJob);
        };
        let verdict = if step.clean() && serial != self.serial {
            Verdict::Stale
        } else if find.copy {
            Verdict::Duplicate
        } else {
            Verdict::Accepted
        };
        let (nonce, difficulty) = self.content(&find, asked);
        self.tickets += 1;
        let since_job = find.at.since(sent);
        let record = ShareRecord {
            ticket: self.tickets,
            job_id: job_id(serial),
            arrived: find.at,
            since_job: Some(since_job),
            nonce,
            proof: None,
            verdict,
            difficulty: Some(difficulty),
        };
        let sample = step.answered(Some(serial), verdict).then_some(Sample {
            job: serial,
            arrived: find.at,
            since_job,
            nonce,
            difficulty,
        });
        (Some(record), sample, verdict)
    }
}

impl Twin {
    /// Nonce and difficulty of a find of a job for which `asked` was asked: drawn, or those of the answer that
    /// it is a copy of.
    fn content(&mut self, find: &Find, asked: Difficulty) -> (u32, f64) {
        let first = self.answers.iter().rev();
        let first = first
            .filter(|_| find.copy)
            .find(|(answer, ..)| find.repeats(answer));
        if let Some((_, nonce, difficulty)) = first {
            return (*nonce, *difficulty);
        }
        let layout = self.device.params().layout;
        let nonce = layout.encode(Origin {
            chip: find.chip,
            core: find.core,
            counter: self.rng.random_range(0..layout.counters()),
        });
        // U = D₀/D is uniform for shares found at difficulty D₀.
        let floor = self.device.effective(asked).get();
        let difficulty = floor / (1.0 - self.rng.random::<f64>());
        if self.answers.len() == REMEMBERED_ANSWERS {
            self.answers.pop_front();
        }
        self.answers.push_back((*find, nonce, difficulty));
        (nonce, difficulty)
    }
}

impl Substrate for Twin {
    async fn step(&mut self, drive: &Drive) -> Result<Observation, SubstrateError> {
        self.device.set_operating_point(&drive.point);
        let cadence = cadence(drive.duty, self.dead_time);
        let mut step = Step::begin(self.discipline, drive.pace, cadence, self.device.now());
        let mut jobs = 0;
        let mut shares = Vec::new();
        let mut refused = Refused::default();
        let rest = self.device.now() + drive.pace.hold;
        let outcome = loop {
            if self.idle {
                self.device.advance(rest, &mut self.found);
                self.found.clear();
                break Outcome::TimedOut;
            }
            match step.action(self.device.now()) {
                Action::Send => {
                    self.send(drive, &mut step);
                    jobs += 1;
                }
                Action::Wait(until) => {
                    // Event by event, so that the K-th answer ends the step when it comes.
                    let next = self.device.next_event().min(until);
                    let mut found = std::mem::take(&mut self.found);
                    self.device.advance(next, &mut found);
                    for find in found.drain(..) {
                        let (record, sample, verdict) = self.answer(find, &mut step);
                        match sample {
                            Some(sample) => shares.push(sample),
                            None => refused.count(verdict),
                        }
                        if let Some(record) = record {
                            self.recorder.record(Record::Share(record)).await?;
                        }
                    }
                    self.found = found;
                }
                Action::End(outcome) => break outcome,
            }
        };
        let sensors = self.device.sensors();
        let mut telemetry: Telemetry = sensors.telemetry(self.model);
        if self.meter {
            telemetry.power = Some(sensors.meter);
        }
        if telemetry.taken != self.last_telemetry {
            self.last_telemetry = telemetry.taken;
            self.recorder
                .record(Record::Telemetry(telemetry.clone()))
                .await?;
        }
        let observation = Observation {
            started: step.started(),
            ended: self.device.now(),
            outcome,
            gap: Duration::ZERO,
            jobs,
            shares,
            refused,
            telemetry: Some(telemetry),
        };
        let record = drive.record(self.steps, &observation);
        self.recorder.record(Record::Step(record)).await?;
        self.steps += 1;
        let silent = self.silence.note(&observation, &drive.pace);
        match silent.filter(|_| !self.idle) {
            None => Ok(observation),
            Some(steps) => Err(SubstrateError::Silent {
                unit: "the twin".into(),
                steps,
                difficulty: drive.difficulty,
                refused: None,
            }),
        }
    }

    fn provenance(&self) -> Provenance {
        Provenance::Simulated
    }
}
