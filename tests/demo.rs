//! The demo's plant as a whole, and its broker by itself.

use std::time::Duration;

use lineside::demo::broker::Broker;
use lineside::demo::{Plant, Settings};
use rumqttc::{AsyncClient, Event, Incoming, MqttOptions, Publish, QoS};
use tokio::net::TcpListener;
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_mins(1);
const LOOK_EVERY: Duration = Duration::from_millis(50);

fn settings(dir: &tempfile::TempDir, seed: u64) -> Settings {
    Settings {
        dir: dir.path().join("plant"),
        listen: ([127, 0, 0, 1], 0).into(),
        seed,
        pace: Duration::from_millis(30),
        is_calm: true,
    }
}

/// Lets people work until so many reports are in the buffer.
async fn until_reported(plant: &Plant, reports: u64) {
    let reported = async {
        while plant.pulse().await.map_or(0, |pulse| pulse.reports) < reports {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    timeout(DEADLINE, reported).await.expect("people report");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plant_loses_nothing_and_goes_on_where_it_was() {
    rustls::crypto::ring::default_provider().install_default().ok();
    let dir = tempfile::tempdir().expect("a folder");
    let plant = Plant::start(&settings(&dir, 1)).await.expect("the plant starts");
    until_reported(&plant, 100).await;
    // The gateway's session is resumed; machines connect anew.
    plant.broker().cut_connections();
    until_reported(&plant, 180).await;
    let first = plant.finish().await.expect("the plant ends");
    assert!(first.is_exact(), "{first:?}");
    assert!(first.reports.answered >= 40, "{first:?}");

    let plant = Plant::start(&settings(&dir, 2)).await.expect("the plant starts again");
    until_reported(&plant, first.lanes[0].records + 10).await;
    let second = plant.finish().await.expect("the plant ends");
    assert!(second.is_exact(), "{second:?}");
    assert!(second.lanes[0].records > first.lanes[0].records, "{first:?} {second:?}");
}

fn client(name: &str, broker: &Broker) -> (AsyncClient, rumqttc::EventLoop) {
    let mut options = MqttOptions::new(name, "127.0.0.1", broker.address().port());
    options.set_clean_session(false).set_manual_acks(true);
    AsyncClient::new(options, 10)
}

/// The next event that is what is looked for.
async fn next<T>(events: &mut rumqttc::EventLoop, wanted: impl Fn(Event) -> Option<T>) -> T {
    let seen = async {
        loop {
            if let Some(found) = wanted(events.poll().await.expect("the broker answers")) {
                return found;
            }
        }
    };
    timeout(DEADLINE, seen).await.expect("in time")
}

fn message(event: Event) -> Option<Publish> {
    match event {
        Event::Incoming(Incoming::Publish(publish)) => Some(publish),
        _ => None,
    }
}

#[tokio::test]
async fn the_broker_sends_again_what_was_not_acknowledged() {
    let broker = Broker::start(TcpListener::bind("127.0.0.1:0").await.expect("a port")).expect("it starts");
    let (hearing, mut heard) = client("hears", &broker);
    hearing
        .subscribe("plant/+/status", QoS::AtLeastOnce)
        .await
        .expect("queued");
    next(&mut heard, |event| {
        matches!(event, Event::Incoming(Incoming::SubAck(_))).then_some(())
    })
    .await;

    let (telling, mut told) = client("tells", &broker);
    telling
        .publish("plant/P-1/status", QoS::AtLeastOnce, false, "first")
        .await
        .expect("queued");
    next(&mut told, |event| {
        matches!(event, Event::Incoming(Incoming::PubAck(_))).then_some(())
    })
    .await;
    assert!(!next(&mut heard, message).await.dup);
    drop((hearing, heard));
    telling
        .publish("plant/P-1/status", QoS::AtLeastOnce, false, "while away")
        .await
        .expect("queued");
    next(&mut told, |event| {
        matches!(event, Event::Incoming(Incoming::PubAck(_))).then_some(())
    })
    .await;
    assert_eq!(broker.waiting(), 2);

    let (hearing, mut heard) = client("hears", &broker);
    let present = |event| match event {
        Event::Incoming(Incoming::ConnAck(connected)) => Some(connected.session_present),
        _ => None,
    };
    assert!(next(&mut heard, present).await);
    for (body, again) in [("first", true), ("while away", false)] {
        let publish = next(&mut heard, message).await;
        assert_eq!((&publish.payload[..], publish.dup), (body.as_bytes(), again));
        hearing.try_ack(&publish).expect("queued");
    }
    let drained = async {
        tokio::select! {
            () = broker.drained() => {}
            () = async { loop { heard.poll().await.expect("the broker answers"); } } => {}
        }
    };
    timeout(DEADLINE, drained).await.expect("all is acknowledged");
}
