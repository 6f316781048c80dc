//! The connection to either database: how it is opened, what every session is told, and how it heals.
//!
//! * `SQLite`: write-ahead log, full sync, one writer. A second writer would only ever wait for the first.
//! * `MySQL`, `MariaDB`: strict mode, UTC, READ COMMITTED. To another machine the connection is verified TLS unless the URL
//!   says otherwise. The password comes from a file or the environment, not from the command line.

use std::str::FromStr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sqlx::mysql::{MySqlConnectOptions, MySqlPool, MySqlPoolOptions, MySqlSslMode};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, Executor, SqlSafeStr};

use super::statement::{DbError, STATEMENTS_KEPT, Transaction, args};
use super::{OpenError, reference};
use crate::secret::Secret;

const ACQUIRE_WAIT: Duration = Duration::from_secs(3);
const CONNECTIONS_MAX: u32 = 12;
const READERS_MAX: u32 = 4;
/// Batches queue for the one writer, so this wait is longer than for a connection.
const WRITER_WAIT: Duration = Duration::from_secs(10);
const SQLITE_BUSY_WAIT: Duration = Duration::from_secs(5);

/// A pool that could not give a connection this often in a row is replaced: connections whose peer vanished without a
/// word can keep their places in it for ever.
const FAILED_ACQUIRES_MAX: u32 = 2;

const OPEN_ATTEMPTS: u32 = 3;

/// The edition of the schema files.
const SCHEMA_VERSION: i64 = 1;

pub enum Database {
    MySql(Box<MySqlServer>),
    Sqlite { writer: SqlitePool, readers: SqlitePool },
}

pub struct MySqlServer {
    options: MySqlConnectOptions,
    pool: Mutex<MySqlPool>,
    failed_acquires: AtomicU32,
}

impl Database {
    pub async fn open(url: &str, password: Option<&Secret>) -> Result<Self, OpenError> {
        let database = match url.split_once("://").map(|(scheme, _)| scheme) {
            Some("sqlite") => open_sqlite(url).await?,
            Some("mysql" | "mariadb") => Self::MySql(Box::new(MySqlServer::new(mysql_options(url, password)?))),
            _ => {
                return Err(OpenError::Url(
                    "write sqlite://FILE or mysql://USER@HOST/DATABASE".to_owned(),
                ));
            }
        };
        database.make_tables().await?;
        Ok(database)
    }

    /// A transaction that may write.
    pub async fn begin(&self) -> Result<Transaction, DbError> {
        match self {
            Self::MySql(server) => server.begin().await,
            Self::Sqlite { writer, .. } => {
                let begin = AssertSqlSafe("BEGIN IMMEDIATE".to_owned()).into_sql_str();
                Ok(Transaction::Sqlite(writer.begin_with(begin).await?))
            }
        }
    }

    /// For looking only: it does not wait for writers, and on `SQLite` cannot write.
    pub async fn read(&self) -> Result<Transaction, DbError> {
        match self {
            Self::MySql(server) => server.begin().await,
            Self::Sqlite { readers, .. } => Ok(Transaction::Sqlite(readers.begin().await?)),
        }
    }

    pub async fn close(&self) {
        match self {
            Self::MySql(server) => server.pool().close().await,
            Self::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
        }
    }

    /// Two stores may open one database at the same time; the one that loses the race then finds everything made.
    async fn make_tables(&self) -> Result<(), OpenError> {
        let mut attempt = 1;
        loop {
            match self.try_make_tables().await {
                Err(OpenError::Database(DbError::Contended(_))) if attempt < OPEN_ATTEMPTS => attempt += 1,
                done => return done,
            }
        }
    }

    async fn try_make_tables(&self) -> Result<(), OpenError> {
        let schema = match self {
            Self::MySql(_) => include_str!("schema/mysql.sql"),
            Self::Sqlite { .. } => include_str!("schema/sqlite.sql"),
        };
        let mut tx = self.begin().await?;
        for statement in statements(schema) {
            tx.execute(statement, args![]).await?;
        }
        let edition = tx
            .row("SELECT MAX(version) AS version FROM schema_version", args![])
            .await?;
        let found: Option<i64> = edition.map(|row| row.get("version")).transpose()?.flatten();
        match found {
            Some(found) if found > SCHEMA_VERSION => {
                return Err(OpenError::Newer {
                    found,
                    known: SCHEMA_VERSION,
                });
            }
            Some(_) => {}
            None => {
                tx.insert("schema_version", "version", vec![args![SCHEMA_VERSION]])
                    .await?;
            }
        }
        reference::prepare(&mut tx).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// Statements end with `;` at the end of a line; comments stand on lines of their own.
fn statements(schema: &str) -> impl Iterator<Item = String> + '_ {
    schema
        .split(";\n")
        .map(|statement| {
            let lines: Vec<&str> = statement.lines().filter(|line| !line.starts_with("--")).collect();
            lines.join("\n").trim().to_owned()
        })
        .filter(|statement| !statement.is_empty())
}

async fn open_sqlite(url: &str) -> Result<Database, OpenError> {
    if url.contains(":memory:") {
        return Err(OpenError::Url(
            "a store in memory keeps nothing: name a file".to_owned(),
        ));
    }
    let options = SqliteConnectOptions::from_str(url)
        .map_err(|e| OpenError::Url(e.to_string()))?
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(SQLITE_BUSY_WAIT)
        .foreign_keys(true)
        .statement_cache_capacity(STATEMENTS_KEPT);
    let writer = SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(WRITER_WAIT)
        .connect_with(options.clone())
        .await
        .map_err(DbError::from)?;
    let readers = SqlitePoolOptions::new()
        .max_connections(READERS_MAX)
        .acquire_timeout(ACQUIRE_WAIT)
        .connect_lazy_with(options.read_only(true).create_if_missing(false));
    Ok(Database::Sqlite { writer, readers })
}

fn mysql_options(url: &str, password: Option<&Secret>) -> Result<MySqlConnectOptions, OpenError> {
    let (url, from_env) = take_placeholder(url)?;
    let unreadable = |_| OpenError::Url("write mysql://USER@HOST:PORT/DATABASE?ssl-mode=…".to_owned());
    let mut options = MySqlConnectOptions::from_str(&url).map_err(unreadable)?;
    if options.get_database().is_none_or(str::is_empty) {
        return Err(OpenError::Url("the URL names no database".to_owned()));
    }
    if let Some(password) = password.or(from_env.as_ref()) {
        options = options.password(password.reveal());
    }
    let is_local =
        options.get_socket().is_some() || matches!(options.get_host(), "localhost" | "127.0.0.1" | "::1" | "[::1]");
    if !is_local && !url.contains("ssl-mode=") && !url.contains("sslmode=") {
        options = options.ssl_mode(MySqlSslMode::VerifyIdentity);
    }
    Ok(options
        .charset("utf8mb4")
        .timezone("+00:00".to_owned())
        .statement_cache_capacity(STATEMENTS_KEPT))
}

/// `mysql://user:${NAME}@host/db`: the URL without its password, and the password from the environment.
fn take_placeholder(url: &str) -> Result<(String, Option<Secret>), OpenError> {
    let placeholder = url.find(":${").and_then(|start| {
        let name = &url[start + 3..];
        let end = name.find("}@")?;
        Some((start, &name[..end], &name[end + 1..]))
    });
    let Some((start, name, rest)) = placeholder else {
        return Ok((url.to_owned(), None));
    };
    let password = std::env::var(name).map_err(|_| OpenError::Url(format!("the environment has no {name}")))?;
    Ok((format!("{}{rest}", &url[..start]), Some(Secret::new(password))))
}

impl MySqlServer {
    fn new(options: MySqlConnectOptions) -> Self {
        let pool = Mutex::new(new_pool(&options));
        Self {
            options,
            pool,
            failed_acquires: AtomicU32::new(0),
        }
    }

    fn pool(&self) -> MySqlPool {
        self.pool
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone()
    }

    async fn begin(&self) -> Result<Transaction, DbError> {
        match self.pool().begin().await {
            Ok(tx) => {
                self.failed_acquires.store(0, Ordering::Relaxed);
                Ok(Transaction::MySql(tx))
            }
            Err(error) => {
                if matches!(error, sqlx::Error::PoolTimedOut)
                    && self.failed_acquires.fetch_add(1, Ordering::Relaxed) + 1 >= FAILED_ACQUIRES_MAX
                {
                    self.replace_pool();
                }
                Err(error.into())
            }
        }
    }

    fn replace_pool(&self) {
        self.failed_acquires.store(0, Ordering::Relaxed);
        let fresh = new_pool(&self.options);
        let spent = std::mem::replace(
            &mut *self.pool.lock().unwrap_or_else(std::sync::PoisonError::into_inner),
            fresh,
        );
        tracing::warn!("the database gives no connection; starting over with a new pool");
        // Closing waits for connections that may never come back, so nobody waits for it.
        tokio::spawn(async move { spent.close().await });
    }
}

fn new_pool(options: &MySqlConnectOptions) -> MySqlPool {
    const SESSION: &str = "SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES'), \
        SESSION innodb_lock_wait_timeout = 5, SESSION transaction_isolation = 'READ-COMMITTED'";
    const SESSION_BEFORE_11: &str = "SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES'), \
        SESSION innodb_lock_wait_timeout = 5, SESSION tx_isolation = 'READ-COMMITTED'";
    MySqlPoolOptions::new()
        .max_connections(CONNECTIONS_MAX)
        .acquire_timeout(ACQUIRE_WAIT)
        .after_connect(|connection, _| {
            Box::pin(async move {
                // MariaDB before 11.1 has no `transaction_isolation`, MySQL 8 no `tx_isolation`.
                match connection.execute(SESSION).await {
                    Ok(_) => Ok(()),
                    Err(_) => connection.execute(SESSION_BEFORE_11).await.map(drop),
                }
            })
        })
        .connect_lazy_with(options.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_schemas_fall_into_statements_that_make_the_same_tables() {
        let tables = |schema: &'static str| -> Vec<String> {
            statements(schema)
                .filter_map(|s| {
                    Some(
                        s.strip_prefix("CREATE TABLE IF NOT EXISTS ")?
                            .split(' ')
                            .next()?
                            .to_owned(),
                    )
                })
                .collect()
        };
        let mysql = tables(include_str!("schema/mysql.sql"));
        assert_eq!(mysql, tables(include_str!("schema/sqlite.sql")));
        assert!(mysql.len() > 20 && mysql[0] == "production_plan");
    }

    #[test]
    fn a_database_elsewhere_is_spoken_to_in_verified_tls_unless_the_url_says_otherwise() {
        let mode = |url| format!("{:?}", mysql_options(url, None).expect("a good URL").get_ssl_mode());
        assert_eq!(mode("mysql://u@127.0.0.1/db"), "Preferred");
        assert_eq!(mode("mysql://u@db.plant/db"), "VerifyIdentity");
        assert_eq!(mode("mysql://u@db.plant/db?ssl-mode=DISABLED"), "Disabled");
    }

    #[test]
    fn a_url_names_its_database_and_no_password_that_is_not_there() {
        assert!(mysql_options("mysql://u@127.0.0.1", None).is_err());
        assert!(mysql_options("mysql://u:${LINESIDE_NO_SUCH_VARIABLE}@127.0.0.1/db", None).is_err());
        let (url, password) = take_placeholder("mysql://u:${PATH}@h/db").expect("PATH is set");
        assert_eq!(url, "mysql://u@h/db");
        assert!(password.is_some());
    }
}
