//! Conversations with scanners and fixed readers, over a link in memory.

use super::*;
use crate::status::Status;

fn settings(reply: Reply, trigger: Option<Trigger>) -> Settings {
    Settings {
        station: "ST-01".into(),
        port: Port::Connect("nowhere:0".to_owned()),
        starter: Vec::new(),
        terminator: b"\r".to_vec(),
        separator: Some(b"<GS>".to_vec()),
        no_read: vec!["ERROR".to_owned()],
        trigger,
        reply,
    }
}

fn station(settings: Settings) -> (Station, mpsc::Receiver<Reading>) {
    let (readings, heard) = mpsc::channel(8);
    let station = Station {
        settings,
        readings,
        status: Status::default().source("station/ST-01"),
        floor: Status::default(),
        stop: CancellationToken::new(),
    };
    (station, heard)
}

/// Stands in for intake and disk: keeps what comes with this outcome, and gives back the frame.
async fn keep(heard: &mut mpsc::Receiver<Reading>, kind: FeedbackKind) -> Frame {
    let reading = heard.recv().await.expect("a reading");
    reading.receipt.keep(Some(Feedback {
        kind,
        code: "SAID".to_owned(),
        message: String::new(),
        words: Words::default(),
    }));
    match reading.payload {
        Payload::Scan { frame, .. } => frame,
        other => panic!("{other:?} is no scan"),
    }
}

async fn expect(link: &mut tokio::io::DuplexStream, bytes: &[u8]) {
    let mut got = vec![0; bytes.len()];
    link.read_exact(&mut got).await.expect("an answer");
    assert_eq!(got, bytes);
}

#[tokio::test]
async fn a_fixed_reader_is_told_to_read_until_it_has_read() {
    let trigger = Trigger {
        start: "LON\r".to_owned(),
        stop: "LOFF\r".to_owned(),
        wait: Duration::from_millis(50),
    };
    let (station, mut heard) = station(settings(Reply::Ack, Some(trigger)));
    let (near, mut reader) = tokio::io::duplex(256);
    let conversation = tokio::spawn(async move { station.converse(near, Duration::from_secs(1)).await });
    expect(&mut reader, b"LON\r").await;
    reader.write_all(b"WO-1\r").await.expect("it is heard");
    assert_eq!(keep(&mut heard, FeedbackKind::Ok).await, Frame::Whole(b"WO-1".to_vec()));
    expect(&mut reader, b"\x06LON\r").await;
    // Nothing comes in time; its word that there was no code is nobody's scan, and is not answered.
    expect(&mut reader, b"LOFF\rLON\r").await;
    reader.write_all(b"ERROR\r").await.expect("it is heard");
    expect(&mut reader, b"LON\r").await;
    drop(reader);
    assert!(matches!(conversation.await, Ok(Ended::Lost(_))));
    assert!(heard.try_recv().is_err());
}

#[tokio::test]
async fn a_scanner_that_waits_for_commands_gets_them() {
    let (station, mut heard) = station(settings(Reply::Commands(Commands::host_ack()), None));
    let (near, mut scanner) = tokio::io::duplex(256);
    let conversation = tokio::spawn(async move { station.converse(near, Duration::from_secs(1)).await });
    scanner.write_all(b"]C110A<GS>21B\rERROR\r").await.expect("it is heard");
    assert_eq!(
        keep(&mut heard, FeedbackKind::Ok).await,
        Frame::Whole(b"]C110A\x1d21B".to_vec())
    );
    expect(&mut scanner, b"\x1b7,").await;
    assert_eq!(keep(&mut heard, FeedbackKind::Err).await, Frame::NoRead);
    expect(&mut scanner, b"\x1b8,").await;
    drop(scanner);
    assert!(matches!(conversation.await, Ok(Ended::Lost(_))));
}

#[test]
fn a_stand_in_for_the_separator_is_replaced() {
    assert_eq!(replace(b"10ABC<GS>99X<GS", b"<GS>", 0x1D), b"10ABC\x1d99X<GS");
    assert_eq!(replace(b"a|b||", b"|", 0x1D), b"a\x1db\x1d\x1d");
}
