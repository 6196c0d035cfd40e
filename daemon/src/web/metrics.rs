//! The metrics, in the text format 0.0.4 of Prometheus: base units, in the names; what is not known is not there.

use std::fmt::Write;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use thermine_units::printable::printable_to;

use super::Web;
use crate::live::snapshot::{Health, Progress, Shares, Snapshot, Unit};

/// Metrics for Prometheus.
#[utoipa::path(get, operation_id = "metrics", path = "/metrics", responses((status = 200, description = "Text format 0.0.4.", content_type = "text/plain", body = String)))]
pub(super) async fn serve(State(web): State<Arc<Web>>) -> Response {
    let text = text(&web.live.snapshot(), web.now_ms());
    (
        [(
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        )],
        text,
    )
        .into_response()
}

/// Hashes in a GH.
const GIGA: f64 = 1e9;

/// All metrics of `all` at the wall's time `now_ms`.
fn text(all: &Snapshot, now_ms: u64) -> String {
    let mut page = Page::default();
    page.family(
        "thermine_build_info",
        "gauge",
        "The program's version; always 1.",
    );
    page.sample("thermine_build_info", &[("version", &all.version)], 1.0);
    page.family(
        "thermine_start_time_seconds",
        "gauge",
        "When the daemon was started, seconds since 1970.",
    );
    page.sample(
        "thermine_start_time_seconds",
        &[],
        all.started_ms as f64 / 1e3,
    );
    page.family(
        "thermine_hash_rate_hashes_per_second",
        "gauge",
        "Hash rate of all units together from the last minute's shares, by algorithm.",
    );
    for (algorithm, sum) in all.hash_rates() {
        page.sample(
            "thermine_hash_rate_hashes_per_second",
            &[("algorithm", algorithm)],
            sum.value * GIGA,
        );
    }
    units(&mut page, &all.units, now_ms);
    if let Some(proxy) = &all.proxy {
        page.family(
            "thermine_proxy_pool_connected",
            "gauge",
            "Whether a pool is in use.",
        );
        page.sample(
            "thermine_proxy_pool_connected",
            &[],
            f64::from(u8::from(proxy.pool.is_some())),
        );
        page.family(
            "thermine_proxy_units",
            "gauge",
            "Units connected to the proxy.",
        );
        page.sample("thermine_proxy_units", &[], proxy.units as f64);
        page.family(
            "thermine_proxy_waiting_ratio",
            "gauge",
            "Share of the connected time that units have waited for work: behind the proxy, and as it would have been without queued work.",
        );
        for (work, waiting) in [
            ("queued", proxy.waiting),
            ("unqueued", proxy.waiting_without),
        ] {
            page.maybe("thermine_proxy_waiting_ratio", &[("work", work)], waiting);
        }
        page.family(
            "thermine_proxy_shares_total",
            "counter",
            "Shares that the proxy has judged, by verdict.",
        );
        shares(
            &mut page,
            "thermine_proxy_shares_total",
            None,
            &proxy.shares,
        );
        page.family(
            "thermine_proxy_forwarded_shares_total",
            "counter",
            "Shares handed to the pool, and what it said to them.",
        );
        let (sent, accepted, refused) = proxy.forwarded;
        for (answer, n) in [("sent", sent), ("accepted", accepted), ("refused", refused)] {
            page.sample(
                "thermine_proxy_forwarded_shares_total",
                &[("answer", answer)],
                n as f64,
            );
        }
    }
    page.family(
        "thermine_jobs",
        "gauge",
        "Experiments in the queue or lately ended, by where they stand.",
    );
    for (name, progress) in [
        ("waiting", Progress::Waiting),
        ("running", Progress::Running),
        ("done", Progress::Done),
        ("failed", Progress::Failed),
        ("cancelled", Progress::Cancelled),
    ] {
        let n = all
            .jobs
            .iter()
            .filter(|job| job.progress == progress)
            .count();
        page.sample("thermine_jobs", &[("progress", name)], n as f64);
    }
    page.text
}

fn units(page: &mut Page, units: &[Unit], now_ms: u64) {
    page.family(
        "thermine_unit_info",
        "gauge",
        "A unit's model, what it hashes by, and where its numbers come from; always 1.",
    );
    for unit in units {
        let labels = [
            ("unit", unit.name.as_str()),
            ("model", &unit.model),
            ("algorithm", &unit.algorithm),
            ("provenance", unit.provenance.name()),
        ];
        page.sample("thermine_unit_info", &labels, 1.0);
    }
    page.family(
        "thermine_unit_health",
        "gauge",
        "1 for how a unit is, 0 for how it is not.",
    );
    for unit in units {
        for (name, health) in [
            ("starting", Health::Starting),
            ("well", Health::Well),
            ("stale", Health::Stale),
            ("lost", Health::Lost),
            ("tripped", Health::Tripped),
        ] {
            let is = f64::from(u8::from(unit.health == health));
            page.sample(
                "thermine_unit_health",
                &[("unit", &unit.name), ("health", name)],
                is,
            );
        }
    }
    let mut hash_rate = |name: &str, help: &str, of: &dyn Fn(&Unit) -> Option<f64>| {
        page.family(name, "gauge", help);
        for unit in units {
            let labels = [("unit", unit.name.as_str()), ("algorithm", &unit.algorithm)];
            page.maybe(name, &labels, of(unit).map(|ghs| ghs * GIGA));
        }
    };
    hash_rate(
        "thermine_unit_hash_rate_hashes_per_second",
        "Hash rate from the difficulty of the last minute's shares.",
        &|unit| unit.hash_rate_ghs.map(|rate| rate.value),
    );
    hash_rate(
        "thermine_unit_hash_rate_low_hashes_per_second",
        "Lower end of the hash rate's 95 % interval.",
        &|unit| unit.hash_rate_ghs.map(|rate| rate.low),
    );
    hash_rate(
        "thermine_unit_hash_rate_high_hashes_per_second",
        "Upper end of the hash rate's 95 % interval.",
        &|unit| unit.hash_rate_ghs.map(|rate| rate.high),
    );
    hash_rate(
        "thermine_unit_claimed_hash_rate_hashes_per_second",
        "Hash rate that the unit claims itself.",
        &|unit| unit.claimed_ghs,
    );
    hash_rate(
        "thermine_unit_expected_hash_rate_hashes_per_second",
        "Hash rate that all chips of a driven unit should show at their clock and its duty.",
        &|unit| unit.expected_ghs,
    );
    let mut gauge = |name: &str, help: &str, of: &dyn Fn(&Unit) -> Option<f64>| {
        page.family(name, "gauge", help);
        for unit in units {
            page.maybe(name, &[("unit", &unit.name)], of(unit));
        }
    };
    gauge(
        "thermine_unit_duty_ratio",
        "Fraction of the last minute that a driven unit had current work.",
        &|unit| unit.duty,
    );
    gauge(
        "thermine_unit_time_speed_ratio",
        "Seconds of the unit's own time in a second of the wall; its rates are in its own time.",
        &|unit| unit.speed,
    );
    gauge(
        "thermine_unit_power_watts",
        "Power, where the unit measures it.",
        &|unit| unit.watts,
    );
    gauge(
        "thermine_unit_reading_age_seconds",
        "Age of the unit's last reading.",
        &|unit| {
            unit.read_ms
                .map(|read| now_ms.saturating_sub(read) as f64 / 1e3)
        },
    );
    gauge(
        "thermine_unit_nrmse_ratio",
        "Running NRMSE of the task that the unit is driven with.",
        &|unit| unit.learning.as_ref()?.nrmse.map(|nrmse| nrmse.value),
    );
    gauge(
        "thermine_unit_control_nrmse_ratio",
        "The same of a readout of the current input alone.",
        &|unit| unit.learning.as_ref()?.control.map(|nrmse| nrmse.value),
    );
    page.family(
        "thermine_unit_temperature_celsius",
        "gauge",
        "What a unit's sensors say.",
    );
    for unit in units {
        for reading in &unit.temperatures {
            let labels = [("unit", unit.name.as_str()), ("sensor", &reading.name)];
            page.sample("thermine_unit_temperature_celsius", &labels, reading.value);
        }
    }
    page.family(
        "thermine_unit_fan_speed_rpm",
        "gauge",
        "What a unit's fans say, in revolutions a minute.",
    );
    for unit in units {
        for reading in &unit.fans {
            let labels = [("unit", unit.name.as_str()), ("fan", &reading.name)];
            page.sample("thermine_unit_fan_speed_rpm", &labels, reading.value);
        }
    }
    page.family(
        "thermine_unit_shares_total",
        "counter",
        "Shares of a unit, by verdict.",
    );
    for unit in units {
        shares(
            page,
            "thermine_unit_shares_total",
            Some(&unit.name),
            &unit.shares,
        );
    }
    page.family(
        "thermine_unit_hardware_errors_total",
        "counter",
        "Hardware errors that a unit counts itself.",
    );
    for unit in units {
        let errors = unit.hardware_errors.map(|n| n as f64);
        page.maybe(
            "thermine_unit_hardware_errors_total",
            &[("unit", &unit.name)],
            errors,
        );
    }
}

fn shares(page: &mut Page, name: &str, unit: Option<&str>, shares: &Shares) {
    for (verdict, n) in [
        ("accepted", shares.accepted),
        ("stale", shares.stale),
        ("duplicate", shares.duplicate),
        ("refused", shares.refused),
    ] {
        let mut labels = vec![("verdict", verdict)];
        labels.extend(unit.map(|unit| ("unit", unit)));
        page.sample(name, &labels, n as f64);
    }
}

/// The text as it grows.
#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a string cannot fail.
        let _ = write!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn maybe(&mut self, name: &str, labels: &[(&str, &str)], value: Option<f64>) {
        if let Some(value) = value {
            self.sample(name, labels, value);
        }
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        self.text.push_str(name);
        for (i, (label, word)) in labels.iter().enumerate() {
            self.text.push(if i == 0 { '{' } else { ',' });
            let word = printable_to(word, usize::MAX)
                .replace('\\', "\\\\")
                .replace('"', "\\\"");
            let _ = write!(self.text, "{label}=\"{word}\"");
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        let _ = match value {
            value if value == f64::INFINITY => writeln!(self.text, " +Inf"),
            value if value == f64::NEG_INFINITY => writeln!(self.text, " -Inf"),
            // Nothing is not negative: an empty sum is -0.
            value => writeln!(self.text, " {}", value + 0.0),
        };
    }
}
