//! How a unit is, from what is known of it: a pure function, [`judge`].
//!
//! The first line that holds decides:
//!
//! | what is known | health |
//! | --- | --- |
//! | the interlock has tripped, and has not granted work since | tripped |
//! | driving has failed, or a proxied unit has left the proxy | lost |
//! | no reading or no connection yet, for up to [`STARTING`] | starting |
//! | the same for longer | lost |
//! | the newest reading is older than the model allows, for up to [`STALE`] | stale |
//! | the same for longer | lost |
//! | the interlock still withholds work since readings were late | stale |
//! | anything else | well |
//!
//! What a reading says is shown only while the reading is fresh and newer than the last failure.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use thermine_drivers::interlock::{Cause, Hazard};

use crate::live::snapshot::Health;

/// Wall time that a unit has to be reached and to take work. Units of a rack start within a minute; an S9 that boots
/// takes up to two, and comes back by itself after having been called lost.
pub(super) const STARTING: Duration = Duration::from_secs(60);
/// Age in wall time beyond which an old reading means that the unit does not answer any more.
pub(super) const STALE: Duration = Duration::from_secs(300);

/// What the daemon does with the unit.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Work {
    /// It waits for the unit to connect; the text says what has to be done.
    Awaited(String),
    /// The unit is at work.
    Given,
    /// The unit is only read.
    NotAsked,
    /// The unit cannot be driven, or is away, and why.
    Failed(String),
}

/// The newest reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// The wire tells nothing of the unit: bare chips.
    NotOffered,
    /// There is none yet.
    Never,
    /// It is young enough.
    Fresh,
    /// It is this old in wall time, which is too old.
    Old(Duration),
}

/// All that a unit's health follows from.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Facts<'a> {
    /// Why the interlock has tripped, if it has and has not granted work since.
    pub(super) trip: Option<&'a str>,
    /// Whether it withholds work since readings came late.
    pub(super) is_held: bool,
    /// What the daemon does with the unit.
    pub(super) work: &'a Work,
    /// The newest reading.
    pub(super) reading: Reading,
    /// What the last attempt to read met with.
    pub(super) error: Option<&'a str>,
    /// Wall time since the daemon began to wait for the unit.
    pub(super) waited: Duration,
}

/// How the unit is, and why it is not well.
pub(super) fn judge(facts: &Facts<'_>) -> (Health, Option<String>) {
    if let Some(trip) = facts.trip {
        let why = format!("{trip}; it is given no work until it is well");
        return (Health::Tripped, Some(why));
    }
    if let Work::Failed(why) = facts.work {
        return (Health::Lost, Some(why.clone()));
    }
    let missing = match (facts.reading, facts.work) {
        (Reading::Never, _) => Some(format!(
            "no reading yet ({}): check api.address, and that its control interface is switched on",
            facts.error.unwrap_or("no answer")
        )),
        (_, Work::Awaited(what)) => Some(what.clone()),
        _ => None,
    };
    if let Some(missing) = missing {
        return if facts.waited < STARTING {
            (Health::Starting, Some(missing))
        } else {
            let seconds = facts.waited.as_secs();
            (Health::Lost, Some(format!("{missing}; waited {seconds} s")))
        };
    }
    if let Reading::Old(age) = facts.reading {
        let why = format!(
            "its last reading is {} s old ({}): check that its control interface answers",
            age.as_secs(),
            facts.error.unwrap_or("no answer")
        );
        let health = if age < STALE {
            Health::Stale
        } else {
            Health::Lost
        };
        return (health, Some(why));
    }
    if facts.is_held {
        let why = "its readings are back; its interlock gives it work again when they have stayed";
        return (Health::Stale, Some(why.into()));
    }
    (Health::Well, None)
}

/// What is known of a unit between its readings, for as long as the daemon has the unit.
#[derive(Debug)]
pub(super) struct Standing {
    work: Work,
    since: Instant,
    /// When it last failed, while it has not worked since.
    failed: Option<Instant>,
    trip: Option<String>,
    is_held: bool,
}

impl Standing {
    /// A unit before its first reading, shared by the tasks that watch it.
    pub(super) fn shared() -> Arc<Mutex<Standing>> {
        Arc::new(Mutex::new(Standing::new(Work::NotAsked, Instant::now())))
    }

    fn new(work: Work, now: Instant) -> Standing {
        Standing {
            work,
            since: now,
            failed: None,
            trip: None,
            is_held: false,
        }
    }

    /// The daemon does `work` from `now` on. What has failed stays so until it works: another attempt is no news.
    pub(super) fn work(&mut self, work: Work, now: Instant) {
        let is_attempt = matches!(work, Work::Awaited(_)) && matches!(self.work, Work::Failed(_));
        if is_attempt || self.work == work {
            return;
        }
        if matches!(work, Work::Awaited(_) | Work::NotAsked) {
            self.since = now;
        }
        let has_failed = matches!(work, Work::Failed(_));
        self.failed = has_failed.then_some(now);
        self.work = work;
    }

    /// Whether the unit is still waited for.
    pub(super) fn is_awaited(&self) -> bool {
        matches!(self.work, Work::Awaited(_))
    }

    /// Takes note of why the interlock withholds work, if it does. A trip stays until work is granted: a unit that
    /// tripped and then stopped to answer has still tripped.
    pub(super) fn withheld(&mut self, cause: Option<&Cause>) {
        self.is_held = false;
        match cause.map(|cause| &cause.hazard) {
            None => self.trip = None,
            Some(Hazard::Unread) => {}
            Some(Hazard::Stale { .. }) => self.is_held = true,
            Some(hazard) => self.trip = Some(hazard.to_string()),
        }
    }

    /// Whether a reading of this age was taken after the unit failed, if it has. One from before is not how it is now.
    pub(super) fn is_since_failure(&self, age: Duration, now: Instant) -> bool {
        let since = |failed| now.saturating_duration_since(failed);
        self.failed.is_none_or(|failed| age < since(failed))
    }

    /// How the unit is at `now`, with this newest reading.
    pub(super) fn judge(
        &self,
        reading: Reading,
        error: Option<&str>,
        now: Instant,
    ) -> (Health, Option<String>) {
        judge(&Facts {
            trip: self.trip.as_deref(),
            is_held: self.is_held,
            work: &self.work,
            reading,
            error,
            waited: now.saturating_duration_since(self.since),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Before and after the end of a unit's time to start.
    const SOON: Duration = Duration::from_secs(STARTING.as_secs() - 1);
    const LATE: Duration = STARTING;

    fn awaited() -> Work {
        Work::Awaited("set its pool".into())
    }

    fn failed() -> Work {
        Work::Failed("it hung up".into())
    }

    fn old(seconds: u64) -> Reading {
        Reading::Old(Duration::from_secs(seconds))
    }

    /// The health by these facts. A reason is given with all but a unit that is well.
    fn health(
        trip: Option<&str>,
        is_held: bool,
        work: &Work,
        reading: Reading,
        waited: Duration,
    ) -> Health {
        let facts = Facts {
            trip,
            is_held,
            work,
            reading,
            error: None,
            waited,
        };
        let (is, why) = judge(&facts);
        assert_eq!(why.is_none(), is == Health::Well, "{facts:?}: {why:?}");
        is
    }

    #[test]
    fn a_trip_wins_over_everything() {
        for (is_held, work, reading, waited) in [
            (false, Work::Given, Reading::Fresh, SOON),
            (false, failed(), Reading::Never, LATE),
            (true, Work::NotAsked, old(900), LATE),
            (false, awaited(), Reading::NotOffered, SOON),
        ] {
            let is = health(Some("hot"), is_held, &work, reading, waited);
            assert_eq!(is, Health::Tripped);
        }
    }

    #[test]
    fn a_failure_wins_over_what_is_merely_late() {
        for (is_held, reading) in [(false, Reading::Fresh), (true, Reading::Never)] {
            let is = health(None, is_held, &failed(), reading, SOON);
            assert_eq!(is, Health::Lost);
        }
    }

    #[test]
    fn starting_ends() {
        for (work, reading, waited, expected) in [
            (awaited(), Reading::Never, SOON, Health::Starting),
            (awaited(), Reading::Never, LATE, Health::Lost),
            (awaited(), Reading::Fresh, SOON, Health::Starting),
            (awaited(), Reading::Fresh, LATE, Health::Lost),
            (awaited(), Reading::NotOffered, LATE, Health::Lost),
            (Work::NotAsked, Reading::Never, SOON, Health::Starting),
            (Work::NotAsked, Reading::Never, LATE, Health::Lost),
            (Work::Given, Reading::Never, LATE, Health::Lost),
        ] {
            let is = health(None, false, &work, reading, waited);
            assert_eq!(is, expected, "{work:?}, {reading:?}, {waited:?}");
        }
    }

    #[test]
    fn old_readings_are_stale_and_then_the_unit_is_lost() {
        for (is_held, work, reading, expected) in [
            (false, Work::Given, old(20), Health::Stale),
            (false, Work::NotAsked, old(299), Health::Stale),
            (false, Work::NotAsked, old(300), Health::Lost),
            (true, Work::Given, Reading::Fresh, Health::Stale),
        ] {
            let is = health(None, is_held, &work, reading, LATE);
            assert_eq!(is, expected, "{work:?}, {reading:?}");
        }
    }

    #[test]
    fn a_unit_is_well_with_a_fresh_reading_or_where_none_is_offered() {
        for (work, reading, waited) in [
            (Work::Given, Reading::Fresh, LATE),
            (Work::NotAsked, Reading::Fresh, SOON),
            (Work::Given, Reading::NotOffered, LATE),
        ] {
            assert_eq!(health(None, false, &work, reading, waited), Health::Well);
        }
    }

    #[test]
    fn a_trip_is_told_until_work_is_granted() {
        let hazard = |hazard| Cause {
            unit: "s9".into(),
            hazard,
        };
        let stale = Hazard::Stale {
            age: Duration::from_secs(20),
            limit: Duration::from_secs(15),
            reason: None,
        };
        let now = Instant::now();
        let mut standing = Standing::new(Work::Given, now);
        let is = |standing: &Standing| standing.judge(Reading::Fresh, None, now).0;
        standing.withheld(Some(&hazard(Hazard::NoBoard)));
        assert_eq!(is(&standing), Health::Tripped);
        // It stops to answer, and a new guard has not read it yet.
        standing.work(Work::Failed("it hung up".into()), now);
        standing.withheld(Some(&hazard(stale.clone())));
        assert_eq!(is(&standing), Health::Tripped);
        standing.withheld(Some(&hazard(Hazard::Unread)));
        assert_eq!(is(&standing), Health::Tripped);
        standing.withheld(None);
        assert_eq!(is(&standing), Health::Lost);
        // Another attempt is no news.
        standing.work(Work::Awaited("set its pool".into()), now);
        assert_eq!(is(&standing), Health::Lost);
        standing.work(Work::Given, now);
        assert_eq!(is(&standing), Health::Well);
        standing.withheld(Some(&hazard(stale)));
        assert_eq!(is(&standing), Health::Stale);
    }

    #[test]
    fn a_unit_that_is_never_reached_is_lost_when_its_time_to_start_is_over() {
        let began = Instant::now();
        let standing = Standing::new(Work::NotAsked, began);
        let error = Some("connection refused");
        let (before, _) = standing.judge(Reading::Never, error, began + STARTING / 2);
        let (after, why) = standing.judge(Reading::Never, error, began + STARTING);
        assert_eq!((before, after), (Health::Starting, Health::Lost));
        let why = why.expect("a reason");
        assert!(
            why.contains("connection refused") && why.contains("60 s"),
            "{why}"
        );
    }

    #[test]
    fn a_reading_from_before_a_failure_is_not_how_the_unit_is() {
        let began = Instant::now();
        let mut standing = Standing::new(Work::Given, began);
        let seconds = Duration::from_secs;
        assert!(standing.is_since_failure(seconds(3), began));
        standing.work(Work::Failed("it hung up".into()), began);
        assert!(!standing.is_since_failure(seconds(3), began + seconds(2)));
        assert!(standing.is_since_failure(seconds(1), began + seconds(2)));
        standing.work(Work::Given, began + seconds(2));
        assert!(standing.is_since_failure(seconds(3), began + seconds(2)));
    }
}
