//! The central production store: the tables of the production data design on `MySQL`, `MariaDB` or `SQLite`, one function
//! by which rows come in from gateways (`Store::ingest`), and the HTTP API around it.
//!
//! * A message takes effect exactly once: its ledger row and all that it changes are one transaction.
//! * The eight tables of the design are never extended; what the flows need beside them stands in tables of its own.
//! * This folder is the only one that names the SQL client.

mod api;
mod book;
mod counters;
mod database;
mod ingest;
mod order;
mod payload;
mod push;
mod query;
mod reference;
mod sequence;
mod statement;

use std::io;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::http::{self, Limits};
use crate::secret::Secret;

pub use ingest::IngestError;
pub use statement::DbError;

use counters::Counters;
use database::Database;

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// What was asked for makes no sense.
    #[error("cannot use this database URL: {0}")]
    Url(String),
    /// A newer program made these tables.
    #[error("the tables are of edition {found}, this program knows edition {known}: use the newer program")]
    Newer { found: i64, known: i64 },
    #[error(transparent)]
    Database(#[from] DbError),
}

#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Goes into `tenant_id` of every row, and only such rows are looked at.
    pub tenant_id: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { tenant_id: 1 }
    }
}

/// Cheap to clone; all clones are one store.
#[derive(Clone)]
pub struct Store {
    database: Arc<Database>,
    counters: Arc<Counters>,
    settings: Settings,
}

impl Store {
    /// Connects, and makes the tables that are missing. `url` is `sqlite://FILE` or `mysql://USER@HOST/DATABASE`.
    pub async fn open(url: &str, password: Option<&Secret>, settings: Settings) -> Result<Self, OpenError> {
        let database = Database::open(url, password).await?;
        Ok(Self {
            database: Arc::new(database),
            counters: Arc::default(),
            settings,
        })
    }

    pub async fn close(&self) {
        self.database.close().await;
    }
}

/// Serves the store's API until `stop`, then closes the database. Without a token every caller is trusted.
pub async fn serve(
    store: Store,
    listener: TcpListener,
    token: Option<Secret>,
    stop: CancellationToken,
) -> io::Result<()> {
    let limits = Limits {
        body_bytes_max: api::BODY_BYTES_MAX,
        ..Limits::default()
    };
    let routes = http::answer_everything(api::routes(store.clone(), token));
    let served = http::serve(
        listener,
        None,
        http::harden(routes, limits, http::POLICY_NO_PAGE),
        limits,
        stop,
    )
    .await;
    store.close().await;
    served
}
