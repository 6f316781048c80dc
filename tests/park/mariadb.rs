//! A real `MariaDB` of our own: as the current user, on a free loopback port, in a temporary folder. All tests that run at
//! the same time share one server, each in its own database; the last one to end kills it. Its settings are the least
//! helpful ones: not strict, another character set, another time zone; the store has to ask for what it needs.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, Connection, Executor, MySqlConnection};
use tempfile::TempDir;

const START_WAIT: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(50);

static RUNNING: Mutex<Weak<MariaDb>> = Mutex::new(Weak::new());
static DATABASES: AtomicU32 = AtomicU32::new(0);

pub struct MariaDb {
    port: u16,
    process: Mutex<Child>,
    dir: TempDir,
}

impl MariaDb {
    /// The running server, or a new one.
    pub fn shared() -> Arc<Self> {
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        running.upgrade().unwrap_or_else(|| {
            let server = Arc::new(Self::start());
            *running = Arc::downgrade(&server);
            server
        })
    }

    pub fn start() -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let mut install = Command::new("mariadb-install-db");
        install.args([
            "--no-defaults",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
        ]);
        // Each server sweeps its folder for temporary tables at start, so it must not be another's too.
        output(install.args([user(), data(&dir)]).env("TMPDIR", dir.path()));
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = free.local_addr().expect("its number").port();
        drop(free);
        let process = Mutex::new(spawn(&dir, port));
        Self { port, process, dir }
    }

    /// As if the power went.
    pub fn kill(&self) {
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        process.kill().ok();
        process.wait().ok();
    }

    /// On the same port and data as before.
    pub fn start_again(&self) {
        *self.process.lock().unwrap_or_else(PoisonError::into_inner) = spawn(&self.dir, self.port);
    }

    fn server_url(&self) -> String {
        format!("mysql://root@127.0.0.1:{}", self.port)
    }

    /// A new, empty database; waits until the server answers.
    pub async fn new_database(&self) -> String {
        let started = Instant::now();
        let mut connection = loop {
            match MySqlConnection::connect(&self.server_url()).await {
                Ok(connection) => break connection,
                Err(error) => assert!(started.elapsed() < START_WAIT, "mariadbd does not answer: {error}"),
            }
            tokio::time::sleep(POLL).await;
        };
        let name = format!("plant_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
        let create = AssertSqlSafe(format!("CREATE DATABASE {name}"));
        connection.execute(sqlx::query(create)).await.expect("a new database");
        format!("{}/{name}", self.server_url())
    }
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        self.kill();
    }
}

fn user() -> String {
    format!("--user={}", output(Command::new("id").arg("-un")).trim())
}

fn data(dir: &TempDir) -> String {
    format!("--datadir={}", dir.path().join("data").display())
}

fn spawn(dir: &TempDir, port: u16) -> Child {
    Command::new("mariadbd")
        .args([
            "--no-defaults",
            "--bind-address=127.0.0.1",
            "--sql-mode=",
            "--character-set-server=latin1",
        ])
        .args([
            "--default-storage-engine=MyISAM",
            "--default-time-zone=+08:00",
            &user(),
            &data(dir),
        ])
        .arg(format!("--port={port}"))
        .arg(format!("--socket={}", dir.path().join("socket").display()))
        .arg(format!("--pid-file={}", dir.path().join("pid").display()))
        .env("TMPDIR", dir.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|e| missing(&e))
}

fn output(command: &mut Command) -> String {
    let done = command.output().unwrap_or_else(|e| missing(&e));
    assert!(
        done.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
    String::from_utf8_lossy(&done.stdout).into_owned()
}

fn missing(error: &std::io::Error) -> ! {
    panic!("cannot run MariaDB ({error}): these tests need mariadbd, install the package mariadb-server")
}
