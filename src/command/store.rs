//! `lineside store`: the central production store.
//!
//! Flags win over the `[store]` table of `--config FILE`, which takes the same names.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::EXIT_USAGE;
use crate::secret::Secret;
use crate::store::{self, OpenError, Settings, Store};

#[derive(Debug, Default, Clone, clap::Args, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// Where to listen; 127.0.0.1:9090 when not given. Any other machine may come only with a token
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
    /// `sqlite://FILE`, or `mysql://USER@HOST/DATABASE` (also `MariaDB`); a password may stand as `${NAME}` of the environment
    #[arg(long, value_name = "URL")]
    pub database: Option<String>,
    /// The token that gateways and the ERP must show
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// The database's password
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// Goes into the `tenant_id` of every row; 1 when not given
    #[arg(long, value_name = "N")]
    pub tenant_id: Option<i64>,
    /// Settings as TOML, in a table `[store]`
    #[arg(long, value_name = "FILE")]
    #[serde(skip)]
    pub config: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigFile {
    store: Args,
}

const LISTEN_DEFAULT: &str = "127.0.0.1:9090";

pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let plan = match Plan::make(args) {
        Ok(plan) => plan,
        Err(error) => {
            eprintln!("lineside store: {error:#}");
            return Ok(ExitCode::from(EXIT_USAGE));
        }
    };
    let store = match Store::open(&plan.database, plan.password.as_ref(), plan.settings).await {
        Ok(store) => store,
        Err(error @ OpenError::Url(_)) => {
            eprintln!("lineside store: {error}");
            return Ok(ExitCode::from(EXIT_USAGE));
        }
        Err(error) => return Err(error).context("cannot open the database"),
    };
    let listener = TcpListener::bind(plan.listen)
        .await
        .with_context(|| format!("cannot listen on {}", plan.listen))?;
    println!(
        "lineside store listens on http://{}",
        listener.local_addr().context("the listener has no address")?
    );
    let stop = CancellationToken::new();
    let (told, stopping) = (super::told_to_stop()?, stop.clone());
    tokio::spawn(async move {
        told.await;
        stopping.cancel();
    });
    store::serve(store, listener, plan.token, stop)
        .await
        .context("serving failed")?;
    Ok(ExitCode::SUCCESS)
}

/// The arguments, checked.
struct Plan {
    listen: SocketAddr,
    database: String,
    token: Option<Secret>,
    password: Option<Secret>,
    settings: Settings,
}

impl Plan {
    fn make(args: Args) -> anyhow::Result<Self> {
        let file = args.config.as_deref().map(read_config).transpose()?.unwrap_or_default();
        let default = LISTEN_DEFAULT.parse().expect("the default is an address");
        let listen = args.listen.or(file.listen).unwrap_or(default);
        let Some(database) = args.database.or(file.database) else {
            bail!("no database: give --database sqlite://FILE or --database mysql://USER@HOST/DATABASE");
        };
        let token = read_secret("token file", args.token_file.or(file.token_file))?;
        if token.is_none() && !listen.ip().is_loopback() {
            bail!("{listen} can be reached by other machines: give --token-file FILE, or listen on 127.0.0.1");
        }
        let password = read_secret("password file", args.password_file.or(file.password_file))?;
        let tenant_id = args
            .tenant_id
            .or(file.tenant_id)
            .unwrap_or(Settings::default().tenant_id);
        Ok(Self {
            listen,
            database,
            token,
            password,
            settings: Settings { tenant_id },
        })
    }
}

fn read_config(path: &Path) -> anyhow::Result<Args> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let file: ConfigFile = toml::from_str(&text).with_context(|| format!("{} is wrong", path.display()))?;
    Ok(file.store)
}

fn read_secret(what: &str, path: Option<PathBuf>) -> anyhow::Result<Option<Secret>> {
    path.map(|path| Secret::from_file(&path).with_context(|| format!("cannot use the {what} {}", path.display())))
        .transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(listen: &str) -> Args {
        Args {
            listen: Some(listen.parse().expect("an address")),
            database: Some("sqlite://x".to_owned()),
            ..Args::default()
        }
    }

    #[test]
    fn other_machines_need_a_token() {
        assert!(Plan::make(args("127.0.0.1:0")).is_ok());
        assert!(Plan::make(args("0.0.0.0:0")).is_err());
        let dir = tempfile::tempdir().expect("a folder");
        let token_file = dir.path().join("token");
        std::fs::write(&token_file, "s3cret\n").expect("a file");
        let plan = Plan::make(Args {
            token_file: Some(token_file),
            ..args("0.0.0.0:0")
        })
        .expect("a token is given");
        assert!(plan.token.is_some_and(|token| token.matches("s3cret")));
    }

    #[test]
    fn the_shipped_configuration_is_whole() {
        let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/store.toml");
        let plan = Plan::make(Args {
            config: Some(config),
            ..Args::default()
        });
        assert_eq!(plan.expect("it is whole").database, "sqlite://store.db");
    }

    #[test]
    fn flags_win_over_the_file_and_the_file_knows_no_other_names() {
        let dir = tempfile::tempdir().expect("a folder");
        let config = dir.path().join("store.toml");
        std::fs::write(&config, "[store]\ndatabase = \"sqlite://from-file\"\ntenant_id = 7\n").expect("a file");
        let plan = Plan::make(Args {
            config: Some(config.clone()),
            ..Args::default()
        })
        .expect("a whole file");
        assert_eq!(
            (plan.database.as_str(), plan.settings.tenant_id),
            ("sqlite://from-file", 7)
        );
        let plan = Plan::make(Args {
            config: Some(config.clone()),
            ..args("127.0.0.1:0")
        })
        .expect("a whole file");
        assert_eq!(plan.database, "sqlite://x");
        std::fs::write(&config, "[store]\ndatabas = \"sqlite://x\"\n").expect("a file");
        assert!(
            Plan::make(Args {
                config: Some(config),
                ..Args::default()
            })
            .is_err()
        );
    }
}
