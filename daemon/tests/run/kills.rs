//! SIGKILL of the daemon under load: miners at its proxy, a unit that it drives, a queued experiment. Each test says what
//! was injected and what was lost of all that was acknowledged: nothing.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use rand::RngExt;
use serde_json::Value;
use thermine::cli::request;
use thermine::live::snapshot::Progress;
use thermine::queue::store::MOST_ATTEMPTS;
use thermine::queue::{Entry, Queue};
use thermine_capture::verify::verify;
use thermine_sim::pool::{Act, Pool};
use thermine_units::seed;

use crate::example::example;
use crate::ledger;
use crate::miner::{Miner, pool, proxied};
use crate::patience::until;
use crate::scale::long;
use crate::support::{Daemon, unit};

const MINERS: usize = 4;
/// Shares acknowledged by a fresh daemon that are load.
const LOAD: usize = 20;
/// The moment comes at random within so many microseconds of the load, or of the start.
const WITHIN: u64 = 1_000_000;

const UNIT: &str = "sim-s9";
/// A job that no daemon lives to end, and one that is soon done.
const ENDLESS: &str = "capture record -n 1000000";
const SHORT: &str = "capture record -n 100";

/// What happens beside the kill, in turn.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Beside {
    Nothing,
    /// The pool falls silent before it: what is acknowledged then waits in the journal, and still counts.
    Silence,
    /// The pool falls silent, and a block is found while nobody is there: what waits is stale.
    Block,
    /// It comes as the daemon starts, whether there is load yet or not.
    Start,
}

impl Beside {
    const ALL: [Beside; 4] = [
        Beside::Nothing,
        Beside::Silence,
        Beside::Block,
        Beside::Start,
    ];
}

/// The queue as it is found after each kill.
#[derive(Default)]
struct Jobs {
    data: PathBuf,
    added: Vec<u64>,
    /// Progress and attempts at the last kill.
    before: BTreeMap<u64, (Progress, u32)>,
    interrupted: u32,
    begun_anew: u32,
    given_up: u32,
}

impl Jobs {
    /// Opened anew, as another process would.
    fn list(&self) -> Vec<Entry> {
        let queue = Queue::open(&self.data, request::parse).expect("a queue");
        queue.list().expect("readable")
    }

    fn add(&mut self, command: &str) -> u64 {
        let queue = Queue::open(&self.data, request::parse).expect("a queue");
        let request = request::parse(command).expect("a job");
        let folders = thermine_lab::config::daemon::Daemon {
            data: self.data.clone(),
            ..Default::default()
        }
        .folders();
        let id = queue.add(&[UNIT], &request, &folders, None, None, 0);
        let id = id.expect("added");
        self.added.push(id);
        id
    }

    fn runs(&self) -> bool {
        let all = self.list();
        all.iter()
            .any(|entry| entry.job.progress == Progress::Running)
    }

    /// Nothing is lost of it, and nothing is in it that could not have come of what was in it before.
    fn killed(&mut self) {
        let all = self.list();
        let now: BTreeMap<u64, (Progress, u32)> = all
            .iter()
            .map(|entry| (entry.job.id, (entry.job.progress, entry.attempts)))
            .collect();
        assert!(
            now.keys().eq(&self.added),
            "{now:?}, added {:?}",
            self.added
        );
        for Entry { job, attempts, .. } in &all {
            let (was, attempts_then) = match self.before.get(&job.id) {
                Some(before) => *before,
                None => (Progress::Waiting, 0),
            };
            let begun = attempts - attempts_then;
            assert!(begun <= 1, "begun {begun} times by one daemon: {job:?}");
            self.begun_anew += u32::from(was == Progress::Running && begun == 1);
            match job.progress {
                Progress::Running => self.interrupted += begun,
                Progress::Waiting => assert_eq!(begun, 0, "{job:?}"),
                Progress::Failed => {
                    assert_eq!(*attempts, MOST_ATTEMPTS, "{job:?}");
                    self.given_up += u32::from(was == Progress::Running);
                }
                Progress::Done | Progress::Cancelled => panic!("it cannot have ended: {job:?}"),
            }
        }
        self.before = now;
    }

    /// Adds a job if none is open.
    fn keep_one(&mut self) {
        let is_open = |(progress, attempts): &(Progress, u32)| match progress {
            Progress::Waiting => true,
            Progress::Running => *attempts < MOST_ATTEMPTS,
            _ => false,
        };
        if !self.before.values().any(is_open) {
            self.add(ENDLESS);
        }
    }

    /// The captures that were being written are whole as far as they go; answers that they hold.
    fn captures(&self) -> u64 {
        let mut answers = 0;
        let folders = std::fs::read_dir(self.data.join("jobs")).expect("attempts");
        for folder in folders {
            let capture = folder.expect("a folder").path().join("capture.sqlite");
            // The kill came before it was made.
            if !capture.exists() {
                continue;
            }
            let report = verify(&capture).unwrap_or_else(|error| panic!("{capture:?}: {error}"));
            assert_eq!((report.invalid, report.contradictions), (0, 0));
            answers += report.shares;
        }
        answers
    }
}

/// A daemon with a proxy, a pool and miners, and the jobs in its queue.
struct Rack {
    dir: tempfile::TempDir,
    pool: Pool,
    miners: Vec<Miner>,
    jobs: Jobs,
    _runtime: tokio::runtime::Runtime,
}

impl Rack {
    fn new() -> Rack {
        let dir = tempfile::tempdir().expect("a folder");
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let (pool, address) = runtime.block_on(pool());
        let listen = proxied(dir.path(), address);
        example(dir.path(), "sim-s9.toml", &[]);
        let rack = "units = [\"sim-s9.toml\"]\nproxied = [\"sim-s9-proxied.toml\"]\nproxy = \"proxy.toml\"\n";
        std::fs::write(dir.path().join("rack.toml"), rack).expect("written");
        let miners = (0..MINERS)
            .map(|i| Miner::start(runtime.handle(), listen, &format!("w{i}"), None))
            .collect();
        let jobs = Jobs {
            data: dir.path().join("runs/daemon"),
            ..Jobs::default()
        };
        Rack {
            dir,
            pool,
            miners,
            jobs,
            _runtime: runtime,
        }
    }

    /// Shares that the miners were told accepted.
    fn accepted(&self) -> usize {
        self.miners.iter().map(Miner::accepted).sum()
    }

    /// Starts a daemon and kills it, at a moment of `rng`.
    fn kill(&mut self, beside: Beside, rng: &mut impl RngExt) {
        self.jobs.keep_one();
        let before = self.accepted();
        let mut daemon = Daemon::spawn(self.dir.path(), &["-c", "rack.toml"]);
        if beside != Beside::Start {
            until("there is load", || {
                daemon.runs();
                self.accepted() >= before + LOAD && self.jobs.runs()
            });
        }
        if matches!(beside, Beside::Silence | Beside::Block) {
            self.pool.act(Act::Hang);
        }
        // The moment itself is what is tested: nothing is waited for.
        std::thread::sleep(Duration::from_micros(rng.random_range(0..WITHIN)));
        // Without notice, and nothing flushed.
        daemon.signal("KILL");
        assert!(!daemon.ends().success());
        if beside == Beside::Block {
            self.pool.act(Act::Block);
        }
        self.jobs.killed();
    }

    /// What comes after: a job is done, and all that is open is settled.
    fn recover(&mut self) {
        let last = self.jobs.add(SHORT);
        let before = self.accepted();
        let mut daemon = Daemon::start(self.dir.path(), &["-c", "rack.toml"]);
        for entry in self.jobs.list() {
            if entry.job.id != last
                && matches!(entry.job.progress, Progress::Running | Progress::Waiting)
            {
                let queue = Queue::open(&self.jobs.data, request::parse).expect("a queue");
                queue.cancel(entry.job.id).expect("taken out");
            }
        }
        daemon.until("the last job is done, and all mine", |all| {
            let jobs = all["jobs"].as_array().expect("jobs");
            let is_done = |job: &Value| job["id"] == last && job["progress"] == "done";
            jobs.iter().any(is_done)
                && unit(all, "sim-s9-proxied").is_some_and(|unit| unit["activity"] == "proxied")
                && self.accepted() > before
        });
        for miner in &self.miners {
            miner.end();
        }
        daemon.signal("TERM");
        assert_eq!(daemon.ends().code(), Some(0));
        ledger::settle(self.dir.path());
    }
}

fn kill(moments: usize, seed: u64) {
    let mut rack = Rack::new();
    let mut rng = seed::stream(seed, "kills");
    for moment in 0..moments {
        rack.kill(Beside::ALL[moment % Beside::ALL.len()], &mut rng);
    }
    assert!(rack.jobs.begun_anew > 0, "no job was begun anew");
    rack.recover();
    let found = ledger::check(rack.dir.path(), &rack.pool, &rack.miners);
    let jobs = &rack.jobs;
    println!(
        "injected: SIGKILL at {moments} random moments (seed {seed}), a quarter each under load, with the pool silent, with \
         a block meanwhile, and at the start; acknowledged {} shares, of them counted by the pool once {}, known to be stale \
         {}, lost 0, counted twice 0; jobs interrupted {}, begun anew {}, given up after {MOST_ATTEMPTS} attempts {}, lost \
         0; answers in their captures {}",
        found.acknowledged,
        found.counted,
        found.stale,
        jobs.interrupted,
        jobs.begun_anew,
        jobs.given_up,
        jobs.captures(),
    );
    assert!(found.counted > 0 && found.stale > 0, "{found:?}");
}

#[test]
fn killed_at_random_moments_the_daemon_loses_nothing_and_counts_nothing_twice() {
    let (moments, seed) = if long() { (200, 2) } else { (20, 1) };
    kill(moments, seed);
}
