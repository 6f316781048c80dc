//! Serial lines, as scanners and Modbus share them: their settings, how one is opened, and the thread that each gets.
//!
//! The library blocks while it writes, so nothing on a serial line runs on the threads that everything else shares.

mod rs485;

pub use rs485::Rs485;
use tokio::sync::oneshot;
use tokio_serial::{SerialPortBuilderExt, SerialStream};

/// Settings of a serial line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    pub baud: u32,
    pub data_bits: u8,
    pub parity: Parity,
    pub stop_bits: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parity {
    None,
    Even,
    Odd,
}

impl Line {
    /// Takes over one `key=value` of a URL.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        let wrong = |right: &str| format!("`{value}` is not a value of {key}; write {right}");
        let one_of = |all: [u8; 2], right| {
            value
                .parse()
                .ok()
                .filter(|n| all.contains(n))
                .ok_or_else(|| wrong(right))
        };
        match key {
            "baud" => {
                self.baud = value
                    .parse()
                    .ok()
                    .filter(|baud| (300..=4_000_000).contains(baud))
                    .ok_or_else(|| wrong("a rate such as 9600"))?;
            }
            "data" => self.data_bits = one_of([7, 8], "7 or 8")?,
            "stop" => self.stop_bits = one_of([1, 2], "1 or 2")?,
            "parity" => {
                self.parity = match value {
                    "none" => Parity::None,
                    "even" => Parity::Even,
                    "odd" => Parity::Odd,
                    _ => return Err(wrong("none, even or odd")),
                }
            }
            _ => {
                return Err(format!(
                    "`{key}` is not a setting of a serial line (known: baud, data, parity, stop)"
                ));
            }
        }
        Ok(())
    }

    /// What one byte takes on the wire: its bits, one to start, those for parity and stop.
    pub fn bits_per_byte(self) -> u8 {
        1 + self.data_bits + u8::from(self.parity != Parity::None) + self.stop_bits
    }

    /// Opens the line, exclusively.
    pub fn open(self, path: &str) -> tokio_serial::Result<SerialStream> {
        let data_bits = if self.data_bits == 7 {
            tokio_serial::DataBits::Seven
        } else {
            tokio_serial::DataBits::Eight
        };
        let stop_bits = if self.stop_bits == 2 {
            tokio_serial::StopBits::Two
        } else {
            tokio_serial::StopBits::One
        };
        let parity = match self.parity {
            Parity::None => tokio_serial::Parity::None,
            Parity::Even => tokio_serial::Parity::Even,
            Parity::Odd => tokio_serial::Parity::Odd,
        };
        tokio_serial::new(path, self.baud)
            .data_bits(data_bits)
            .stop_bits(stop_bits)
            .parity(parity)
            .open_native_async()
    }
}

/// Runs what `start` makes to its end, on a thread with a runtime of its own.
pub async fn on_own_thread<F>(name: &str, start: impl FnOnce() -> F + Send + 'static) -> Result<F::Output, String>
where
    F: Future,
    F::Output: Send + 'static,
{
    let (done, ended) = oneshot::channel();
    std::thread::Builder::new()
        .name(format!("serial-{name}"))
        .spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            // Who waited for it may be gone by now.
            let _ = done.send(runtime.map(|runtime| runtime.block_on(start())));
        })
        .map_err(|error| format!("no thread for the serial line: {error}"))?;
    match ended.await {
        Ok(Ok(output)) => Ok(output),
        Ok(Err(error)) => Err(format!("no runtime for the serial line: {error}")),
        Err(_) => Err("the thread of the serial line broke off".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_told_by_its_url() {
        let mut line = Line {
            baud: 9600,
            data_bits: 8,
            parity: Parity::None,
            stop_bits: 1,
        };
        assert_eq!(line.bits_per_byte(), 10);
        for (key, value) in [("baud", "19200"), ("parity", "even"), ("stop", "2"), ("data", "7")] {
            assert_eq!(line.set(key, value), Ok(()), "{key}");
        }
        assert_eq!((line.baud, line.bits_per_byte()), (19200, 11));
        for (key, value) in [
            ("baud", "12"),
            ("parity", "mark"),
            ("stop", "3"),
            ("data", "9"),
            ("bits", "8"),
        ] {
            assert!(line.set(key, value).is_err(), "{key}={value}");
        }
    }

    #[tokio::test]
    async fn what_runs_on_a_thread_of_its_own_gives_its_outcome_or_says_that_it_broke_off() {
        assert_eq!(on_own_thread("test", async || 7).await, Ok(7));
        let broken = on_own_thread("test", async || -> u8 { panic!("as a test has it") }).await;
        assert!(broken.is_err_and(|e| e.contains("broke off")));
    }
}
