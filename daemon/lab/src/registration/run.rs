//! The run of a registration: exactly what it asks for, on a unit that its user names.

use std::path::Path;

use anyhow::Result;

use super::file::{Registration, span, time};
use crate::experiment::report_scores::Beside;
use crate::experiment::run as experiment;
use crate::folder;
use crate::observer::Progress;
use crate::request::Setup;
use crate::train::{self, Report, Run};

/// Name of the registration in the folder of its run.
pub const REGISTRATION: &str = "registration.toml";

/// Carries out the registration in `file` on the unit of `setup`, into a folder that holds all that it takes to check the
/// result: the registration, the capture, the report. `finished` is handed the run.
///
/// # Errors
/// If the registration was changed, the unit is of another model or its configuration would change the analysis; as
/// [`train::run`].
pub async fn run(
    file: &Path,
    setup: Setup,
    progress: &Progress,
    finished: &mut (dyn FnMut(&Run) -> Result<()> + Send),
) -> Result<Report> {
    let (registration, text) = Registration::load(file)?;
    let out = setup.out.clone();
    // The folder is to be sent, so it holds the capture whatever database is usual here.
    let setup = Setup {
        store: None,
        ..setup
    };
    let plan = train::plan(&registration.request, setup)?;
    registration.check(&plan)?;
    let (steps, seconds) = time(&plan);
    progress.say(&format!(
        "{}: registered {}, unchanged (SHA-256 {})",
        registration.name,
        registration.date,
        registration.sha256()
    ));
    let unit = &plan.config.unit;
    let parts = match unit.simulated {
        Some(_) => ", simulated",
        None => "",
    };
    progress.say(&format!(
        "{} is a {}, as registered{parts}: {steps} steps of {} s, {}; its log-in, its sensors and its interlock are \
         checked first",
        unit.name,
        unit.model,
        plan.config.step.hold_seconds,
        span(seconds)
    ));
    let folder = folder::make(out.as_deref(), &registration.name)?;
    folder::write(&folder, REGISTRATION, text)?;
    let beside = Beside {
        registered: Some(registration.registered()),
        ..Beside::default()
    };
    let (report, series) = experiment::run(&plan, &folder, beside, progress).await?;
    let run = Run {
        report,
        series,
        folder: folder.clone(),
    };
    finished(&run)?;
    Ok(Report {
        first: Some(run.report),
        seeds: None,
        folder,
    })
}
