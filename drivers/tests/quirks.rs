//! The `QUIRKS.md` beside each wire points at code and files; they must be there.

use std::path::Path;

#[test]
fn every_relative_link_of_the_quirks_leads_somewhere() {
    for module in [
        "src/axeos",
        "src/bm13xx",
        "src/cgminer",
        "src/goldshell",
        "stratum/src",
    ] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(module);
        let text = std::fs::read_to_string(folder.join("QUIRKS.md")).expect("QUIRKS.md");
        let targets: Vec<&str> = text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
            .filter(|target| !target.contains("://"))
            .collect();
        assert!(targets.len() > 4, "{targets:?}");
        for target in targets {
            assert!(folder.join(target).exists(), "{module}: {target}");
        }
    }
}
