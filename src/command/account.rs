//! `lineside account`: who may sign in at the gateway's window. A running gateway takes changes over within a second.
//!
//! Passwords come from the terminal, without echo, or from a file or the standard input; never from an argument, where
//! everyone on the machine could read them. Tokens are made here and shown once.

use std::fs::File;
use std::io::{self, BufRead, IsTerminal, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Subcommand, ValueEnum};
use rustix::termios::{self, LocalModes, OptionalActions};
use serde_json::{Value, json};

use super::EXIT_USAGE;
use crate::audit::Event;
use crate::audit::file::Log;
use crate::config;
use crate::secret::Secret;
use crate::source::scanner;
use crate::web::access::accounts::{self, Accounts, Device, Person, Token};
use crate::web::access::{Role, password};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// A person, who signs in with a password; or with --station or --display a device, which gets a token
    Add {
        name: String,
        #[command(flatten)]
        place: Place,
        /// What the person may do
        #[arg(long, required_unless_present_any = ["station", "display"])]
        role: Option<PersonsRole>,
        /// The only station that the device speaks for, such as ST-01
        #[arg(long, value_name = "ID", conflicts_with_all = ["role", "password_file"])]
        station: Option<String>,
        /// A screen on a wall: it shows everything, stays signed in, and changes nothing
        #[arg(long, conflicts_with_all = ["role", "password_file", "station"])]
        display: bool,
        #[command(flatten)]
        password: PasswordFrom,
    },
    /// A program, which gets a token and shows it with each request
    Token {
        name: String,
        #[command(flatten)]
        place: Place,
        /// What the program may do
        #[arg(long)]
        role: PersonsRole,
    },
    /// Everyone who stands in the file
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Another password; who was signed in with the old one is signed out
    Password {
        name: String,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        password: PasswordFrom,
    },
    /// Keeps the name, lets nobody in with it
    Disable {
        name: String,
        #[command(flatten)]
        place: Place,
    },
    /// Lets a disabled one in again
    Enable {
        name: String,
        #[command(flatten)]
        place: Place,
    },
    /// Forgets the name and all that goes with it
    Remove {
        name: String,
        #[command(flatten)]
        place: Place,
    },
}

/// Where the accounts are.
#[derive(Debug, clap::Args)]
pub struct Place {
    /// The gateway's configuration, whose `accounts_file` is meant
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
}

#[derive(Debug, clap::Args)]
pub struct PasswordFrom {
    /// Where the password stands, `-` for the standard input; asked for at the terminal when not given
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum PersonsRole {
    Operator,
    Quality,
    Supervisor,
    Admin,
}

impl From<PersonsRole> for Role {
    fn from(role: PersonsRole) -> Self {
        match role {
            PersonsRole::Operator => Self::Operator,
            PersonsRole::Quality => Self::Quality,
            PersonsRole::Supervisor => Self::Supervisor,
            PersonsRole::Admin => Self::Admin,
        }
    }
}

pub fn run(command: Command) -> anyhow::Result<ExitCode> {
    let place = command.place();
    let plan = match config::load(&place.config) {
        Ok(plan) => plan,
        Err(error) => {
            eprintln!("{error}");
            return Ok(ExitCode::from(EXIT_USAGE));
        }
    };
    let speaks_for = match &command {
        Command::Add { station, .. } => station.as_deref(),
        _ => None,
    };
    if let Some(station) = speaks_for
        && let Err(wrong) = check_station(station, &plan.stations)
    {
        return Ok(refused(&wrong));
    }
    let Some(file) = plan.web.access.accounts_file else {
        let config = place.config.display();
        eprintln!("{config} names no accounts; write accounts_file = \"accounts.toml\" into [web]");
        return Ok(ExitCode::from(EXIT_USAGE));
    };
    // Two at once would each take back what the other wrote.
    let lock_file = file.with_extension("lock");
    let lock = File::create(&lock_file).with_context(|| format!("cannot write {}", lock_file.display()))?;
    lock.lock()
        .with_context(|| format!("cannot lock {}", lock_file.display()))?;
    let mut accounts = if file.exists() {
        Accounts::load(&file).with_context(|| format!("cannot use {}", file.display()))?
    } else {
        Accounts::default()
    };
    if let Command::List { .. } = command {
        list(&accounts)?;
        return Ok(ExitCode::SUCCESS);
    }
    let event = event(&command);
    let told = match change(&mut accounts, command) {
        Ok(told) => told,
        Err(wrong) => return Ok(refused(&wrong)),
    };
    std::fs::create_dir_all(&plan.data_dir)
        .and_then(|()| Log::open(&plan.data_dir, plan.web.zone)?.append(vec![event]))
        .with_context(|| {
            format!(
                "cannot put it on record in {}, so nothing was changed",
                plan.data_dir.display()
            )
        })?;
    accounts
        .store(&file)
        .with_context(|| format!("cannot write {}", file.display()))?;
    println!("{told}");
    Ok(ExitCode::SUCCESS)
}

/// What was asked for cannot be, as things stand.
fn refused(wrong: &anyhow::Error) -> ExitCode {
    eprintln!("lineside: {wrong:#}");
    ExitCode::from(EXIT_USAGE)
}

/// What the audit log says of a change: before it is made, so that none is missing there.
fn event(command: &Command) -> Event {
    let (action, name, detail) = match command {
        Command::Add {
            name,
            role,
            station,
            display,
            ..
        } => (
            "account.add",
            name,
            json!({"role": role.map_or_else(|| display.then_some(Role::Display), |role| Some(role.into())), "station": station}),
        ),
        Command::Token { name, role, .. } => ("account.token", name, json!({"role": Role::from(*role)})),
        Command::Password { name, .. } => ("account.password", name, Value::Null),
        Command::Disable { name, .. } => ("account.disable", name, Value::Null),
        Command::Enable { name, .. } => ("account.enable", name, Value::Null),
        Command::Remove { name, .. } => ("account.remove", name, Value::Null),
        Command::List { .. } => return Event::default(),
    };
    let user = std::fs::metadata("/proc/self").map_or_else(|_| "?".to_owned(), |own| own.uid().to_string());
    Event {
        who: format!("user {user} of the machine"),
        action: action.to_owned(),
        subject: name.clone(),
        detail,
        ..Event::default()
    }
}

impl Command {
    fn place(&self) -> &Place {
        match self {
            Self::Add { place, .. }
            | Self::Token { place, .. }
            | Self::List { place }
            | Self::Password { place, .. }
            | Self::Disable { place, .. }
            | Self::Enable { place, .. }
            | Self::Remove { place, .. } => place,
        }
    }
}

/// Carries out a change; returns what to tell of it.
fn change(accounts: &mut Accounts, command: Command) -> anyhow::Result<String> {
    match command {
        Command::Add {
            name,
            station: Some(station),
            ..
        } => {
            check_new(accounts, &name)?;
            let (token, sha256) = accounts::new_token()?;
            let device = Device {
                station: Some(station.clone()),
                sha256,
                disabled: false,
            };
            accounts.device.insert(name.clone(), device);
            let token = token.reveal();
            Ok(format!(
                "{name} speaks for {station}; its token, shown this once:\n{token}\nopen /station/{station}#token={token} there, once"
            ))
        }
        Command::Add {
            name, display: true, ..
        } => {
            check_new(accounts, &name)?;
            let (token, sha256) = accounts::new_token()?;
            let device = Device {
                station: None,
                sha256,
                disabled: false,
            };
            accounts.device.insert(name.clone(), device);
            let token = token.reveal();
            Ok(format!(
                "{name} shows the board; its token, shown this once:\n{token}\nopen /sign-in?next=%2F%3Ftv#token={token} there, once"
            ))
        }
        Command::Add {
            name, role, password, ..
        } => {
            check_new(accounts, &name)?;
            let role = role
                .context("a person has a role: --role operator, quality, supervisor or admin")?
                .into();
            let hash = new_hash(&password)?;
            let person = Person {
                role,
                hash,
                disabled: false,
            };
            accounts.person.insert(name.clone(), person);
            Ok(format!("{name} may sign in as {role}"))
        }
        Command::Token { name, role, .. } => {
            check_new(accounts, &name)?;
            let (token, sha256) = accounts::new_token()?;
            let role = role.into();
            let program = Token {
                role,
                sha256,
                disabled: false,
            };
            accounts.token.insert(name.clone(), program);
            let token = token.reveal();
            Ok(format!("{name} is {role} with this token, shown this once:\n{token}"))
        }
        Command::Password { name, password, .. } => {
            if !accounts.person.contains_key(&name) {
                bail!("{name} is no person here; `lineside account list` tells who is");
            }
            let hash = new_hash(&password)?;
            accounts.person.get_mut(&name).context("looked up before")?.hash = hash;
            Ok(format!("{name} has a new password; sessions of {name} end"))
        }
        Command::Disable { name, .. } => {
            found(accounts.set_disabled(&name, true), &name)?;
            Ok(format!("nobody comes in as {name} any more"))
        }
        Command::Enable { name, .. } => {
            found(accounts.set_disabled(&name, false), &name)?;
            Ok(format!("{name} may come in again"))
        }
        Command::Remove { name, .. } => {
            found(accounts.remove(&name), &name)?;
            Ok(format!("{name} is removed"))
        }
        Command::List { .. } => Ok(String::new()),
    }
}

fn check_new(accounts: &Accounts, name: &str) -> anyhow::Result<()> {
    accounts::check_name(name).map_err(anyhow::Error::msg)?;
    if accounts.has(name) {
        bail!("{name} stands in the file already; remove it first, or take another name");
    }
    Ok(())
}

/// A token for a station that is not there would open nothing, and nobody would know why.
fn check_station(station: &str, known: &[scanner::Settings]) -> anyhow::Result<()> {
    let names: Vec<_> = known.iter().map(|known| &*known.station).collect();
    if names.contains(&station) {
        return Ok(());
    }
    let names = if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    };
    bail!("the configuration has no station {station} (known: {names}); write [station.{station}] first");
}

fn found(is_found: bool, name: &str) -> anyhow::Result<()> {
    if is_found {
        Ok(())
    } else {
        bail!("nobody is called {name}; `lineside account list` tells who is");
    }
}

fn list(accounts: &Accounts) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let mut line = |name: &str, what: String, disabled: bool| {
        let disabled = if disabled { ", disabled" } else { "" };
        writeln!(out, "{name}: {what}{disabled}")
    };
    for (name, person) in &accounts.person {
        line(name, person.role.to_string(), person.disabled)?;
    }
    for (name, device) in &accounts.device {
        let what = device.station.as_ref();
        let what = what.map_or_else(|| "display".to_owned(), |station| format!("device of {station}"));
        line(name, what, device.disabled)?;
    }
    for (name, token) in &accounts.token {
        line(name, format!("program, {}", token.role), token.disabled)?;
    }
    Ok(())
}

fn new_hash(from: &PasswordFrom) -> anyhow::Result<String> {
    let password = read_password(from.password_file.as_deref())?;
    if let Some(objection) = password::objection(password.reveal()) {
        bail!("this password is not taken: {objection}");
    }
    password::hash(password.reveal()).map_err(anyhow::Error::msg)
}

fn read_password(file: Option<&Path>) -> anyhow::Result<Secret> {
    match file {
        Some(path) if path.as_os_str() == "-" => read_line(),
        Some(path) => Secret::from_file(path).with_context(|| format!("no password in {}", path.display())),
        None if io::stdin().is_terminal() => {
            let first = ask("password: ")?;
            let second = ask("the same again: ")?;
            if !first.matches(second.reveal()) {
                bail!("the two differ; nothing was changed");
            }
            Ok(first)
        }
        None => bail!("no terminal to ask for the password at; use --password-file FILE, or - for the standard input"),
    }
}

fn read_line() -> anyhow::Result<Secret> {
    let mut line = String::new();
    io::stdin()
        .lock()
        .read_line(&mut line)
        .context("cannot read the password")?;
    Ok(Secret::new(line.trim_end_matches(['\r', '\n'])))
}

/// Asks without showing what is typed.
fn ask(what: &str) -> anyhow::Result<Secret> {
    let terminal = io::stdin();
    let before = termios::tcgetattr(&terminal).context("cannot silence the terminal")?;
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    eprint!("{what}");
    io::stderr().flush()?;
    termios::tcsetattr(&terminal, OptionalActions::Flush, &silent).context("cannot silence the terminal")?;
    let typed = read_line();
    termios::tcsetattr(&terminal, OptionalActions::Flush, &before).context("cannot give the terminal its echo back")?;
    eprintln!();
    typed
}
