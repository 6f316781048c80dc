//! A scanner that speaks TCP: a code out, a line with the answer back.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// What one answer line says: `OK CODE …`, `ASK CODE …`, `ERR CODE …`, `DUP CODE …`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub kind: String,
    pub code: String,
}

impl Answer {
    fn parse(line: &str) -> Self {
        let mut words = line.split_whitespace().map(str::to_owned);
        Self {
            kind: words.next().unwrap_or_default(),
            code: words.next().unwrap_or_default(),
        }
    }

    pub fn is_ok(&self) -> bool {
        self.kind == "OK"
    }
}

/// A scanner at a station, one scan at a time.
pub struct Scanner {
    address: SocketAddr,
    link: Option<BufReader<TcpStream>>,
}

impl Scanner {
    pub fn new(address: SocketAddr) -> Self {
        Self { address, link: None }
    }

    /// Scans a code and waits for the answer. After an error the next scan connects anew.
    pub async fn scan(&mut self, code: &str) -> std::io::Result<Answer> {
        let talk = async {
            let mut link = match self.link.take() {
                Some(link) => link,
                None => BufReader::new(TcpStream::connect(self.address).await?),
            };
            link.get_mut().write_all(format!("{code}\r").as_bytes()).await?;
            let mut answer = String::new();
            if link.read_line(&mut answer).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            self.link = Some(link);
            Ok(Answer::parse(&answer))
        };
        tokio::time::timeout(ANSWER_WITHIN, talk)
            .await
            .unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_its_kind_and_its_code() {
        let answer = Answer::parse("ERR UNKNOWN_CODE 6901234567892 is no code of this station.\r\n");
        assert_eq!((answer.kind.as_str(), answer.code.as_str()), ("ERR", "UNKNOWN_CODE"));
        assert!(Answer::parse("OK REPORTED 5 good").is_ok());
        assert!(!Answer::parse("").is_ok());
    }
}
