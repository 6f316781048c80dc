//! A socket that is read by the clock while its line is busy. Brokers send each message by itself, and to be woken for each
//! costs more than all that is done with it. So where messages follow each other closely, the socket is left alone for a
//! moment after each reading and after each acknowledgement, and what came meanwhile is read at once. While it rests the
//! runtime does not watch it, or each arrival would wake us all the same.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream as Unwatched};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

/// Messages that follow each other within this make a line busy.
const BUSY_WITHIN: Duration = Duration::from_millis(5);
const REST: Duration = Duration::from_millis(10);
/// Acknowledgements put off the next reading, but not for longer than this.
const REST_LONGEST: Duration = Duration::from_millis(30);

pub struct Rested {
    socket: Socket,
    rest: Pin<Box<Sleep>>,
    last_read: Option<Instant>,
    /// Not where rest slows the broker, which `tempo` finds out.
    may_rest: Arc<AtomicBool>,
}

enum Socket {
    Watched(TcpStream),
    Resting(Unwatched),
    /// What could not be made the one out of the other.
    Lost,
}

impl Rested {
    pub fn new(tcp: TcpStream, may_rest: Arc<AtomicBool>) -> Self {
        Self {
            socket: Socket::Watched(tcp),
            rest: Box::pin(sleep_until(Instant::now())),
            last_read: None,
            may_rest,
        }
    }

    /// Something was read. Where it filled its room, more is there already.
    fn has_read(&mut self, is_full: bool) -> io::Result<()> {
        let now = Instant::now();
        let is_busy = self.last_read.replace(now).is_some_and(|last| now < last + BUSY_WITHIN);
        let may_rest = !is_full && self.may_rest.load(Ordering::Relaxed);
        match &self.socket {
            Socket::Watched(_) if is_busy && may_rest => self.socket.leave_alone()?,
            Socket::Resting(_) if !may_rest => self.socket.watch()?,
            _ => {}
        }
        if matches!(self.socket, Socket::Resting(_)) {
            self.rest.as_mut().reset(now + REST);
        }
        Ok(())
    }

    fn has_written(&mut self) {
        if let (Socket::Resting(_), Some(last)) = (&self.socket, self.last_read) {
            let until = (Instant::now() + REST).min(last + REST_LONGEST);
            self.rest.as_mut().reset(until);
        }
    }
}

impl Socket {
    fn watch(&mut self) -> io::Result<()> {
        *self = match std::mem::replace(self, Self::Lost) {
            Self::Resting(tcp) => Self::Watched(TcpStream::from_std(tcp)?),
            other => other,
        };
        Ok(())
    }

    fn leave_alone(&mut self) -> io::Result<()> {
        *self = match std::mem::replace(self, Self::Lost) {
            Self::Watched(tcp) => Self::Resting(tcp.into_std()?),
            other => other,
        };
        Ok(())
    }
}

fn lost() -> io::Error {
    ErrorKind::NotConnected.into()
}

impl AsyncRead for Rested {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        loop {
            let this = &mut *self;
            match &mut this.socket {
                Socket::Watched(tcp) => ready!(Pin::new(tcp).poll_read(context, into))?,
                Socket::Resting(tcp) => {
                    ready!(this.rest.as_mut().poll(context));
                    match tcp.read(into.initialize_unfilled()) {
                        Ok(bytes) => into.advance(bytes),
                        Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                        Err(error) if error.kind() == ErrorKind::WouldBlock => {
                            this.socket.watch()?;
                            continue;
                        }
                        Err(error) => return Poll::Ready(Err(error)),
                    }
                }
                Socket::Lost => return Poll::Ready(Err(lost())),
            }
            if into.filled().len() > before {
                this.has_read(into.remaining() == 0)?;
            }
            return Poll::Ready(Ok(()));
        }
    }
}

impl AsyncWrite for Rested {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            let this = &mut *self;
            match &mut this.socket {
                Socket::Watched(tcp) => return Pin::new(tcp).poll_write(context, bytes),
                Socket::Resting(tcp) => match tcp.write(bytes) {
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => this.socket.watch()?,
                    written => {
                        this.has_written();
                        return Poll::Ready(written);
                    }
                },
                Socket::Lost => return Poll::Ready(Err(lost())),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.socket {
            Socket::Watched(tcp) => Pin::new(tcp).poll_shutdown(context),
            Socket::Resting(tcp) => Poll::Ready(tcp.shutdown(Shutdown::Write)),
            Socket::Lost => Poll::Ready(Err(lost())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::time::timeout;

    /// A socket that rests already, and the other end of its line.
    async fn resting() -> (Rested, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let here = TcpStream::connect(listener.local_addr().expect("an address"));
        let (here, there) = tokio::join!(here, listener.accept());
        let mut there = there.expect("accepted").0;
        there.set_nodelay(true).expect("a socket");
        let mut rested = Rested::new(here.expect("connected"), Arc::new(AtomicBool::new(true)));
        let mut bytes = [0; 9];
        while !is_resting(&rested) {
            there.write_all(b"x").await.expect("sent");
            assert_eq!(rested.read(&mut bytes).await.expect("read"), 1);
        }
        (rested, there)
    }

    fn is_resting(rested: &Rested) -> bool {
        matches!(rested.socket, Socket::Resting(_))
    }

    #[tokio::test]
    async fn what_came_during_a_rest_is_read_at_once() {
        let (mut rested, mut there) = resting().await;
        for _ in 0..3 {
            there.write_all(b"abc").await.expect("sent");
        }
        let mut bytes = [0; 20];
        let read = rested.read(&mut bytes).await.expect("read");
        assert_eq!(&bytes[..read], b"abcabcabc");
        assert!(is_resting(&rested));
    }

    #[tokio::test]
    async fn a_line_gone_quiet_is_watched_again() {
        let (mut rested, mut there) = resting().await;
        let mut bytes = [0; 9];
        assert!(timeout(5 * REST, rested.read(&mut bytes)).await.is_err());
        assert!(!is_resting(&rested));
        there.write_all(b"abc").await.expect("sent");
        assert_eq!(rested.read(&mut bytes).await.expect("read"), 3);
        assert!(!is_resting(&rested), "one message is no busy line");
    }

    #[tokio::test]
    async fn where_more_is_there_than_there_is_room_for_nothing_rests() {
        let (mut rested, mut there) = resting().await;
        there.write_all(&[7; 100]).await.expect("sent");
        let mut bytes = [0; 40];
        assert_eq!(rested.read(&mut bytes).await.expect("read"), 40);
        assert!(!is_resting(&rested));
        assert_eq!(rested.read(&mut bytes).await.expect("read"), 40);
        assert_eq!(rested.read(&mut bytes).await.expect("read"), 20);
    }

    #[tokio::test]
    async fn an_end_is_noticed_by_who_rests() {
        let (mut rested, there) = resting().await;
        drop(there);
        let mut bytes = [0; 9];
        assert_eq!(rested.read(&mut bytes).await.expect("an end is no error"), 0);
    }

    #[tokio::test]
    async fn more_than_the_line_takes_at_once_arrives_whole_from_who_rests() {
        let (mut rested, mut there) = resting().await;
        let sent = vec![7; 8 << 20];
        let write = async {
            rested.write_all(&sent).await.expect("sent");
            rested.shutdown().await.expect("shut down");
        };
        let mut got = Vec::new();
        let read = there.read_to_end(&mut got);
        let ((), read) = tokio::join!(write, read);
        assert_eq!(read.expect("read"), sent.len());
    }
}
