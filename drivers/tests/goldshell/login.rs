//! Logging in, and what is done about a 401.

use std::num::NonZeroU32;

use thermine_drivers::goldshell::reply::Setting;
use thermine_drivers::goldshell::{Client, Failure, HttpError, Secret};
use thermine_sim::goldshell::{Faults, Firmware};
use thermine_sim::params::Params;

use crate::support::{Unit, client, client_with, quick, reply, server};

async fn setting(client: &Client) -> Result<Setting, HttpError> {
    client.read("/mcb/setting", &[], Setting::parse).await
}

fn with(faults: Faults) -> Firmware {
    Firmware {
        faults,
        ..Firmware::default()
    }
}

#[tokio::test]
async fn the_password_goes_in_plain_text_or_enciphered() {
    for ciphered_login_only in [false, true] {
        let firmware = Firmware {
            password: Secret::new("longer than a block, & odd=%"),
            ..with(Faults {
                ciphered_login_only,
                ..Faults::default()
            })
        };
        let unit = Unit::start(firmware).await;
        let right = client_with(unit.http, "longer than a block, & odd=%", quick());
        setting(&right).await.expect("logged in");
        let wrong = client_with(unit.http, "longer", quick());
        let error = setting(&wrong).await.expect_err("wrong password");
        assert_eq!(error.failure, Failure::WrongPassword);
        assert_eq!(error.path, "/user/login");
        assert!(error.is_fatal());
    }
}

#[tokio::test]
async fn old_firmware_is_not_asked_for_a_token() {
    let open = Faults {
        open: true,
        ..Faults::default()
    };
    let unit = Unit::start(with(open)).await;
    let client = client_with(unit.http, "whatever", quick());
    setting(&client).await.expect("open");
}

#[tokio::test]
async fn a_token_is_kept_and_asked_for_anew_once_it_is_refused() {
    let unit = Unit::start(Firmware::default()).await;
    let client = unit.client();
    setting(&client).await.expect("logged in");
    let addr = unit.http;
    unit.stop().await;
    let error = setting(&client).await.expect_err("gone");
    assert_eq!(error.failure, Failure::Refused);
    assert!(!error.is_fatal());

    let other = Firmware {
        token: Secret::new("another"),
        ..Firmware::default()
    };
    let http = tokio::net::TcpListener::bind(addr).await.expect("the port");
    let _unit = Unit::with(other, Params::lb_box(), http).await;
    setting(&client).await.expect("logged in again");
}

#[tokio::test]
async fn a_spurious_401_is_overcome_without_a_login() {
    let ok = || reply(200, "{}");
    let (addr, requests) = server(vec![
        reply(401, ""),
        reply(200, r#"{"JWT Token":"t"}"#),
        ok(),
        reply(401, ""),
        ok(),
    ])
    .await;
    let client = client(addr);
    setting(&client).await.expect("logged in");
    setting(&client).await.expect("shown twice");
    let setting = "GET /mcb/setting";
    assert_eq!(
        requests.paths(),
        [setting, "GET /user/login", setting, setting, setting]
    );
    let shown = |request: &String| request.contains("authorization: Bearer t\r\n");
    let shown: Vec<bool> = requests.all().iter().map(shown).collect();
    assert_eq!(shown, [false, false, true, true, true]);
}

#[tokio::test]
async fn many_spurious_401s_disturb_no_reading() {
    let faults = Faults {
        spurious_401: NonZeroU32::new(3),
        ..Faults::default()
    };
    let unit = Unit::start(with(faults)).await;
    let client = unit.client();
    for _ in 0..20 {
        setting(&client).await.expect("overcome");
    }
}

#[tokio::test]
async fn a_unit_that_refuses_its_own_token_is_given_up() {
    let (addr, requests) = server(vec![
        reply(401, ""),
        reply(200, r#"{"JWT Token":"t"}"#),
        reply(401, ""),
        reply(401, ""),
        reply(401, ""),
        reply(200, r#"{"JWT Token":"t"}"#),
        reply(401, ""),
    ])
    .await;
    let client = client(addr);
    for asked in [3, 7] {
        let error = setting(&client).await.expect_err("refused");
        assert_eq!(error.failure, Failure::Unauthorised);
        assert_eq!(requests.paths().len(), asked);
    }
    let paths = requests.paths();
    let logins = paths.iter().filter(|path| path.ends_with("/login"));
    assert_eq!(logins.count(), 2, "{paths:?}");
}

#[tokio::test]
async fn a_login_that_is_never_json_or_refused_by_status_has_its_error() {
    for (act, failure) in [
        (reply(404, "no"), Failure::WrongPassword),
        (reply(503, "no"), Failure::Status(503)),
    ] {
        let (addr, _) = server(vec![reply(401, ""), act]).await;
        let limits = thermine_drivers::goldshell::Limits {
            retries: 0,
            ..quick()
        };
        let error = setting(&client_with(addr, "x", limits))
            .await
            .expect_err("no login");
        assert_eq!(error.failure, failure);
    }
    let (addr, requests) = server(vec![reply(401, ""), reply(200, "<html>")]).await;
    let error = setting(&client(addr)).await.expect_err("no login");
    assert!(
        matches!(error.failure, Failure::Unreadable { bytes: 6, .. }),
        "{error}"
    );
    let all = requests.all();
    assert!(all[1].contains("cipher=false") && all[2].contains("cipher=true"));
}
