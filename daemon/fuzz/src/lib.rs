//! What must hold for any bytes in a file that a user names: no panic, and what is read can be used.

use std::path::{Path, PathBuf};

use thermine_capture::import::import;
use thermine_capture::verify::verify;
use thermine_lab::config::Config;
use thermine_lab::config::overrides::Overrides;
use thermine_lab::config::rack::Rack;
use thermine_reservoir::readout::SavedReadout;
use thermine_units::pow::Difficulty;

/// A file of these bytes in a folder of its own.
fn file(name: &str, data: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    std::fs::write(&path, data).expect("written");
    (folder, path)
}

/// A share log of another program: what is imported is a whole capture.
pub fn csv_import(data: &[u8]) {
    let (folder, csv) = file("shares.csv", data);
    let capture = folder.path().join("capture.sqlite");
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let difficulty = Difficulty::new(1.0).expect("positive");
    let imported = runtime
        .expect("a runtime")
        .block_on(import(&csv, &capture, difficulty));
    match imported {
        Ok(imported) => {
            let report = verify(&capture).expect("a capture");
            assert_eq!(report.shares, imported.shares);
        }
        Err(_) => assert!(!capture.exists(), "a file that is wrong leaves no capture"),
    }
}

/// The configuration of a unit.
pub fn unit_config(data: &[u8]) {
    let (_folder, path) = file("unit.toml", data);
    let Ok(config) = Config::load(&path) else {
        return;
    };
    assert!(config.enforced().is_ok(), "limits that can be enforced");
    assert!(config.wires().is_ok(), "wires that fit the model");
    assert!(config.fingerprint().is_ok());
    let _ = (
        config.step.pace(),
        config.point.operating_point(),
        config.clock(),
    );
}

/// A rack and the daemon that keeps it, beside the example units.
pub fn rack_config(data: &[u8]) {
    let (folder, path) = file("rack.toml", data);
    let configs = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|folder| folder.join("configs"))
        .find(|folder| folder.is_dir())
        .expect("the examples");
    for example in [
        "sim-s9.toml",
        "sim-lv06.toml",
        "sim-s9-proxied.toml",
        "proxy.toml",
    ] {
        std::fs::copy(configs.join(example), folder.path().join(example)).expect("copied");
    }
    let Ok(rack) = Rack::load(&path, &Overrides::none()) else {
        return;
    };
    assert!(rack.all().next().is_some(), "a rack has a unit");
    let _ = rack.daemon.folders();
}

/// The configuration of the proxy.
pub fn proxy_config(data: &[u8]) {
    let (_folder, path) = file("proxy.toml", data);
    let Ok(config) = thermine_lab::config::proxy::Config::load(&path) else {
        return;
    };
    // A password or a certificate that it names may be missing.
    let _ = config.settings();
    if config.simulated_pool.is_some() {
        assert!(config.simulated_address().is_ok());
    }
}

/// A readout that a training run has left.
pub fn readout(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Ok(saved) = SavedReadout::from_json(&text) else {
        return;
    };
    let readout = saved
        .for_features(&saved.features)
        .expect("its own features");
    assert_eq!(readout.features, saved.features);
    let again = SavedReadout::from_json(&saved.to_json().expect("finite"));
    assert_eq!(again.expect("as it was written"), saved);
}
