//! Registers that a person wants to see, on their way from `web` to the source that reaches the device, and what they may
//! mean on the way back. Nothing is ever changed by a look. The errors are divided by who can do something about them.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use utoipa::ToSchema;

use crate::language::Words;

/// Looks that may wait for one connection: people look one at a time.
const WAITING_MAX: usize = 4;
/// Polls go ahead of looks; on a bus that is full, one may have to give up.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Some registers of a device.
#[derive(Debug)]
pub struct Look {
    pub device: String,
    /// `holding`, `input`, `coil` or `discrete`.
    pub table: String,
    /// The first wire address.
    pub from: u16,
    pub count: u16,
    pub done: oneshot::Sender<Result<Seen, NotSeen>>,
}

/// What a device answered.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Seen {
    /// As in `holding:0..9`.
    pub range: String,
    /// Register by register; of bits 0 and 1.
    pub words: Vec<u16>,
    /// Every way to understand them, by address.
    pub forms: Vec<Form>,
}

/// One way to understand what lies at an address.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Form {
    pub at: String,
    #[serde(rename = "type")]
    pub kind: Cow<'static, str>,
    pub order: &'static str,
    /// The value as people read it; a dash where there is none.
    pub text: String,
    /// Why there is no value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// A value that a machine may well have.
    pub plausible: bool,
    /// Of all plausible forms the most telling one.
    pub suggested: bool,
    /// The line for the configuration, below `points`.
    pub setting: String,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotSeen {
    #[error("there is no connection modbus/{0}")]
    NoConnection(String),
    #[error("there is no device {device}; there are {known}")]
    NoDevice { device: String, known: String },
    /// No device could be asked for this.
    #[error("{0}")]
    WrongRange(String),
    /// Others are before it.
    #[error("too many wait to look at this connection; try again in a moment")]
    Busy,
    #[error("the gateway is ending")]
    Ending,
    #[error("the device was not asked in time: polls and other devices take the connection's time")]
    Late,
    /// The device refused it, or was not reached.
    #[error("{0}")]
    Failed(String),
}

impl NotSeen {
    /// What the device said stays as it is.
    pub fn words(&self) -> Words {
        let zh = match self {
            Self::NoConnection(name) => format!("没有连接 modbus/{name}"),
            Self::NoDevice { device, known } => format!("没有从站 {device}；现有：{known}"),
            Self::WrongRange(_) => "读取范围无效，请检查寄存器表、起始地址和数量".to_owned(),
            Self::Busy => "等待读取该连接的操作过多，请稍候再试".to_owned(),
            Self::Ending => "网关正在停止".to_owned(),
            Self::Late => "未能及时读取：该连接的时间被轮询和其他从站占用".to_owned(),
            Self::Failed(what) => format!("读取失败：{what}"),
        };
        Words::new(self.to_string(), zh)
    }
}

/// Whom to ask for a look, by connection.
#[derive(Debug, Clone, Default)]
pub struct Looks(Arc<HashMap<String, mpsc::Sender<Look>>>);

impl Looks {
    /// From the names of the connections; gives what each is asked by.
    pub fn new<'a>(connections: impl Iterator<Item = &'a str>) -> (Self, Vec<mpsc::Receiver<Look>>) {
        let (mut ways, mut asked) = (HashMap::new(), Vec::new());
        for connection in connections {
            let (way, looks) = mpsc::channel(WAITING_MAX);
            ways.insert(connection.to_owned(), way);
            asked.push(looks);
        }
        (Self(Arc::new(ways)), asked)
    }

    pub async fn look(
        &self,
        connection: &str,
        device: String,
        table: String,
        from: u16,
        count: u16,
    ) -> Result<Seen, NotSeen> {
        let Some(way) = self.0.get(connection) else {
            return Err(NotSeen::NoConnection(connection.to_owned()));
        };
        let (done, outcome) = oneshot::channel();
        let look = Look {
            device,
            table,
            from,
            count,
            done,
        };
        way.try_send(look).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => NotSeen::Busy,
            mpsc::error::TrySendError::Closed(_) => NotSeen::Ending,
        })?;
        match timeout(ANSWER_WITHIN, outcome).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(NotSeen::Ending),
            Err(_) => Err(NotSeen::Late),
        }
    }
}
