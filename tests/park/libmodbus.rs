//! The server that libmodbus tests its own client with, from the Debian package of that library. By the address it is asked
//! for, it is busy, answers as somebody else, late, byte by byte, or with too little. It serves one connection and ends
//! with it, so while it runs, the connection was kept.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;

use super::{free_port, until};

/// 22 discrete inputs, the lowest bit first.
pub const INPUTS: [u8; 3] = [0xAC, 0xDB, 0x35];
pub const INPUTS_AT: u16 = 0x1C4;
pub const INPUTS_COUNT: u16 = 22;
/// An input register that holds 10.
pub const TEN_AT: u16 = 0x108;
/// Holding registers that hold 0: an honest one, and those with a habit.
pub const ZERO_AT: u16 = 0x160;
pub const BUSY_AT: u16 = 0x170;
pub const AS_ANOTHER_AT: u16 = 0x171;
pub const LATE_AT: u16 = 0x172;
pub const BYTE_BY_BYTE_AT: u16 = 0x173;
/// How late that one is.
pub const LATE_MS: u64 = 500;
/// Of so many registers it gives one less.
pub const CUT_SHORT: u16 = 2;
/// Who it is on a line. Over TCP it answers to any number, byte by byte only as 255.
pub const UNIT_ON_A_LINE: u8 = 17;
pub const UNIT_OVER_TCP: u8 = 255;

pub struct UnitTestServer {
    process: Child,
    pub port: u16,
}

impl UnitTestServer {
    pub async fn start() -> Self {
        Self::start_on(free_port()).await
    }

    pub async fn start_on(port: u16) -> Self {
        let process = spawn(&["tcp", &port.to_string()]);
        let server = Self { process, port };
        // To try whether it listens would take its one connection.
        let listens = format!("0100007F:{port:04X} 00000000:0000 0A");
        until("libmodbus' server", async || {
            let sockets = fs::read_to_string("/proc/net/tcp").ok()?;
            sockets.contains(&listens).then_some(())
        })
        .await;
        server
    }

    pub fn start_on_line(path: &str) -> Self {
        let process = spawn(&["rtu", path]);
        Self { process, port: 0 }
    }

    /// Whether it was never left.
    pub fn has_its_connection(&mut self) -> bool {
        self.process.try_wait().expect("our own child").is_none()
    }

    /// Starts it again whenever it has ended; returns when it has ended so many times.
    pub async fn start_again(&mut self, times: usize) {
        for _ in 0..times {
            until("its client to leave", async || {
                (!self.has_its_connection()).then_some(())
            })
            .await;
            *self = Self::start_on(self.port).await;
        }
    }
}

impl Drop for UnitTestServer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn spawn(args: &[&str]) -> Child {
    static PROGRAM: LazyLock<PathBuf> = LazyLock::new(compile);
    let mut command = Command::new(&*PROGRAM);
    let silent = command.args(args).stdout(Stdio::null()).stderr(Stdio::null());
    silent.spawn().expect("what was compiled runs")
}

/// Where it serves is fixed in its source; ours takes that as its second argument.
fn compile() -> PathBuf {
    let folder = "usr/share/doc/libmodbus-dev/examples";
    // Images without documentation have it where tests/run unpacked it.
    let unpacked = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/libmodbus");
    let examples = [PathBuf::from("/"), unpacked]
        .map(|root| root.join(folder))
        .into_iter()
        .find(|examples| examples.join("unit-test-server.c").exists())
        .expect("the package libmodbus-dev with its examples; tests/run gets both");
    let source = fs::read_to_string(examples.join("unit-test-server.c")).expect("a text");
    let source = source
        .replace("\"127.0.0.1\", 1502", "\"127.0.0.1\", atoi(argv[2])")
        .replace("\"/dev/ttyUSB0\"", "argv[2]");
    assert_eq!(source.matches("argv[2]").count(), 2, "libmodbus' server has changed");
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("libmodbus-unit-test-server");
    let mut compiler = Command::new("cc")
        .args(["-w", "-I/usr/include/modbus", "-I"])
        .arg(&examples)
        .arg("-o")
        .arg(&program)
        .args(["-x", "c", "-", "-lmodbus"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("a C compiler is installed");
    let mut input = compiler.stdin.take().expect("is piped");
    input.write_all(source.as_bytes()).expect("the compiler reads");
    drop(input);
    assert!(
        compiler.wait().expect("it ends").success(),
        "is libmodbus-dev installed?"
    );
    program
}
