//! Exports, as far as this side can tell; `daemon/tests/exports.py` reads them with the libraries that they are for.

use std::fs::File;
use std::path::Path;

use parquet::file::reader::{FileReader, SerializedFileReader};
use thermine::export::{Format, What, export};

use super::records::a_bit_of_everything;

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
            (Format::Parquet, "parquet"),
            (Format::Csv, "csv"),
            (Format::Npz, "npz"),
        ] {
            let exported = export(&path, what, format, None, None).expect("exported");
            assert_eq!(exported.rows, rows);
            let expected = dir.path().join(format!("c-{name}.{extension}"));
            assert_eq!(exported.file, expected);
            assert!(!Path::new(&format!("{}.new", expected.display())).exists());
        }
    }
    let error =
        export(&path, What::Shares, Format::Csv, None, None).expect_err("never overwritten");
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

    let file = File::open(dir.path().join("c-shares.parquet")).expect("opens");
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

    let error = export(&path, What::States, Format::Npz, None, None).expect_err("no experiment");
    assert!(
        error.to_string().contains("no input and target"),
        "{error:#}"
    );
}
