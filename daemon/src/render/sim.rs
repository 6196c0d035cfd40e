//! A simulated unit that stands alone, and the parameters of the simulated models.

use std::fmt::Write;

use thermine_sim::params::Params;
use thermine_units::model::Model;
use thermine_units::params::{documented, range, value};

use super::table::table;
use thermine_lab::sim::{Reached, SimRequest};

/// Where a simulated unit is reached, and where it mines.
pub(crate) fn started(of: &SimRequest, at: &Reached) -> String {
    let model = of.model;
    let mut text = String::new();
    let _ = match at {
        Reached::Serial(path) => {
            writeln!(text, "{model}: {} chips on {}", of.chips, path.display())
        }
        Reached::Network {
            control,
            cgminer,
            page,
            difficulty_scale,
        } => {
            let _ = writeln!(text, "{model}: control interface on {control}");
            if let Some(cgminer) = cgminer {
                let _ = writeln!(text, "{model}: cgminer API on {cgminer}");
            }
            if let Some(page) = page {
                let _ = writeln!(text, "{model}: web page on {page}");
            }
            writeln!(
                text,
                "{model}: mines at stratum+tcp://{} as {}, {difficulty_scale:e} of the difficulty asked",
                of.pool, of.worker
            )
        }
    };
    text.push_str("simulated; ends with Ctrl-C\n");
    text
}

/// The table of parameters of one `model`, or of all that have a controller.
pub(crate) fn parameters(model: Option<Model>) -> String {
    let models = model.map_or(Model::ALL.to_vec(), |model| vec![model]);
    let models: Vec<(Model, Params)> = models
        .into_iter()
        .filter_map(|model| Params::of(model).map(|params| (model, params)))
        .collect();
    if models.is_empty() {
        return "bare chips have no table of their own: see that of the unit they are built into, s9 or lv06\n"
            .into();
    }
    let mut headings = vec!["parameter"];
    headings.extend(models.iter().map(|(model, _)| model.name()));
    headings.push("meaning and source");
    let numeric: Vec<usize> = (1..=models.len()).collect();
    let mut rows = table(&headings, &numeric);
    for parameter in documented() {
        let mut row = vec![parameter.name.clone()];
        row.extend(
            models
                .iter()
                .map(|(_, params)| value(params, &parameter.name).unwrap_or_default()),
        );
        row.push(match range(&parameter.name) {
            Some(assumed) => format!(
                "{} Assumed between {} and {}: {}.",
                parameter.said, assumed.low, assumed.high, assumed.why
            ),
            None => parameter.said,
        });
        rows.add_row(row);
    }
    format!(
        "{rows}\n\nMaker: published figures. Sheet: engineering estimates such that the steady state fits usual readings. \
         Capture: measured on\na share log of one real S9, of which other models take what they have no value of their own \
         for. Fit: chosen so that the\nmodel's check values come out. Assumed: plausible, without support. LB-Box: its \
         nameplate and estimates throughout.\n"
    )
}
