//! Every key of every configuration file. A test holds what the parser accepts and what stands here together.

use super::key::File::{Proxy, Rack, Unit};
use super::key::Holds::{
    Address, Choice, Number, Pairs, Path, Section, Sections, Switch, Text, Texts, Whole, Wholes,
};
use super::key::Missing::{Means, Required, Value};
use super::key::{File, Holds, Key, Missing};

const fn key(
    file: File,
    path: &'static str,
    holds: Holds,
    missing: Missing,
    doc: &'static str,
) -> Key {
    Key {
        file,
        path,
        holds,
        missing,
        doc,
    }
}

/// Every key. A section stands before what is in it.
#[rustfmt::skip]
const KEYS: &[Key] = &[
    key(Unit, "unit", Section, Required,
        "Which unit."),
    key(Unit, "unit.name", Text, Required,
        "Name in messages and reports; of a rack's units, each has another."),
    key(Unit, "unit.model", Choice(&["antminer-s9", "lucky-miner-lv06", "goldshell-lb-box", "bm1387", "bm1366"]), Required,
        "Its model; the last two are bare chips on a serial line."),
    key(Unit, "unit.reconnect_seconds", Number, Value("120"),
        "Longest time that a run waits for the unit when its connection breaks, s of the unit's time, at most 3600. The step is \
         marked as interrupted and left out of training and scores. 0: the run ends. The interlock stays in force meanwhile: a \
         unit whose readings end too is stopped after interlock.stale_after_seconds."),
    key(Unit, "unit.without_tachometer", Switch, Value("false"),
        "Whether its fans report no speed. The interlock then expects none to turn; one that it has seen turn must go on."),
    key(Unit, "unit.simulated", Section, Means("the unit is real"),
        "Set if the program plays the unit itself."),
    key(Unit, "unit.simulated.speed", Number, Means("virtual time, as fast as the machine can; the daemon takes daemon.speed"),
        "Seconds of the unit's time per second, above 0 and at most 1000."),
    key(Unit, "unit.simulated.difficulty_scale", Number, Required,
        "Factor on the difficulty at which its shares are really hashed: what a processor can do instead of a miner."),
    key(Unit, "unit.simulated.frequency_mhz", Number, Means("the model's own"),
        "Chip clock that it starts with, MHz."),
    key(Unit, "unit.simulated.voltage_v", Number, Means("the model's own"),
        "Core voltage that it starts with, V; of an S9 that of one of its 21 domains."),
    key(Unit, "unit.simulated.fan", Number, Means("the model's own"),
        "Fan speed that it starts with, 0.25 to 1."),
    key(Unit, "unit.simulated.silicon", Section, Means("all chips are sound"),
        "What is the matter with single chips, numbered from 0 through the unit, board after board."),
    key(Unit, "unit.simulated.silicon.weak", Pairs, Means("none"),
        "Chip, and what part of a sound chip's hashes it computes, 0 to 2: [[5, 0.9]] makes chip 5 weak by 10 %."),
    key(Unit, "unit.simulated.silicon.dead", Wholes, Means("none"),
        "Chips that compute nothing."),
    key(Unit, "unit.simulated.silicon.dead_cores", Pairs, Means("none"),
        "Chip, and a core of it, from 0, that computes nothing."),
    key(Unit, "unit.simulated.assume", Texts, Means("the model's own values"),
        "Parameters of the physics that are assumed otherwise, NAME=VALUE; `sim --parameters` lists them."),
    key(Unit, "unit.simulated.spread", Section, Means("units differ in nothing but their chips' speeds"),
        "How the units of the model differ, and which of them this is."),
    key(Unit, "unit.simulated.spread.serial", Whole, Means("a unit of its own in every run"),
        "Which unit: the seed of all that the maker left to chance."),
    key(Unit, "unit.simulated.spread.leakage", Number, Value("0"),
        "Standard deviation of the logarithm of a chip's leakage."),
    key(Unit, "unit.simulated.spread.speed", Number, Value("0"),
        "Standard deviation of a unit's mean fastest clock, as a fraction of the model's."),
    key(Unit, "unit.simulated.spread.sensor_k", Number, Value("0"),
        "Standard deviation of the constant error of a temperature sensor, K."),
    key(Unit, "unit.simulated.spread.dead_core", Number, Value("0"),
        "Probability that a core is dead."),
    key(Unit, "stratum", Section, Means("bare chips have none"),
        "The Stratum server that the unit gets its work from."),
    key(Unit, "stratum.listen", Address, Required,
        "Address that the server listens on; port 0 is any free one."),
    key(Unit, "stratum.worker", Text, Required,
        "Worker name that the unit authorises with; `*` for any."),
    key(Unit, "stratum.connects_from", Text, Means("the address of api.address, of which all of loopback is one"),
        "IP address that the unit's connection comes from, of a router or proxy that stands between. A connection from \
         elsewhere is refused: the interlock would watch one unit while another is driven. Behind a router any machine \
         comes from this address, so give each unit its own worker name."),
    key(Unit, "stratum.connect_timeout_seconds", Number, Value("30"),
        "Wall time that the unit is given to connect, s."),
    key(Unit, "stratum.max_unauthorised", Whole, Value("2048"),
        "Connections to `listen` that have not authorised yet, at most; beyond that the oldest of the address with the most is closed."),
    key(Unit, "api", Section, Means("bare chips have none"),
        "The unit's control interface."),
    key(Unit, "api.address", Address, Required,
        "Its address: of the cgminer API of an S9, of the web server of the others."),
    key(Unit, "api.poll_seconds", Number, Required,
        "Time between two readings, s of the unit's time."),
    key(Unit, "api.password_env", Text, Means("the maker's own password is tried"),
        "Environment variable that holds the password of the web page. The password itself stands in no file."),
    key(Unit, "api.cgminer", Address, Means("there is none"),
        "Address of a second interface, the cgminer API of an LB-Box, read where the first fails."),
    key(Unit, "serial", Section, Means("the unit is on a network"),
        "The line that bare chips are on."),
    key(Unit, "serial.port", Path, Required,
        "Device file of the port; a simulated chain makes its own."),
    key(Unit, "serial.chips", Whole, Required,
        "Chips in the chain, 1 to 63."),
    key(Unit, "serial.frequency_mhz", Number, Required,
        "Clock that they are ramped to, MHz."),
    key(Unit, "serial.ticket_difficulty", Whole, Required,
        "Difficulty from which the chips report a nonce, a power of two."),
    key(Unit, "serial.without_temperature_sensor", Switch, Required,
        "Must be true: you have seen that no interlock can watch these chips, and watch them by other means."),
    key(Unit, "operating_point", Section, Means("it stays as the unit has it"),
        "Where the unit runs during a run."),
    key(Unit, "operating_point.frequency_mhz", Number, Means("it stays as the unit has it"),
        "Chip clock, MHz."),
    key(Unit, "operating_point.voltage_v", Number, Means("it stays as the unit has it"),
        "Core voltage, V."),
    key(Unit, "operating_point.fan", Number, Means("it stays as the unit has it"),
        "Fan speed, 0 to 1."),
    key(Unit, "operating_point.mode", Choice(&["normal", "low_power", "sleep"]), Means("it stays as the unit has it"),
        "Power plan."),
    key(Unit, "interlock", Section, Means("the model's limits"),
        "Where the interlock is to be stricter than the model demands; it can only be stricter."),
    key(Unit, "interlock.chip_stop", Number, Means("the model's limit"),
        "Chip temperature at which the unit is stopped, °C."),
    key(Unit, "interlock.board_stop", Number, Means("the model's limit"),
        "Circuit-board temperature at which it is stopped, °C."),
    key(Unit, "interlock.regulator_stop", Number, Means("the model's limit"),
        "Regulator temperature at which it is stopped, °C."),
    key(Unit, "interlock.hysteresis", Number, Means("the model's limit"),
        "How far all must cool below their limit before it may run again, K."),
    key(Unit, "interlock.stale_after_seconds", Number, Means("the model's limit"),
        "Age at which a reading no longer counts, s."),
    key(Unit, "interlock.rate", Number, Means("the model's limit"),
        "Fastest rise that is plausible, K/s."),
    key(Unit, "interlock.reaction_seconds", Number, Means("the model's limit"),
        "Time to react that is allowed for, s."),
    key(Unit, "interlock.dwell_seconds", Number, Means("the model's limit"),
        "Time for which all must be well before it may run again, s."),
    key(Unit, "interlock.frequency_max", Number, Means("the model's limit"),
        "Highest clock, MHz."),
    key(Unit, "interlock.voltage_max", Number, Means("the model's limit"),
        "Highest voltage, V."),
    key(Unit, "interlock.fan_min", Number, Means("the model's limit"),
        "Lowest fan speed, 0 to 1."),
    key(Unit, "step", Section, Required,
        "A step of an experiment."),
    key(Unit, "step.hold_seconds", Number, Required,
        "Shortest length, s of the unit's time."),
    key(Unit, "step.shares", Whole, Required,
        "Answers that it needs; 0 for steps of equal length."),
    key(Unit, "step.timeout_seconds", Number, Required,
        "Longest length, s of the unit's time."),
    key(Unit, "step.difficulty", Number, Required,
        "Share difficulty."),
    key(Unit, "step.duty_min", Number, Required,
        "Part of its time that the unit hashes at the largest input, 0.2 to 1; 1 at the smallest."),
    key(Rack, "units", Texts, Means("none beside the proxied ones"),
        "Files of the units that the program drives, relative to this one."),
    key(Rack, "proxied", Texts, Means("none"),
        "Files of the units that mine through the proxy but for experiments, relative to this one."),
    key(Rack, "proxy", Path, Means("no proxy runs"),
        "File of the proxy, relative to this one."),
    key(Rack, "daemon", Section, Means("every key's own default"),
        "What `thermine run` is to do."),
    key(Rack, "daemon.listen", Address, Value("127.0.0.1:8080"),
        "Address of the web page and the HTTP API. Any that can be reached from elsewhere needs a token."),
    key(Rack, "daemon.token_file", Path, Means("none; THERMINE_TOKEN may hold it"),
        "File with the token of the HTTP API, relative to this one. The token itself stands in no configuration."),
    key(Rack, "daemon.hosts", Texts, Means("only localhost and the addresses of loopback"),
        "Names by which the web page on loopback may be called besides, of a reverse proxy in front of it."),
    key(Rack, "daemon.data", Path, Value("runs/daemon"),
        "Folder of the queue and of the experiments' reports, relative to where the program is started."),
    key(Rack, "daemon.captures", Path, Means("nothing of it is kept"),
        "Folder of the captures of what units do live, a file each, relative to where the program is started; or the URL of \
         a PostgreSQL database. A share is then acknowledged when it is kept. An S9 fills some 250 MB a day."),
    key(Rack, "daemon.files", Path, Means("`files` in daemon.data"),
        "Folder of the data files that queued jobs may name, relative to where the program is started. A job reads no \
         other file, but for captures in daemon.captures and in the folders of earlier jobs."),
    key(Rack, "daemon.analysis_mib", Whole, Value("2048"),
        "Memory that the analysis of a queued job may take, MiB. It runs in a process of its own, which ends beyond it."),
    key(Rack, "daemon.analysis_seconds", Number, Value("3600"),
        "Time that the analysis of a queued job may take, s. Then its process is ended."),
    key(Rack, "daemon.live", Choice(&["narma10", "off"]), Value("narma10"),
        "What a unit does between experiments: NARMA-10, learnt as it runs, or nothing but being watched."),
    key(Rack, "daemon.step_seconds", Number, Means("the unit's step.hold_seconds"),
        "Length of a live step, s of the unit's time."),
    key(Rack, "daemon.speed", Number, Value("1"),
        "Seconds of the unit's time per second, of simulated units that do not say. What a socket takes counts as many \
         times: far above 10 the unit lags, and a readout trained in virtual time is off."),
    key(Rack, "daemon.seed", Whole, Value("1"),
        "Seed of the live task, of the simulated units and of the statistics."),
    key(Rack, "readout", Sections, Means("every unit learns as it runs"),
        "A trained readout that is applied to a unit's live states."),
    key(Rack, "readout.unit", Text, Required,
        "Name of the unit."),
    key(Rack, "readout.file", Path, Required,
        "The readout: a `readout-….json` of a training run on this unit, relative to this file."),
    key(Proxy, "proxy", Section, Required,
        "The proxy itself."),
    key(Proxy, "proxy.listen", Address, Required,
        "Address that units connect to. Anyone who can reach it can connect."),
    key(Proxy, "proxy.journal", Path, Required,
        "File of the share journal, relative to where the program is started."),
    key(Proxy, "proxy.report_seconds", Number, Value("60"),
        "Time between two reports, s."),
    key(Proxy, "proxy.difficulty_scale", Number, Value("1"),
        "Factor on the difficulty that a hash must really meet; 1 for hardware."),
    key(Proxy, "proxy.return_seconds", Number, Value("60"),
        "How often a better pool is tried while at another, s."),
    key(Proxy, "proxy.keep_seconds", Number, Value("600"),
        "How long a share is kept for a pool that is away, s."),
    key(Proxy, "pool", Sections, Required,
        "A pool; the first is preferred."),
    key(Proxy, "pool.url", Text, Required,
        "`stratum+tcp://HOST:PORT`, or `stratum+ssl://HOST:PORT`."),
    key(Proxy, "pool.user", Text, Required,
        "Account there."),
    key(Proxy, "pool.password_env", Text, Means("`x` is sent"),
        "Environment variable that holds its password. The password itself stands in no file."),
    key(Proxy, "pool.reconnect_hosts", Texts, Means("only its own"),
        "Hosts that its `client.reconnect` may lead to, beside its own."),
    key(Proxy, "pool.ca_file", Path, Means("those that browsers trust"),
        "PEM file with a certificate to be trusted beside them."),
    key(Proxy, "pool.timeout_seconds", Number, Value("15"),
        "Time for connecting and for each answer, s."),
    key(Proxy, "pool.silence_seconds", Number, Value("300"),
        "Time without a line after which it counts as dead, s."),
    key(Proxy, "simulated_pool", Section, Means("all pools are real"),
        "Set if the program plays the first pool itself."),
    key(Proxy, "simulated_pool.difficulty", Number, Required,
        "Share difficulty."),
    key(Proxy, "simulated_pool.block_seconds", Number, Required,
        "Time between blocks, s."),
    key(Proxy, "units", Section, Required,
        "The units."),
    key(Proxy, "units.share_seconds", Number, Value("3"),
        "Wanted mean time between a unit's shares, s."),
    key(Proxy, "units.difficulty_first", Number, Required,
        "Difficulty of a unit that has just come and suggests none."),
    key(Proxy, "units.difficulty_least", Number, Value("1"),
        "Easiest difficulty."),
    key(Proxy, "units.difficulty_most", Number, Value("1e12"),
        "Hardest difficulty; the pool's own is never exceeded either."),
    key(Proxy, "units.max_connections", Whole, Value("10000"),
        "Units connected at most."),
    key(Proxy, "units.max_unauthorised", Whole, Value("2048"),
        "Connections that have not authorised yet, at most; beyond that the oldest of the address with the most is closed."),
    key(Proxy, "units.ban_invalid", Whole, Value("100"),
        "Invalid shares within a minute for which a unit is banned."),
    key(Proxy, "units.ban_seconds", Number, Value("600"),
        "How long it is then kept out, s."),
    key(Proxy, "units.idle_seconds", Number, Value("600"),
        "Time without a line after which a unit is given up, s."),
    key(Proxy, "units.lead_seconds", Number, Value("0.1"),
        "How long the queue of a unit that runs dry lasts at least, s."),
    key(Proxy, "units.ranged", Sections, Means("all units roll extranonce2"),
        "Units that go through one range of nonces a job and then stop."),
    key(Proxy, "units.ranged.worker", Text, Required,
        "Worker name; a `*` at its end stands for any end."),
    key(Proxy, "units.ranged.range", Number, Required,
        "Hashes of a job."),
    key(Proxy, "units.ranged.hash_rate", Number, Required,
        "Hashes per second, to begin with."),
];

/// Keys that had another name in older versions: the section, the old name and the new one.
const RENAMED: [(File, &str, &str, &str); 3] = [
    (Unit, "", "point", "operating_point"),
    (Unit, "serial", "unsensed", "without_temperature_sensor"),
    (Proxy, "units", "most", "max_connections"),
];

impl File {
    /// The keys that a file of this kind may have.
    pub fn keys(self) -> impl Iterator<Item = &'static Key> {
        KEYS.iter().filter(move |key| key.file == self)
    }

    /// The key at `path`.
    #[cfg(test)]
    fn key(self, path: &str) -> Option<&'static Key> {
        self.keys().find(|key| key.path == path)
    }

    /// The name that the key `name` of `section` has now, if that is an older name.
    pub(super) fn newer(self, section: &str, name: &str) -> Option<&'static str> {
        let renamed = RENAMED
            .iter()
            .find(|(file, of, old, _)| *file == self && *of == section && *old == name);
        renamed.map(|(.., new)| *new)
    }

    /// Gives the keys of `table`, a whole file, their present names. Returns every older name with the new one.
    pub(super) fn rename(self, table: &mut toml::Table) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for (_, section, old, new) in RENAMED.iter().filter(|(file, ..)| *file == self) {
            let holder = match *section {
                "" => Some(&mut *table),
                section => table.get_mut(section).and_then(toml::Value::as_table_mut),
            };
            if let Some(holder) = holder
                && let Some(value) = holder.remove(*old)
            {
                holder.entry(*new).or_insert(value);
                let whole = |name: &str| format!("{section}.{name}").trim_matches('.').to_string();
                found.push((whole(old), whole(new)));
            }
        }
        found
    }

    /// Says the present names of the keys in `text`, the file `path`, that have older names.
    pub(super) fn say_newer(self, path: &std::path::Path, text: &str) {
        let mut table: toml::Table = toml::from_str(text).unwrap_or_default();
        for (old, new) in self.rename(&mut table) {
            tracing::warn!("{}: {old} is now called {new}", path.display());
        }
    }

    /// The keys directly in the section `section`; the empty one is the file itself.
    pub(crate) fn section(self, section: &str) -> impl Iterator<Item = &'static Key> {
        self.keys().filter(move |key| key.section() == section)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, proxy, rack};

    /// The keys that the parser accepts in `section` of `file`, from what it says of one that it does not.
    fn accepted(file: File, section: &str) -> Vec<String> {
        let mut text = String::new();
        // Every section above it must be there, and be what it should be.
        let parts: Vec<&str> = section.split('.').filter(|part| !part.is_empty()).collect();
        for end in 1..=parts.len() {
            let path = parts[..end].join(".");
            let many = file
                .key(&path)
                .is_some_and(|key| key.holds == Holds::Sections);
            text.push_str(&if many {
                format!("[[{path}]]\n")
            } else {
                format!("[{path}]\n")
            });
        }
        text.push_str("no_such_key = 1\n");
        let error = match file {
            File::Unit => toml::from_str::<Config>(&text).map(drop),
            File::Rack => toml::from_str::<rack::File>(&text).map(drop),
            File::Proxy => toml::from_str::<proxy::Config>(&text).map(drop),
        };
        let said = error.expect_err("no such key").message().to_string();
        let (_, list) = said
            .split_once("expected")
            .unwrap_or_else(|| panic!("{}, [{section}]: {said}", file.name()));
        let mut words: Vec<String> = list
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(|word| file.newer(section, word).is_none())
            .map(str::to_string)
            .collect();
        words.sort();
        words
    }

    #[test]
    fn every_key_that_is_accepted_is_explained_and_the_other_way_round() {
        for file in File::ALL {
            let sections = file
                .keys()
                .filter(|key| matches!(key.holds, Holds::Section | Holds::Sections))
                .map(|key| key.path);
            for section in std::iter::once("").chain(sections) {
                let mut explained: Vec<&str> = file.section(section).map(Key::name).collect();
                explained.sort_unstable();
                assert_eq!(
                    accepted(file, section),
                    explained,
                    "{}, [{section}]",
                    file.name()
                );
            }
        }
    }

    #[test]
    fn the_values_that_stand_in_are_the_parsers_own() {
        let given = |file: File, section: &str| -> String {
            file.section(section)
                .filter_map(|key| match (key.missing, key.holds) {
                    (Missing::Value(value), Holds::Address | Holds::Path | Holds::Choice(_)) => {
                        Some(format!("{} = \"{value}\"\n", key.name()))
                    }
                    (Missing::Value(value), _) => Some(format!("{} = {value}\n", key.name())),
                    _ => None,
                })
                .collect()
        };
        let text = |with: bool| {
            let given = |section| {
                if with {
                    given(File::Proxy, section)
                } else {
                    String::new()
                }
            };
            format!(
                "[proxy]\nlisten = \"127.0.0.1:1\"\njournal = \"a\"\n{}[[pool]]\nurl = \"a\"\nuser = \"b\"\n{}\
                 [units]\ndifficulty_first = 1\n{}",
                given("proxy"),
                given("pool"),
                given("units")
            )
        };
        let parse = |text: String| toml::from_str::<proxy::Config>(&text).expect("sound");
        assert_eq!(parse(text(true)), parse(text(false)));
        let daemon = format!("units = []\n[daemon]\n{}", given(File::Rack, "daemon"));
        let parse = |text: &str| toml::from_str::<rack::File>(text).expect("sound");
        assert_eq!(parse(&daemon), parse("units = []"));
        assert!(given(File::Unit, "stratum").contains("= 30"));
    }

    #[test]
    fn older_names_of_keys_are_still_read() {
        let text = include_str!("../../../../configs/sim-lv06.toml");
        let old = text.replace("[operating_point]", "[point]");
        assert_ne!(old, text);
        let read = |text: &str| toml::from_str::<Config>(text).expect("sound");
        assert_eq!(read(&old), read(text));
        let mut table: toml::Table = toml::from_str(&old).expect("TOML");
        let renamed = File::Unit.rename(&mut table);
        assert_eq!(renamed, [("point".into(), "operating_point".into())]);
        // As captures keep it, whose fingerprint does not change with a name.
        assert!(
            read(text)
                .fingerprint()
                .expect("TOML")
                .0
                .contains("[point]")
        );
    }

    #[test]
    fn no_key_stands_twice_and_every_section_is_a_key() {
        for file in File::ALL {
            let all: Vec<&Key> = file.keys().collect();
            for (i, key) in all.iter().enumerate() {
                let again = all[..i].iter().any(|other| other.path == key.path);
                assert!(!again, "{}", key.path);
                assert!(key.doc.ends_with('.'), "{}", key.path);
                let section = key.section();
                assert!(
                    section.is_empty() || file.key(section).is_some(),
                    "{section}"
                );
            }
        }
    }
}
