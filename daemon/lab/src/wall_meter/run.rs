//! Drives the unit through the levels while a meter is read.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use thermine_stratum::handshake::Pace;
use thermine_units::clock::Clock;
use thermine_units::pow::Difficulty;
use thermine_units::unit::OperatingPoint;

use super::course::{CHANGE, Course, DUTIES, Moment, STEP, Watts};
use super::fit;
use super::meter::{Meter, log};
use super::report::Report;
use super::request::WallMeterRequest;
use crate::attach::Unit;
use crate::backend::Backend;
use crate::config::Config;
use crate::folder;
use crate::observer::Progress;
use crate::recording::{CAPTURE, Captured, run_meta, with_capture};
use crate::session::{Session, with_unit};
use crate::substrate::{Discipline, Drive, Observation, Substrate};
use crate::threads::computed;

/// Name of the stream, and of the file of the drive.
const STREAM: &str = "wall-meter";
const COURSE: &str = "course.json";

/// Fewest numbers that a person types in a level, and how many times longer a level waits for them.
const FEWEST_TYPED: usize = 2;
const PATIENCE: f64 = 4.0;

/// Measures the unit of `config` with `meter`, and keeps the drive in `folder`.
///
/// # Errors
/// If the unit fails, or the meter does not cover the drive; what was recorded is kept.
pub async fn run(
    request: &WallMeterRequest,
    config: &Config,
    mut meter: Meter,
    folder: &Path,
    progress: &Progress,
) -> Result<Report> {
    let task = serde_json::json!({ "wall_meter": DUTIES });
    let meta = run_meta(config, Backend::Wire, request.seed, task)?;
    let session = Session {
        context: progress.context(),
        config,
        seed: request.seed,
        notices: progress,
    };
    progress.say(&format!(
        "{}: {} levels of {} s each, {:.0} min of the unit's time; its log-in, its sensors and its interlock are checked \
         first",
        config.unit.name,
        DUTIES.len(),
        request.level,
        DUTIES.len() as f64 * request.level / 60.0
    ));
    let place = folder.join(CAPTURE);
    let recorded = with_capture(&meta, &place, async |store| {
        with_unit(session, async |unit| {
            let recorder = store.stream(STREAM);
            levels(unit, (request, config), (&mut meter, recorder), progress).await
        })
        .await
    });
    let Captured {
        found: mut course,
        provenance,
        ..
    } = recorded.await?;
    course.provenance = provenance;
    folder::write_json(folder, COURSE, &course)?;
    let watts = match &meter {
        Meter::Log(path) => log(path)?,
        _ => course.watts.clone(),
    };
    fitted(course, watts, request, progress).await
}

/// Measures again by the drive that `folder` keeps: by the log of a meter, or by what was read then.
///
/// # Errors
/// If the folder holds no drive, or the log does not cover it.
pub async fn again(
    request: &WallMeterRequest,
    folder: &Path,
    watts: Option<&Path>,
    progress: &Progress,
) -> Result<Report> {
    let path = folder.join(COURSE);
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read the drive {}", path.display()))?;
    let course: Course = serde_json::from_str(&text)
        .with_context(|| format!("{} is no drive of a wall meter", path.display()))?;
    let watts = match watts {
        Some(path) => log(path)?,
        None => course.watts.clone(),
    };
    fitted(course, watts, request, progress).await
}

async fn fitted(
    course: Course,
    watts: Vec<Watts>,
    request: &WallMeterRequest,
    progress: &Progress,
) -> Result<Report> {
    let request = request.clone();
    computed(progress.context(), move || {
        fit::fit(&course, &watts, &request)
    })
    .await
}

/// Drives `unit` through all levels.
async fn levels(
    unit: &mut Unit,
    (request, config): (&WallMeterRequest, &Config),
    (meter, recorder): (&mut Meter, thermine_units::record::Recorder),
    progress: &Progress,
) -> Result<Course> {
    let own = unit.wall_meter();
    let clock = unit.clock().clone();
    let mut driven = unit.drive(Discipline::Dialogue, recorder)?;
    let mut course = Course {
        unit: config.unit.name.clone(),
        model: config.unit.model,
        provenance: driven.provenance(),
        duties: DUTIES.to_vec(),
        moments: Vec::new(),
        watts: Vec::new(),
    };
    let difficulty = match request.difficulty {
        Some(difficulty) => Difficulty::new(difficulty)?,
        None => config.step.difficulty,
    };
    let steps = (request.level / STEP).ceil() as usize;
    let bar = progress.bar("wall meter", DUTIES.len() * steps);
    for (level, duty) in DUTIES.iter().enumerate() {
        let name = format!("level {} of {}, duty {duty}", level + 1, DUTIES.len());
        match meter {
            Meter::Typed(_) => progress.say(&format!(
                "{name}: type the watts that the meter shows and press Enter, as often as you like within {} s, at least \
                 {FEWEST_TYPED} times",
                request.level
            )),
            _ => progress.say(&name),
        }
        let mut done = 0;
        let mut typed = 0;
        while done < steps || (matches!(meter, Meter::Typed(_)) && typed < FEWEST_TYPED) {
            if done as f64 > PATIENCE * steps as f64 {
                bail!("{name}: {typed} readings were typed, and {FEWEST_TYPED} are needed");
            }
            let word = u32::try_from(course.moments.len()).unwrap_or(u32::MAX);
            let seen = driven.step(&drive(word, *duty, difficulty, config)).await?;
            let moment = moment(level, &seen, &clock);
            match meter {
                Meter::OfUnit => {
                    let wall = own.as_ref().map(|meter| meter.borrow().wall.0);
                    let reported = seen.telemetry.as_ref().and_then(|t| t.power);
                    let watts = wall.or(reported.map(|watts| watts.0));
                    let watts = watts.context(
                        "the unit reports no power: read a meter at the wall and type its watts, or name its log with \
                         --watts",
                    )?;
                    course.watts.push(Watts {
                        unix_s: moment.unix_s,
                        watts,
                    });
                }
                Meter::Typed(numbers) => {
                    while let Ok(watts) = numbers.try_recv() {
                        if level > 0 && (done as f64) * STEP < CHANGE {
                            progress.say("too soon after the change of duty: type it again");
                            continue;
                        }
                        typed += 1;
                        course.watts.push(Watts {
                            unix_s: moment.unix_s,
                            watts,
                        });
                    }
                }
                Meter::Log(_) => {}
            }
            course.moments.push(moment);
            if done < steps {
                bar.step();
            }
            done += 1;
        }
    }
    unit.release(driven).await?;
    Ok(course)
}

fn drive(word: u32, duty: f64, difficulty: Difficulty, config: &Config) -> Drive {
    Drive {
        word,
        later: 0,
        difficulty,
        duty,
        point: OperatingPoint::default(),
        pace: Pace {
            shares: 0,
            hold: Duration::from_secs_f64(STEP),
            ..config.step.pace()
        },
    }
}

fn moment(level: usize, seen: &Observation, clock: &Clock) -> Moment {
    let boards = seen
        .telemetry
        .iter()
        .flat_map(|telemetry| &telemetry.boards);
    let fans = seen.telemetry.iter().flat_map(|telemetry| &telemetry.fans);
    Moment {
        level,
        unix_s: clock.unix(seen.ended).as_secs_f64(),
        seconds: seen.ended.since(seen.started).as_secs_f64(),
        // A late share was hashed too.
        shares: seen.shares.len() as u64 + u64::from(seen.refused.stale),
        chips_c: boards
            .filter_map(|board| board.chip_temp)
            .map(|c| c.0)
            .collect(),
        fans_rpm: fans.map(|rpm| rpm.0).collect(),
    }
}
