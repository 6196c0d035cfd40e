//! A PostgreSQL server of a test's own: made in a temporary folder, reached by a socket in it, gone with it.

use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use crate::patience::until;
use crate::port::port;
use crate::tools::missing;

/// The user that a server made by root runs as; Debian's package makes it.
const UNPRIVILEGED: &str = "postgres";

/// A running server with one superuser, `thermine`, and one database of that name.
pub(crate) struct Postgres {
    folder: tempfile::TempDir,
    programs: PathBuf,
    user: Option<(u32, u32)>,
    process: Child,
    address: SocketAddr,
}

impl Postgres {
    /// Makes and starts one; `None`, with the reason printed, if PostgreSQL is not installed.
    pub(crate) fn start() -> Option<Postgres> {
        let Some(programs) = programs() else {
            missing("PostgreSQL", "apt-get install postgresql");
            return None;
        };
        let folder = tempfile::tempdir().expect("a folder");
        // The server refuses to run as root.
        let root = std::fs::metadata("/proc/self").expect("Linux").uid() == 0;
        let user = root.then(|| (id("-u"), id("-g")));
        if let Some((user, group)) = user {
            chown(folder.path(), Some(user), Some(group)).expect("given");
        }
        let data = folder.path().join("data");
        let mut initdb = command(&programs.join("initdb"), user);
        initdb
            .args([
                "-U",
                "thermine",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--locale=C",
                "-N",
            ])
            .arg("-D")
            .arg(&data);
        let made = initdb.stdin(Stdio::null()).output().expect("initdb runs");
        assert!(made.status.success(), "{made:?}");
        // Sockets in the folder trust whoever may enter it; TCP wants a password.
        std::fs::write(
            data.join("pg_hba.conf"),
            "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n",
        )
        .expect("written");
        let address = port();
        let process = serve(&programs, &folder, user, address);
        let mut server = Postgres {
            folder,
            programs,
            user,
            process,
            address,
        };
        server.wait();
        server.sql("postgres", "CREATE DATABASE thermine");
        Some(server)
    }

    /// URL of a database by the socket.
    pub(crate) fn url(&self, database: &str) -> PathBuf {
        let folder = self.folder.path().to_string_lossy().replace('/', "%2F");
        format!(
            "postgres://thermine@{folder}:{}/{database}",
            self.address.port()
        )
        .into()
    }

    /// Where on loopback it listens too.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Makes it speak TLS by this certificate and key, both PEM.
    pub(crate) fn secure(&self, certificate: &str, key: &str) {
        for (name, text) in [("server.crt", certificate), ("server.key", key)] {
            let file = self.folder.path().join("data").join(name);
            std::fs::write(&file, text).expect("written");
            let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            std::fs::set_permissions(&file, private).expect("set");
            if let Some((user, group)) = self.user {
                chown(&file, Some(user), Some(group)).expect("given");
            }
        }
        self.sql("postgres", "ALTER SYSTEM SET ssl TO on");
        self.sql("postgres", "SELECT pg_reload_conf()");
    }

    /// Runs statements in a database, as a program of its own would.
    pub(crate) fn sql(&self, database: &str, statements: &str) -> String {
        let output = self.ask(database, statements);
        assert!(output.status.success(), "{statements}: {output:?}");
        String::from_utf8_lossy(&output.stdout).trim().to_string()
    }

    fn ask(&self, database: &str, statements: &str) -> Output {
        Command::new(self.programs.join("psql"))
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"])
            .arg("-d")
            .arg(self.url(database))
            .args(["-c", statements])
            .output()
            .expect("psql runs")
    }

    /// Stops it as a power cut would, without a word to anyone, and starts it again on what it left.
    pub(crate) fn crash(&mut self) {
        self.stop("immediate");
        self.process = serve(&self.programs, &self.folder, self.user, self.address);
        self.wait();
    }

    fn stop(&mut self, how: &str) {
        let mut stop = command(&self.programs.join("pg_ctl"), self.user);
        stop.args(["stop", "-w", "-m", how, "-D"])
            .arg(self.folder.path().join("data"));
        let _ = stop.output();
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// Waits until it takes connections.
    fn wait(&mut self) {
        let log = self.folder.path().join("log");
        until("the server takes connections", || {
            let ended = self.process.try_wait().expect("a child");
            assert!(
                ended.is_none(),
                "the server has ended: {ended:?}\n{}",
                std::fs::read_to_string(&log).unwrap_or_default()
            );
            self.ask("postgres", "SELECT 1").status.success()
        });
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop("fast");
    }
}

fn serve(
    programs: &Path,
    folder: &tempfile::TempDir,
    user: Option<(u32, u32)>,
    address: SocketAddr,
) -> Child {
    let log = std::fs::File::create(folder.path().join("log")).expect("a log");
    let mut server = command(&programs.join("postgres"), user);
    server
        .arg("-D")
        .arg(folder.path().join("data"))
        .arg("-k")
        .arg(folder.path())
        .args(["-c", &format!("listen_addresses={}", address.ip())])
        .args(["-p", &address.port().to_string()])
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("cloned"))
        .stderr(log);
    server.spawn().expect("the server starts")
}

/// A command as `user`, if that must be another than this.
fn command(program: &Path, user: Option<(u32, u32)>) -> Command {
    let mut command = Command::new(program);
    command.current_dir("/");
    if let Some((user, group)) = user {
        command.uid(user).gid(group);
    }
    command
}

fn id(which: &str) -> u32 {
    let output = Command::new("id")
        .args([which, UNPRIVILEGED])
        .output()
        .expect("id runs");
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().expect("the package made the user")
}

/// Folder of the newest server's programs, where Debian puts them.
fn programs() -> Option<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .ok()?
        .flatten()
        .filter_map(|entry| {
            let version = entry.file_name().to_string_lossy().parse().ok()?;
            let programs = entry.path().join("bin");
            programs
                .join("initdb")
                .exists()
                .then_some((version, programs))
        })
        .collect();
    versions.sort();
    versions.pop().map(|(_, programs)| programs)
}
