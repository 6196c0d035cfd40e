//! Who we are to a PostgreSQL server: the password, which is never in a URL, and the way there, which beyond this
//! machine is always TLS with a certificate that is checked.
//!
//! The password is that of the variable `PGPASSWORD`, or of the file that `PGPASSFILE` names, or of `~/.pgpass`,
//! each as the server's own programs take it (PostgreSQL documentation, "The Password File").

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use postgres::config::{Host, SslMode};
use postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

use crate::error_chain::chain;
use crate::secret_file;
use crate::{StoreError, database};

/// Time for a server to answer, unless its URL says otherwise.
const PATIENCE: Duration = Duration::from_secs(10);

/// Time for which a server may leave what we sent unconfirmed before the connection counts as lost.
const SILENCE: Duration = Duration::from_secs(30);

/// Most bytes of a password file that are read.
const MOST_BYTES: u64 = 1 << 20;

/// Connects to the server at `url`.
pub(super) fn connect(url: &str) -> Result<Client, StoreError> {
    let content = |what: String| StoreError::Content {
        path: PathBuf::from(url),
        what,
    };
    let mut config: Config = url
        .parse()
        .map_err(|error| content(format!("is no URL of a database: {error}")))?;
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        return Err(content("names no host".into()));
    }
    if config.get_user().is_none() {
        return Err(content(
            "names no user: write postgres://USER@HOST/DATABASE".into(),
        ));
    }
    config.application_name("thermine");
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(PATIENCE);
    }
    config.tcp_user_timeout(SILENCE);
    if let Some(password) = password(&config, |name| std::env::var(name).ok()).map_err(&content)? {
        config.password(password);
    }
    let mode = mode(&config).map_err(&content)?;
    config.ssl_mode(mode);
    let fail = |error: postgres::Error| database("cannot connect to", Path::new(url))(error);
    if config.get_ssl_mode() == SslMode::Disable {
        return config.connect(NoTls).map_err(fail);
    }
    let tls = MakeRustlsConnect::new(tls(std::env::var("PGSSLROOTCERT").ok()).map_err(&content)?);
    config.connect(tls).map_err(|error| {
        let why = causes(&error);
        if why.contains("certificate") {
            content(format!(
                "cannot trust the server's certificate: {why}; name the file of the authority that signed it in \
                 PGSSLROOTCERT"
            ))
        } else {
            fail(error)
        }
    })
}

/// What `error` says, and what caused it.
fn causes(error: &postgres::Error) -> String {
    let first: &dyn std::error::Error = error;
    let all = std::iter::successors(Some(first), |error| error.source());
    let said: Vec<String> = all.map(ToString::to_string).collect();
    said.join(": ")
}

/// How the connection is protected. A URL can ask for more than the rule, never for less: beyond this machine it is TLS.
fn mode(config: &Config) -> Result<SslMode, String> {
    match (config.get_ssl_mode(), is_near(config)) {
        (SslMode::Disable, false) => Err(
            "sslmode=disable would send the password and the captures unencrypted beyond this machine: leave it out"
                .into(),
        ),
        (_, false) | (SslMode::Require, true) => Ok(SslMode::Require),
        // A server on this machine often has a certificate that nobody has signed, and needs none.
        _ => Ok(SslMode::Disable),
    }
}

/// Whether all its hosts are sockets or loopback addresses of this machine.
fn is_near(config: &Config) -> bool {
    config.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => {
            name == "localhost"
                || name
                    .parse::<std::net::IpAddr>()
                    .is_ok_and(|address| address.is_loopback())
        }
        Host::Unix(_) => true,
    }) && config
        .get_hostaddrs()
        .iter()
        .all(std::net::IpAddr::is_loopback)
}

/// Trusts the authorities of the file `root`, or those that browsers trust.
fn tls(root: Option<String>) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    match root {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(file) => {
            let wrong = |what: String| format!("PGSSLROOTCERT names {file}: {what}");
            let certificates =
                CertificateDer::pem_file_iter(&file).map_err(|error| wrong(error.to_string()))?;
            for certificate in certificates {
                let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
                roots
                    .add(certificate)
                    .map_err(|error| wrong(error.to_string()))?;
            }
        }
    }
    let provider = Arc::new(crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// The password for `config`; `None` if there is none, as where the server trusts us.
fn password(
    config: &Config,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Option<String>, String> {
    if let Some(password) = variable("PGPASSWORD") {
        return Ok(Some(password));
    }
    let named = variable("PGPASSFILE").map(PathBuf::from);
    let asked = named.is_some();
    let file = named.or_else(|| Some(Path::new(&variable("HOME")?).join(".pgpass")));
    let Some(file) = file.filter(|file| asked || file.exists()) else {
        return Ok(None);
    };
    let text = secret_file::read(&file, MOST_BYTES).map_err(|error| chain(&error))?;
    Ok(text.lines().find_map(|line| matching(line, config)))
}

/// The password of a line `host:port:database:user:password`, if it is meant for `config`.
fn matching(line: &str, config: &Config) -> Option<String> {
    if line.starts_with('#') {
        return None;
    }
    let mut fields = vec![String::new()];
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        let full = fields.len() == 5;
        let last = fields.last_mut()?;
        match character {
            '\\' => last.extend(characters.next()),
            ':' if !full => fields.push(String::new()),
            other => last.push(other),
        }
    }
    let [host, port, database, user, password] = <[String; 5]>::try_from(fields).ok()?;
    let is = |field: &str, value: &str| field == "*" || field == value;
    let hosts = config.get_hosts().iter().any(|known| match known {
        Host::Tcp(name) => is(&host, name),
        Host::Unix(folder) => is(&host, "localhost") || is(&host, &folder.to_string_lossy()),
    });
    let addresses = config.get_hostaddrs().iter();
    let known = hosts || addresses.into_iter().any(|a| is(&host, &a.to_string()));
    let at = config.get_ports().first().copied().unwrap_or(5432);
    let name = config
        .get_dbname()
        .or(config.get_user())
        .unwrap_or_default();
    (known
        && is(&port, &at.to_string())
        && is(&database, name)
        && is(&user, config.get_user().unwrap_or_default()))
    .then_some(password)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn config(url: &str) -> Config {
        url.parse().expect("a URL")
    }

    #[test]
    fn a_password_is_found_where_the_servers_own_programs_find_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("pass");
        std::fs::write(
            &file,
            "# comment\nother:*:*:u:no\nh:5432:captures:u:a\\:b\\\\c:d\n*:*:*:*:last\n",
        )
        .expect("written");
        let mode = |mode| std::fs::set_permissions(&file, PermissionsExt::from_mode(mode));
        let variable = |name: &str| (name == "PGPASSFILE").then(|| file.display().to_string());
        let of = |url: &str| password(&config(url), variable);
        mode(0o644).expect("set");
        let error = of("postgres://u@h/captures").expect_err("refused");
        assert!(error.contains("chmod 600"), "{error}");
        mode(0o600).expect("set");
        let found = |url: &str| of(url).expect("read").expect("a password");
        assert_eq!(found("postgres://u@h/captures"), "a:b\\c:d");
        assert_eq!(found("postgres://u@h:5433/captures"), "last");
        assert_eq!(found("postgres://v@h/captures"), "last");
        let both = |name: &str| (name == "PGPASSWORD").then(|| "variable".to_string());
        let none = |_: &str| None;
        let url = config("postgres://u@h/captures");
        assert_eq!(password(&url, both), Ok(Some("variable".into())));
        assert_eq!(password(&url, none), Ok(None));
    }

    #[test]
    fn a_url_cannot_weaken_the_protection_of_a_connection() {
        let of = |url: &str| mode(&config(url));
        for near in [
            "postgres://u@127.0.0.1/d",
            "postgres://u@localhost/d?sslmode=disable",
        ] {
            assert_eq!(of(near), Ok(SslMode::Disable), "{near}");
        }
        for tls in [
            "postgres://u@localhost/d?sslmode=require",
            "postgres://u@h/d",
            "postgres://u@h/d?sslmode=prefer",
            "postgres://u@h/sslmode=disable",
            "postgres://u@127.0.0.1,h/d",
        ] {
            assert_eq!(of(tls), Ok(SslMode::Require), "{tls}");
        }
        for far in [
            "postgres://u@h/d?sslmode=disable",
            "postgres://u@127.0.0.1:1,192.0.2.1:5432/d?sslmode=disable",
        ] {
            assert!(of(far).is_err(), "{far}");
        }
    }

    #[test]
    fn only_this_machine_is_near() {
        for near in [
            "postgres://u@127.0.0.1/d",
            "postgres://u@[::1]/d",
            "postgres://u@localhost/d",
            "postgres://u@%2Ftmp/d",
        ] {
            assert!(is_near(&config(near)), "{near}");
        }
        for far in [
            "postgres://u@10.0.0.1/d",
            "postgres://u@localhost.example/d",
            "postgres://u@127.0.0.1,h/d",
            "postgres://u@localhost/d?hostaddr=10.0.0.1",
        ] {
            assert!(!is_near(&config(far)), "{far}");
        }
    }
}
