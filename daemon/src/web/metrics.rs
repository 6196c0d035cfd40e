//! The metrics, as Prometheus reads them: base units, in the names; what is not known is left out.

use std::fmt;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeGaugeValue, EncodeLabel, EncodeLabelSet, GaugeValueEncoder,
    LabelEncoder, NoLabelSet, prometheus_text, text,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use strum::IntoEnumIterator;
use thermine_units::printable::printable_to;

use super::shared::Shared;
use crate::live::snapshot::{Health, Progress, Proxy, Reading, Shares, Snapshot, Unit};

const OPEN_METRICS: &str = "application/openmetrics-text";

/// Metrics for Prometheus: text format 0.0.4, or OpenMetrics where the Accept header names it.
#[utoipa::path(get, operation_id = "metrics", path = "/metrics", responses((status = 200, description = "Text format 0.0.4, or OpenMetrics 1.0 where the Accept header names application/openmetrics-text.", content_type = "text/plain", body = String)))]
pub(crate) async fn serve(State(web): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Metrics {
        all: web.live.snapshot(),
        now_ms: web.now_ms(),
    }));
    let is_named = |accepts: &HeaderValue| {
        let text = accepts.to_str();
        text.is_ok_and(|text| text.contains(OPEN_METRICS))
    };
    let mut body = String::new();
    let (kind, encoded) = if headers.get_all(header::ACCEPT).iter().any(is_named) {
        (
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            text::encode(&mut body, &registry),
        )
    } else {
        (
            prometheus_text::CONTENT_TYPE,
            prometheus_text::encode(&mut body, &registry),
        )
    };
    match encoded {
        Ok(()) => ([(header::CONTENT_TYPE, kind)], body).into_response(),
        Err(fmt::Error) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Hashes in a GH.
const GIGA: f64 = 1e9;

/// A metric of every unit: its name, its help, its value.
type OfUnit = (&'static str, &'static str, fn(&Unit) -> Option<f64>);

/// Hash rates, in GH/s here and in H/s in the text.
const HASH_RATES: [OfUnit; 5] = [
    (
        "thermine_unit_hash_rate_hashes_per_second",
        "Hash rate from the difficulty of the last minute's shares.",
        |unit| unit.hash_rate_ghs.map(|rate| rate.value),
    ),
    (
        "thermine_unit_hash_rate_low_hashes_per_second",
        "Lower end of the hash rate's 95 % interval.",
        |unit| unit.hash_rate_ghs.map(|rate| rate.low),
    ),
    (
        "thermine_unit_hash_rate_high_hashes_per_second",
        "Upper end of the hash rate's 95 % interval.",
        |unit| unit.hash_rate_ghs.map(|rate| rate.high),
    ),
    (
        "thermine_unit_claimed_hash_rate_hashes_per_second",
        "Hash rate that the unit claims itself.",
        |unit| unit.claimed_ghs,
    ),
    (
        "thermine_unit_expected_hash_rate_hashes_per_second",
        "Hash rate that all chips of a driven unit should show at their clock and its duty.",
        |unit| unit.expected_ghs,
    ),
];

const GAUGES: [OfUnit; 5] = [
    (
        "thermine_unit_duty_ratio",
        "Fraction of the last minute that a driven unit had current work.",
        |unit| unit.duty,
    ),
    (
        "thermine_unit_time_speed_ratio",
        "Seconds of the unit's own time in a second of the wall; its rates are in its own time.",
        |unit| unit.speed,
    ),
    (
        "thermine_unit_power_watts",
        "Power, where the unit measures it.",
        |unit| unit.watts,
    ),
    (
        "thermine_unit_nrmse_ratio",
        "Running NRMSE of the task that the unit is driven with.",
        |unit| unit.learning.as_ref()?.nrmse.map(|nrmse| nrmse.value),
    ),
    (
        "thermine_unit_control_nrmse_ratio",
        "The same of a readout of the current input alone.",
        |unit| unit.learning.as_ref()?.control.map(|nrmse| nrmse.value),
    ),
];

/// What the metrics are made of.
#[derive(Debug)]
struct Metrics {
    all: Snapshot,
    /// Wall time in milliseconds since 1970.
    now_ms: u64,
}

impl Collector for Metrics {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page(encoder);
        self.daemon(&mut page)?;
        self.states(&mut page)?;
        self.measured(&mut page)?;
        self.counted(&mut page)?;
        if let Some(proxy) = &self.all.proxy {
            page.proxy(proxy)?;
        }
        self.jobs(&mut page)
    }
}

impl Metrics {
    fn daemon(&self, page: &mut Page<'_>) -> fmt::Result {
        page.gauges(
            "thermine_build_info",
            "The program's version; always 1.",
            [([Label("version", &self.all.version)], Some(1.0))],
        )?;
        page.gauges(
            "thermine_start_time_seconds",
            "When the daemon was started, seconds since 1970.",
            [(NO_LABELS, Some(self.all.started_ms as f64 / 1e3))],
        )?;
        let sums = self.all.hash_rates().into_iter();
        page.gauges(
            "thermine_hash_rate_hashes_per_second",
            "Hash rate of all units together from the last minute's shares, by algorithm.",
            sums.map(|(of, sum)| ([Label("algorithm", of)], Some(sum.value * GIGA))),
        )
    }

    /// What each unit is, and how it is.
    fn states(&self, page: &mut Page<'_>) -> fmt::Result {
        let units = &self.all.units;
        page.gauges(
            "thermine_unit_info",
            "A unit's model, what it hashes by, and where its numbers come from; always 1.",
            units.iter().map(|unit| {
                let labels = [
                    name(unit),
                    Label("model", &unit.model),
                    Label("algorithm", &unit.algorithm),
                    Label("provenance", unit.provenance.name()),
                ];
                (labels, Some(1.0))
            }),
        )?;
        let healths = units.iter().flat_map(|unit| {
            Health::iter().map(move |health| {
                let is = f64::from(u8::from(unit.health == health));
                ([name(unit), Label("health", health.into())], Some(is))
            })
        });
        let help = "1 for how a unit is, 0 for how it is not.";
        page.gauges("thermine_unit_health", help, healths)
    }

    fn measured(&self, page: &mut Page<'_>) -> fmt::Result {
        let units = &self.all.units;
        for (metric, help, value) in HASH_RATES {
            let of = |unit| value(unit).map(|ghs| ghs * GIGA);
            let rates = units.iter().map(|unit| {
                let labels = [name(unit), Label("algorithm", &unit.algorithm)];
                (labels, of(unit))
            });
            page.gauges(metric, help, rates)?;
        }
        for (metric, help, value) in GAUGES {
            let values = units.iter().map(|unit| ([name(unit)], value(unit)));
            page.gauges(metric, help, values)?;
        }
        let age = |unit: &Unit| {
            let read_ms = unit.read_ms?;
            Some(self.now_ms.saturating_sub(read_ms) as f64 / 1e3)
        };
        page.gauges(
            "thermine_unit_reading_age_seconds",
            "Age of the unit's last reading.",
            units.iter().map(|unit| ([name(unit)], age(unit))),
        )?;
        page.gauges(
            "thermine_unit_temperature_celsius",
            "What a unit's sensors say.",
            readings(units, "sensor", |unit| &unit.temperatures),
        )?;
        page.gauges(
            "thermine_unit_fan_speed_rpm",
            "What a unit's fans say, in revolutions a minute.",
            readings(units, "fan", |unit| &unit.fans),
        )
    }

    fn counted(&self, page: &mut Page<'_>) -> fmt::Result {
        let units = &self.all.units;
        let shares = units.iter().flat_map(|unit| {
            verdicts(&unit.shares).map(move |(verdict, n)| ([verdict, name(unit)], n))
        });
        let help = "Shares of a unit, by verdict.";
        page.counters("thermine_unit_shares", help, shares)?;
        page.counters(
            "thermine_unit_hardware_errors",
            "Hardware errors that a unit counts itself.",
            units
                .iter()
                .filter_map(|unit| Some(([name(unit)], unit.hardware_errors?))),
        )
    }

    fn jobs(&self, page: &mut Page<'_>) -> fmt::Result {
        page.gauges(
            "thermine_jobs",
            "Experiments in the queue or lately ended, by where they stand.",
            Progress::iter().map(|progress| {
                let jobs = self.all.jobs.iter();
                let n = jobs.filter(|job| job.progress == progress).count();
                ([Label("progress", progress.into())], Some(n as f64))
            }),
        )
    }
}

/// A label, whose text is written without control characters.
struct Label<'a>(&'static str, &'a str);

const NO_LABELS: [Label<'_>; 0] = [];

impl EncodeLabel for Label<'_> {
    fn encode(&self, encoder: LabelEncoder<'_>) -> fmt::Result {
        (self.0, printable_to(self.1, usize::MAX)).encode(encoder)
    }
}

fn name(unit: &Unit) -> Label<'_> {
    Label("unit", &unit.name)
}

fn readings<'a>(
    units: &'a [Unit],
    kind: &'static str,
    of: fn(&Unit) -> &[Reading],
) -> impl Iterator<Item = ([Label<'a>; 2], Option<f64>)> {
    units.iter().flat_map(move |unit| {
        let readings = of(unit).iter();
        readings.map(move |it| ([name(unit), Label(kind, &it.name)], Some(it.value)))
    })
}

fn verdicts(shares: &Shares) -> impl Iterator<Item = (Label<'static>, u64)> + use<> {
    [
        ("accepted", shares.accepted),
        ("stale", shares.stale),
        ("duplicate", shares.duplicate),
        ("refused", shares.refused),
    ]
    .into_iter()
    .map(|(verdict, n)| (Label("verdict", verdict), n))
}

/// A number; whole ones are written without a fraction.
struct Number(f64);

impl EncodeGaugeValue for Number {
    fn encode(&self, encoder: &mut GaugeValueEncoder<'_>) -> fmt::Result {
        // Beyond 2^53 a number with a fraction does not exist.
        if self.0.fract() == 0.0 && self.0.abs() < 9.0e15 {
            (self.0 as i64).encode(encoder)
        } else {
            self.0.encode(encoder)
        }
    }
}

/// The text as it grows.
struct Page<'a>(DescriptorEncoder<'a>);

impl Page<'_> {
    /// A metric with its samples; those without a value are left out.
    fn gauges<L: EncodeLabelSet>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (L, Option<f64>)>,
    ) -> fmt::Result {
        let encoder = &mut self.0;
        let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (labels, value) in samples {
            if let Some(value) = value {
                metric
                    .encode_family(&labels)?
                    .encode_gauge(&Number(value))?;
            }
        }
        Ok(())
    }

    /// A counter with its samples. Its name is written with `_total` at its end.
    fn counters<L: EncodeLabelSet>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (L, u64)>,
    ) -> fmt::Result {
        let encoder = &mut self.0;
        let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (labels, n) in samples {
            let mut sample = metric.encode_family(&labels)?;
            sample.encode_counter::<NoLabelSet, _, u64>(&n, None)?;
        }
        Ok(())
    }

    fn proxy(&mut self, proxy: &Proxy) -> fmt::Result {
        self.gauges(
            "thermine_proxy_pool_connected",
            "Whether a pool is in use.",
            [(NO_LABELS, Some(f64::from(u8::from(proxy.pool.is_some()))))],
        )?;
        self.gauges(
            "thermine_proxy_units",
            "Units connected to the proxy.",
            [(NO_LABELS, Some(proxy.units as f64))],
        )?;
        self.gauges(
            "thermine_proxy_waiting_ratio",
            "Share of the connected time that units have waited for work: behind the proxy, and as it would have been \
             without queued work.",
            [
                ([Label("work", "queued")], proxy.waiting),
                ([Label("work", "unqueued")], proxy.waiting_without),
            ],
        )?;
        self.counters(
            "thermine_proxy_shares",
            "Shares that the proxy has judged, by verdict.",
            verdicts(&proxy.shares).map(|(verdict, n)| ([verdict], n)),
        )?;
        let (sent, accepted, refused) = proxy.forwarded;
        self.counters(
            "thermine_proxy_forwarded_shares",
            "Shares handed to the pool, and what it said to them.",
            [("sent", sent), ("accepted", accepted), ("refused", refused)]
                .map(|(answer, n)| ([Label("answer", answer)], n)),
        )
    }
}
