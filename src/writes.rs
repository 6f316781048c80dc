//! Values on their way to machines: who asks for a write, and who carries it out. The errors are divided by who can do
//! something about them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use utoipa::ToSchema;

use crate::language::Words;
use crate::record::Value;

/// Writes that may wait for one connection: people and programs write seldom, and no write should be carried out late.
const WAITING_MAX: usize = 4;
/// Who asked is answered by then, and what has not begun is not carried out any more.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// A value for a point of a machine.
#[derive(Debug)]
pub struct Write {
    pub equipment: String,
    pub point: String,
    pub value: Value,
    /// What the machine holds now, read back.
    pub done: oneshot::Sender<Result<Value, NotWritten>>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotWritten {
    /// The configuration does not allow it.
    #[error("{0}")]
    NotAllowed(String),
    /// This value cannot be meant; nothing was sent.
    #[error("{0}")]
    WrongValue(String),
    /// Others are before it; nothing was sent.
    #[error("too many writes wait for this machine; nothing was sent")]
    Busy,
    /// The machine refused it, or was not reached, or holds something else now.
    #[error("{0}")]
    Failed(String),
}

impl NotWritten {
    /// What the machine said stays as it is.
    pub fn words(&self) -> Words {
        let zh = match self {
            Self::NotAllowed(what) => format!("配置不允许写入：{what}"),
            Self::WrongValue(what) => format!("该值无效，未发送：{what}"),
            Self::Busy => "等待写入该设备的操作过多，未发送".to_owned(),
            Self::Failed(what) => format!("设备未按要求执行：{what}"),
        };
        Words::new(self.to_string(), zh)
    }
}

/// A point that may be written, and the range that it may be written in; a switch has none.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Writable {
    pub equipment: String,
    pub point: String,
    pub low: Option<f64>,
    pub high: Option<f64>,
}

/// Whom to ask for a write. Points that nobody may write are not known here.
#[derive(Debug, Clone, Default)]
pub struct Writes {
    ways: Arc<HashMap<(String, String), mpsc::Sender<Write>>>,
    points: Arc<Vec<Writable>>,
}

impl Writes {
    /// From connections, each with the points that may be written over it; gives what each is asked by.
    pub fn new(connections: impl Iterator<Item = Vec<Writable>>) -> (Self, Vec<mpsc::Receiver<Write>>) {
        let (mut ways, mut asked, mut all) = (HashMap::new(), Vec::new(), Vec::new());
        for points in connections {
            let (way, writes) = mpsc::channel(WAITING_MAX);
            let names = points
                .iter()
                .map(|point| (point.equipment.clone(), point.point.clone()));
            ways.extend(names.map(|name| (name, way.clone())));
            all.extend(points);
            asked.push(writes);
        }
        let writes = Self {
            ways: Arc::new(ways),
            points: Arc::new(all),
        };
        (writes, asked)
    }

    /// Everything that may be written.
    pub fn points(&self) -> &[Writable] {
        &self.points
    }

    pub async fn write(&self, equipment: String, point: String, value: Value) -> Result<Value, NotWritten> {
        let key = (equipment, point);
        let Some(way) = self.ways.get(&key) else {
            let what = format!("{}.{} is not listed in `writable` of any connection", key.0, key.1);
            return Err(NotWritten::NotAllowed(what));
        };
        let (done, outcome) = oneshot::channel();
        let (equipment, point) = key;
        let write = Write {
            equipment,
            point,
            value,
            done,
        };
        let failed = |what: &str| NotWritten::Failed(what.to_owned());
        way.try_send(write).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => NotWritten::Busy,
            mpsc::error::TrySendError::Closed(_) => failed("the gateway is ending; nothing was sent"),
        })?;
        match timeout(ANSWER_WITHIN, outcome).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(failed("the gateway ended before the machine answered")),
            Err(_) => Err(failed(
                "the machine has not answered in time; read what it holds before writing again",
            )),
        }
    }
}
