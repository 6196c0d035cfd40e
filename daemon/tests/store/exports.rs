//! Exports, as far as this side can tell; `daemon/tests/exports.py` reads them with the libraries that they are for.

#[cfg(feature = "parquet")]
use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

#[cfg(feature = "parquet")]
use parquet::file::reader::{FileReader, SerializedFileReader};
use thermine_capture::Store;
use thermine_capture::export::{Format, What, export};
use thermine_lab::observer::Progress;
use thermine_lab::session::Context;
use thermine_lab::states;
use thermine_units::record::Record;

use super::patience::found;
use super::records::{a_bit_of_everything, durable, job, meta, share};

#[test]
fn every_table_goes_into_every_format() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("c.sqlite");
    runtime.block_on(a_bit_of_everything(&path, 7));
    for (what, name, rows) in [
        (What::Shares, "shares", 180),
        (What::Jobs, "jobs", 60),
        (What::Telemetry, "telemetry", 60),
        (What::Steps, "steps", 60),
    ] {
        for (format, extension) in [
            #[cfg(feature = "parquet")]
            (Format::Parquet, "parquet"),
            (Format::Csv, "csv"),
            (Format::Npz, "npz"),
        ] {
            let exported = export(&path, what, format, None).expect("exported");
            assert_eq!(exported.rows, rows);
            let expected = dir.path().join(format!("c-{name}.{extension}"));
            assert_eq!(exported.file, expected);
            assert!(!Path::new(&format!("{}.new", expected.display())).exists());
        }
    }
    let error = export(&path, What::Shares, Format::Csv, None).expect_err("never overwritten");
    assert!(error.to_string().contains("exists already"), "{error}");

    let text = std::fs::read_to_string(dir.path().join("c-telemetry.csv")).expect("read");
    let mut lines = text.lines();
    let heading = lines.next().expect("a heading");
    assert!(
        heading.starts_with("run,stream,reading,taken [ns],hash_rate [H/s],"),
        "{heading}"
    );
    assert!(
        heading.contains("fan1 [rpm],board6.pcb_temp [°C],board6.chip_temp [°C]"),
        "{heading}"
    );
    // What a unit did not report is empty, and not zero.
    assert_eq!(lines.next(), Some("1,a,1,7,,,0,,,,,,,,61.5,,,,,,,0"));
    assert_eq!(lines.next(), Some("1,a,2,1000007,,,,,,,,,,,62.5,,,,,,,0"));

    #[cfg(feature = "parquet")]
    described(&dir.path().join("c-shares.parquet"));
    #[cfg(not(feature = "parquet"))]
    {
        let out = dir.path().join("c.parquet");
        let error = export(&path, What::Shares, Format::Parquet, Some(&out));
        let text = error.expect_err("no Parquet").to_string();
        assert!(
            text.contains("build it with `--features parquet`"),
            "{text}"
        );
    }

    let progress = Progress::hidden(&Context::new("test"));
    let exported = states::export(&path, None, (Format::Npz, None), &progress);
    let error = runtime.block_on(exported).expect_err("no experiment");
    assert!(
        error.to_string().contains("no input and target"),
        "{error:#}"
    );
}

/// That a file of the shares above says in its metadata what they are.
#[cfg(feature = "parquet")]
fn described(path: &Path) {
    let file = File::open(path).expect("opens");
    let reader = SerializedFileReader::new(file).expect("Parquet");
    let about = reader.metadata().file_metadata();
    assert_eq!(about.num_rows(), 180);
    let said = |key: &str| {
        let pairs = about.key_value_metadata().expect("metadata").iter();
        pairs
            .into_iter()
            .find(|pair| pair.key == key)
            .and_then(|pair| pair.value.clone())
    };
    let units: serde_json::Value =
        serde_json::from_str(&said("thermine.units").expect("units")).expect("JSON");
    assert_eq!(units["since_job"], "ns");
    assert_eq!(said("thermine.seed").as_deref(), Some("7"));
    assert_eq!(said("thermine.provenance").as_deref(), Some("device"));
    assert_eq!(
        said("thermine.configuration").as_deref(),
        Some("0000000000000007")
    );
    assert_eq!(
        said("thermine.version").as_deref(),
        Some(env!("CARGO_PKG_VERSION"))
    );
}

/// Writes `shares` shares, a job for each hundred.
async fn many(path: &Path, shares: u64) {
    let store = Store::create(path, &meta(1)).expect("created");
    let recorder = store.stream("a");
    let mut asked = job(0);
    for ticket in 1..=shares {
        if ticket % 100 == 1 {
            asked.job_id = format!("{ticket:x}");
            let record = Record::Job(asked.clone());
            recorder.record(record).await.expect("taken");
        }
        let record = Record::Share(share(ticket, &asked));
        recorder.record(record).await.expect("taken");
    }
    assert_eq!(durable(&recorder, shares).await.failure, None);
    drop(recorder);
    tokio::task::spawn_blocking(move || store.finish("finished"))
        .await
        .expect("joined")
        .expect("finished");
}

/// Most memory that the program had resident while it exported `path`, in MB.
fn peak(path: &Path, format: &str) -> f64 {
    let out = path.with_extension(format);
    let mut child = Command::new(env!("CARGO_BIN_EXE_thermine"))
        .args(["capture", "export", "-f", format, "-o"])
        .arg(&out)
        .arg(path)
        .stdout(Stdio::null())
        .spawn()
        .expect("started");
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0.0_f64;
    let ended = found("the export ends", || {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok());
        peak = peak.max(kilobytes.unwrap_or(0.0));
        child.try_wait().expect("waited").ok_or("it runs")
    });
    assert!(ended.success());
    peak / 1024.0
}

/// `benches/store.rs` does the same with ten million.
#[test]
fn ten_times_the_shares_do_not_take_ten_times_the_memory() {
    let dir = tempfile::tempdir().expect("a folder");
    let (few, more) = (
        dir.path().join("few.sqlite"),
        dir.path().join("more.sqlite"),
    );
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(many(&few, 15_000));
    runtime.block_on(many(&more, 150_000));
    for format in [
        #[cfg(feature = "parquet")]
        "parquet",
        "csv",
        "npz",
    ] {
        let (few, more) = (peak(&few, format), peak(&more, format));
        println!("{format}: at most {few:.0} MB for 15,000 shares, {more:.0} MB for 150,000");
        // All rows in memory would be more than 80 MB.
        assert!(
            few > 1.0 && more < few + 40.0,
            "{format}: {few} MB, {more} MB"
        );
    }
}
