use super::*;
use proptest::prelude::*;

fn data(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn version(bytes: &[u8]) -> Answers {
    let reply = Reply::parse(bytes).expect("JSON");
    Answers {
        cgminer: Some(Cgminer::read(&reply).expect("a cgminer API")),
        ..Answers::default()
    }
}

fn typed(name: &str) -> Verdict {
    let reply = serde_json::json!({"VERSION": [{"Type": name, "API": "3.1"}]});
    classify(&version(reply.to_string().as_bytes()))
}

fn info(bytes: &[u8]) -> Answers {
    Answers {
        axeos: Some(axeos(bytes).expect("AxeOS")),
        ..Answers::default()
    }
}

#[test]
fn an_s9_is_named_on_both_firmwares() {
    for firmware in ["30.0.1.3", "16.8.1.3"] {
        let verdict = classify(&version(&data(&format!("bmminer-{firmware}-version.txt"))));
        assert_eq!(verdict.model, Some(Model::AntminerS9));
        assert_eq!(verdict.identity.model.as_deref(), Some("Antminer S9"));
        assert_eq!(verdict.identity.firmware.as_deref(), Some(firmware));
        assert_eq!(verdict.remark, None);
    }
    let other = typed("Antminer S9\n (vnish 3.8.6)");
    assert_eq!(other.model, Some(Model::AntminerS9));
}

#[test]
fn firmware_that_is_not_the_makers_is_named_and_hides_no_s9() {
    for (name, firmware) in [
        ("Antminer S9 Hiveon", "Hiveon"),
        ("Antminer S9 (vnish 3.9.0)", "VNish"),
        ("Antminer S9 LUXOS", "LuxOS"),
    ] {
        let verdict = typed(name);
        assert_eq!(verdict.model, Some(Model::AntminerS9), "{name}");
        let remark = verdict.remark.expect("a remark");
        assert!(remark.contains(firmware), "{remark}");
    }
    assert_eq!(typed("Antminer S9j Hiveon").model, None);
    assert_eq!(typed("Antminer S9").remark, None);
    let nameless = classify(&version(
        br#"{"STATUS":[{"STATUS":"S","Code":22,"Description":"bosminer-am1-s9 0.2.0"}],
            "VERSION":[{"API":"3.7","BOSminer":"bosminer-am1-s9 0.2.0-d360818"}]}"#,
    ));
    assert_eq!(nameless.model, None);
    let firmware = nameless.identity.firmware.expect("named");
    assert_eq!(firmware, "bosminer-am1-s9 0.2.0-d360818");
    let remark = nameless.remark.expect("a remark");
    assert!(
        remark.contains("Braiins OS") && remark.contains("thermine devices"),
        "{remark}"
    );
}

#[test]
fn its_relatives_are_other_models() {
    for name in [
        "Antminer S9i",
        "Antminer S9j",
        "Antminer S9k",
        "Antminer S9 SE",
        "Antminer T9+",
        "S9",
    ] {
        let verdict = typed(name);
        assert_eq!(verdict.model, None, "{name}");
        assert_eq!(verdict.identity.model.as_deref(), Some(name));
    }
}

#[test]
fn a_program_without_a_type_is_named_as_it_calls_itself() {
    let verdict = classify(&version(
        br#"{"STATUS":[{"STATUS":"S","Code":22,"Description":"BOSminer+ 0.2"}],"VERSION":[{"API":"3.7"}]}"#,
    ));
    assert_eq!(verdict.model, None);
    assert_eq!(verdict.identity.model.as_deref(), Some("BOSminer+ 0.2"));
    let refused = Cgminer::refused(&Status {
        code: Some(45),
        message: Some("Access denied to 'version' command".to_owned()),
        description: Some("bmminer 1.0.0".to_owned()),
        ..Status::default()
    });
    let verdict = classify(&Answers {
        cgminer: Some(refused),
        ..Answers::default()
    });
    assert_eq!(verdict.identity.model.as_deref(), Some("bmminer 1.0.0"));
    let remark = verdict.remark.expect("a remark");
    assert!(remark.contains("Access denied"), "{remark}");
}

#[test]
fn boxes_are_told_apart() {
    let identity = goldshell(&data("goldshell-2.2.5-status.json")).expect("Goldshell");
    let mut answers = Answers {
        goldshell: Some(identity),
        ..Answers::default()
    };
    let verdict = classify(&answers);
    assert_eq!(verdict.model, None, "an SC-BOX hashes otherwise");
    assert_eq!(verdict.identity.model.as_deref(), Some("Goldshell-SCBox"));
    let lb = br#"{"hardware":"40.40.HA","model":"Goldshell-LBBox","mcbversion":"MCB_V5_4","firmware":"2.2.5"}"#;
    answers.goldshell = goldshell(lb);
    let alone = classify(&answers);
    assert_eq!(alone.model, Some(Model::GoldshellLbBox));
    // Its cgminer API knows no model, and changes nothing.
    answers.cgminer = version(
        br#"{"STATUS":[{"STATUS":"S","Code":22,"Description":"intminer 5.4.2"}],"VERSION":[{"CGMiner":"5.4.2","API":"3.7"}]}"#,
    )
    .cgminer;
    assert_eq!(classify(&answers), alone);
}

#[test]
fn an_lv06_is_named_by_its_maker_and_not_by_its_chip() {
    for name in ["axeos-2.1.10-lv06-info.json", "axeos-lv-lv06-info.json"] {
        let verdict = classify(&info(&data(name)));
        assert_eq!(verdict.model, Some(Model::LuckyMinerLv06), "{name}");
        assert!(verdict.identity.serial.is_some(), "{name}");
    }
    let verdict = classify(&info(&data("axeos-2.15-ultra-info.json")));
    assert_eq!(verdict.model, None, "a Bitaxe Ultra");
    let remark = verdict.remark.expect("a remark");
    assert!(remark.contains("look at the unit"), "{remark}");
    let other = br#"{"ASICModel":"BM1370","minerModel":"LV06"}"#;
    assert_eq!(classify(&info(other)).model, None, "with another chip");
}

#[test]
fn wires_that_contradict_each_other_name_no_model() {
    let both = Answers {
        axeos: info(&data("axeos-lv-lv06-info.json")).axeos,
        ..version(&data("bmminer-30.0.1.3-version.txt"))
    };
    let verdict = classify(&both);
    assert_eq!(verdict.model, None);
    let remark = verdict.remark.expect("a remark");
    assert!(
        remark.contains("antminer-s9") && remark.contains("lucky-miner-lv06"),
        "{remark}"
    );
}

#[test]
fn what_is_no_miner_is_none() {
    for body in [
        &b""[..],
        b"<html>",
        b"[]",
        b"{}",
        br#"{"model":"printer"}"#,
        br#"{"status":"ok"}"#,
    ] {
        assert_eq!(goldshell(body), None);
    }
    for body in [&b"<html>"[..], b"{}", br#"{"temp":21.5,"power":3}"#] {
        assert_eq!(axeos(body), None, "a weather station");
    }
    for text in ["{}", r#"{"result":null,"id":1}"#, r#"{"STATUS":"ok"}"#] {
        let reply = Reply::parse(text.as_bytes()).expect("JSON");
        assert_eq!(Cgminer::read(&reply), None, "{text}");
    }
}

#[test]
fn nothing_that_a_device_says_reaches_the_terminal_as_a_command() {
    let verdict = typed("\u{1b}[2J\u{1b}]0;x\u{7}S9\u{202e}");
    assert_eq!(
        verdict.identity.model.as_deref(),
        Some(r"[2J\u001b]0;x\u0007S9")
    );
    let long = typed(&"x".repeat(100_000));
    assert_eq!(
        long.identity.model.map(|model| model.chars().count()),
        Some(MOST_TEXT + 1)
    );
    assert_eq!(typed("\u{7}\u{200b}").identity.model, None);
}

proptest! {
    /// Whatever the three wires send, the verdict is short and printable, and a model is named only by its name.
    #[test]
    fn any_answers_make_a_printable_verdict(
        kind in "\\PC{0,30}|Antminer S9|Goldshell-LBBox|[\\x00-\\x1f]{1,5}S9",
        model in ".{0,30}|Goldshell-LBBox|LV06",
        asic in "BM13[67][68]|.{0,8}",
        remarks in prop::collection::vec(".{0,200}", 0..4),
    ) {
        let reply = serde_json::json!({"STATUS": [{"STATUS": "S"}], "VERSION": [{"Type": kind}]});
        let status = serde_json::json!({"model": model, "firmware": asic});
        let info = serde_json::json!({"ASICModel": asic, "minerModel": model});
        let answers = Answers {
            goldshell: goldshell(status.to_string().as_bytes()),
            axeos: axeos(info.to_string().as_bytes()),
            remarks,
            ..version(reply.to_string().as_bytes())
        };
        let verdict = classify(&answers);
        let identity = &verdict.identity;
        for text in [&identity.model, &identity.firmware, &identity.serial].into_iter().flatten() {
            prop_assert!(!text.is_empty() && text.chars().count() <= MOST_TEXT + 1);
            prop_assert!(!text.chars().any(|c| c.is_control() || is_hidden(c)));
        }
        if let Some(remark) = &verdict.remark {
            prop_assert!(!remark.chars().any(char::is_control));
        }
        if verdict.model == Some(Model::LuckyMinerLv06) {
            prop_assert_eq!(asic.as_str(), "BM1366");
        }
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let reply = Reply::parse(&bytes).ok();
        let answers = Answers {
            cgminer: reply.as_ref().and_then(Cgminer::read),
            goldshell: goldshell(&bytes),
            axeos: axeos(&bytes),
            ..Answers::default()
        };
        classify(&answers);
    }
}
