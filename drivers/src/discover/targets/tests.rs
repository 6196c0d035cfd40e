use super::*;
use proptest::prelude::*;

fn read(text: &str) -> Asked {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn hosts(text: &str) -> Vec<IpAddr> {
    match read(text) {
        Asked::Network(network) => {
            let hosts: Vec<_> = network.hosts().collect();
            assert_eq!(hosts.len() as u128, network.count(), "{text}");
            hosts
        }
        other => panic!("{text} is {other:?}"),
    }
}

#[test]
fn addresses_may_have_a_port() {
    for (text, address, port) in [
        ("192.168.1.7", "192.168.1.7", None),
        ("192.168.1.7:4028", "192.168.1.7", Some(4028)),
        ("fd00::7", "fd00::7", None),
        ("[fd00::7]:80", "fd00::7", Some(80)),
        ("127.0.0.1:1", "127.0.0.1", Some(1)),
    ] {
        let target = Target {
            ip: ip(address),
            port,
        };
        assert_eq!(read(text), Asked::Address(target));
        assert_eq!(target.to_string(), text);
    }
}

#[test]
fn names_may_have_a_port() {
    for (text, name, port) in [
        ("miner", "miner", None),
        ("host.name", "host.name", None),
        ("s9-3.lab.example.:4028", "s9-3.lab.example.", Some(4028)),
        ("3com.example", "3com.example", None),
    ] {
        let name = name.to_owned();
        assert_eq!(read(text), Asked::Name { name, port });
    }
}

#[test]
fn networks_leave_out_what_is_no_host() {
    let all = hosts("192.168.1.0/24");
    assert_eq!(all.len(), 254);
    assert_eq!(all[0], ip("192.168.1.1"));
    assert_eq!(all[253], ip("192.168.1.254"));
    assert_eq!(hosts("192.168.1.77/24"), all, "any address of the network");
    assert_eq!(hosts("10.0.0.4/31"), [ip("10.0.0.4"), ip("10.0.0.5")]);
    assert_eq!(hosts("10.0.0.4/32"), [ip("10.0.0.4")]);
    let all = hosts("fd00::/120");
    assert_eq!((all.len(), all[0]), (255, ip("fd00::1")));
    assert_eq!(all[254], ip("fd00::ff"), "IPv6 has no broadcast");
    assert_eq!(hosts("fd00::5/128"), [ip("fd00::5")]);
    assert_eq!(hosts("255.255.255.0/24").len(), 254);
    let first = Network::new(ip("::"), 0).expect("a network");
    assert_eq!(first.count(), u128::MAX, "no overflow");
}

#[test]
fn what_is_no_target_is_refused_with_a_reason() {
    for (text, why) in [
        ("", "neither an address nor a host name"),
        ("192.168.1", "no complete address"),
        ("192.168.1.300", "no complete address"),
        ("0x7f.0x1", "no complete address"),
        ("3232235777", "no complete address"),
        ("192.168.1.0/33", "longer than the address"),
        ("192.168.1.0/+24", "no number of bits"),
        ("192.168.1.0/", "no number of bits"),
        ("192.168.1.0:80/24", "without a port"),
        ("host/24", "without a port"),
        ("fe80::1%eth0", "the colon is no port"),
        ("[fe80::1%3]:80", "with an interface"),
        ("host:0", "no port"),
        ("192.168.1.7:0", "no port 0"),
        ("192.168.1.7:70000", "the colon is no port"),
        ("http://host", "without a port"),
        ("two words", "neither"),
        ("-rf", "neither"),
        ("0.0.0.0", "no host's"),
        ("[::]:80", "no host's"),
        ("224.0.0.1", "many hosts"),
        ("ff02::1", "many hosts"),
        ("224.0.0.0/24", "many hosts"),
        ("255.255.255.255", "many hosts"),
    ] {
        let error = text.parse::<Asked>().expect_err(text).to_string();
        assert!(error.contains(why), "{text}: {error}");
        assert!(error.contains("192.168.1.0/24"), "what would do: {error}");
    }
    let long = "a.".repeat(200);
    let error = long.parse::<Asked>().expect_err("long").to_string();
    assert!(error.len() < 600, "{error}");
}

#[tokio::test]
async fn each_target_once_in_order_and_not_too_many() {
    let arguments = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
    let targets = resolve(&arguments(&["10.0.0.2", "10.0.0.0/30", "10.0.0.2:80"])).await;
    let shown: Vec<_> = targets
        .expect("targets")
        .iter()
        .map(Target::to_string)
        .collect();
    assert_eq!(shown, ["10.0.0.2", "10.0.0.1", "10.0.0.2:80"]);

    let most = resolve(&arguments(&["10.0.0.0/16"])).await.expect("fits");
    assert_eq!(most.len(), MOST - 2);
    for list in [
        &["10.0.0.0/15"][..],
        &["fd00::/64"],
        &["0.0.0.0/0"],
        &["::/0"],
        &["10.0.0.0/16", "10.1.0.0/24"],
    ] {
        let error = resolve(&arguments(list)).await.expect_err("too many");
        assert!(matches!(error, TargetError::TooMany { .. }), "{error}");
        assert!(error.to_string().contains("smaller networks"), "{error}");
    }
    let error = resolve(&arguments(&["localhost", "10.0.0.0/15", "bad name"])).await;
    let error = error.expect_err("read before any name goes out");
    assert!(matches!(error, TargetError::Unreadable { .. }), "{error}");
}

#[tokio::test]
async fn a_name_stands_for_all_of_its_addresses() {
    let targets = resolve(&["localhost:4028".to_owned()])
        .await
        .expect("known");
    assert!(!targets.is_empty());
    for target in targets {
        assert!(target.ip.is_loopback(), "{target}");
        assert_eq!(target.port, Some(4028));
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,40}") {
        let _ = text.parse::<Asked>();
    }

    /// Whatever is near to a target: what is read is a host of the network that was named.
    #[test]
    fn a_networks_hosts_are_in_it(text in "(10|192|255|0)\\.[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}/(1[6-9]|2[0-9]|3[0-2])") {
        if let Ok(Asked::Network(network)) = text.parse() {
            let mut last = None;
            for host in network.hosts() {
                let of = Network::new(host, network.prefix).expect("a network");
                prop_assert_eq!(of, network);
                prop_assert!(Some(host) > last, "in order");
                last = Some(host);
            }
            prop_assert!(last.is_some());
        }
    }
}
