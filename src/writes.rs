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
    #[error("{0} is not listed in `writable` of any connection")]
    NotAllowed(String),
    /// This value cannot be meant; nothing was sent.
    #[error("{}", .0.en)]
    WrongValue(Words),
    /// Others are before it; nothing was sent.
    #[error("too many writes wait for this machine; nothing was sent")]
    Busy,
    #[error("the gateway is ending; nothing was sent")]
    Ending,
    #[error("the machine is not reached ({0}); nothing was sent")]
    NotReached(String),
    #[error("the machine did not take it: {0}")]
    Refused(String),
    /// It took it, and holds this now, if it holds a value.
    #[error("it was sent, but the machine holds {}", .0.as_deref().unwrap_or("no value"))]
    HoldsOther(Option<String>),
    /// It may have been carried out.
    #[error("nobody knows whether the machine took it ({0}); read what it holds before writing again")]
    Unknown(String),
}

impl NotWritten {
    /// What the machine said stays as it is.
    pub fn words(&self) -> Words {
        let zh = match self {
            Self::NotAllowed(point) => format!("配置不允许写入：{point} 不在任何连接的 writable 中"),
            Self::WrongValue(why) => format!("该值无效，未发送：{}", why.zh),
            Self::Busy => "等待写入该设备的操作过多，未发送".to_owned(),
            Self::Ending => "网关正在停止，未发送".to_owned(),
            Self::NotReached(_) => "无法连接该设备，未发送".to_owned(),
            Self::Refused(said) => format!("设备拒绝写入：{said}"),
            Self::HoldsOther(Some(held)) => format!("已发送，但设备当前值为 {held}"),
            Self::HoldsOther(None) => "已发送，但设备当前没有有效值".to_owned(),
            Self::Unknown(_) => "无法确定设备是否已执行；再次写入前请先读取设备的当前值".to_owned(),
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
            return Err(NotWritten::NotAllowed(format!("{}.{}", key.0, key.1)));
        };
        let (done, outcome) = oneshot::channel();
        let (equipment, point) = key;
        let write = Write {
            equipment,
            point,
            value,
            done,
        };
        way.try_send(write).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => NotWritten::Busy,
            mpsc::error::TrySendError::Closed(_) => NotWritten::Ending,
        })?;
        let unknown = |why: &str| Err(NotWritten::Unknown(why.to_owned()));
        match timeout(ANSWER_WITHIN, outcome).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => unknown("the gateway ended before the machine answered"),
            Err(_) => unknown("the machine has not answered in time"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one_point() -> (Writes, mpsc::Receiver<Write>) {
        let point = Writable {
            equipment: "PRESS-7".to_owned(),
            point: "speed".to_owned(),
            low: None,
            high: None,
        };
        let (writes, mut asked) = Writes::new([vec![point]].into_iter());
        (writes, asked.remove(0))
    }

    async fn ask(writes: &Writes) -> Result<Value, NotWritten> {
        let value = Value::Bool(true);
        writes.write("PRESS-7".to_owned(), "speed".to_owned(), value).await
    }

    #[tokio::test]
    async fn what_is_not_answered_may_have_been_carried_out() {
        let (writes, mut asked) = one_point();
        let (outcome, ()) = tokio::join!(ask(&writes), async { drop(asked.recv().await) });
        let unknown = outcome.expect_err("nobody answered");
        assert!(matches!(unknown, NotWritten::Unknown(_)), "{unknown}");
        assert!(unknown.words().zh.starts_with("无法确定"), "{unknown}");
    }

    #[tokio::test]
    async fn what_was_not_sent_is_told_so() {
        let (writes, asked) = one_point();
        drop(asked);
        assert_eq!(ask(&writes).await, Err(NotWritten::Ending));
        let other = writes.write("PRESS-7".to_owned(), "heat".to_owned(), Value::Bool(true));
        assert_eq!(other.await, Err(NotWritten::NotAllowed("PRESS-7.heat".to_owned())));
    }
}
