//! `/api/v1/live`: what the gateway knows, told as it changes, to every screen that looks.
//!
//! A frame is `{"epoch","sequence","time","set":{key:value},"removed":[key]}`, with `"whole":true` when it replaces all that
//! was told before. Who comes back with `?epoch=E&after=N` is told what changed since. Values are states, not events: a
//! viewer that reads slowly is told less often, and always the newest.

mod book;
mod hub;
mod seats;
mod values;

use std::time::Duration;

use axum::Extension;
use axum::extract::Query;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use tokio::time::{Instant, timeout};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::Problem;
use crate::language::Words;
use crate::web::Window;
use crate::web::access::Standing;
use book::Place;
use hub::Frame;
pub use hub::Hub;

/// A viewer says nothing but pongs.
const SAID_BYTES_MAX: usize = 1 << 10;
const READ_BUFFER_BYTES: usize = 1 << 10;
/// Who has not taken a frame within this time, or not answered a ping, is gone.
const TAKE_WITHIN: Duration = Duration::from_secs(15);
const PING_EVERY: Duration = Duration::from_secs(15);
/// Whoever may not look any more is told nothing after this time at the latest.
const STANDING_EVERY: Duration = Duration::from_secs(1);
/// Then a viewer comes anew and shows again who it is.
const VISIT_MAX: Duration = Duration::from_hours(1);
const RETRY_AFTER_S: u64 = 10;

pub fn calls() -> OpenApiRouter<Window> {
    OpenApiRouter::new().routes(routes!(live))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct LiveQuery {
    /// Of the latest frame that was seen.
    epoch: Option<String>,
    /// The sequence of that frame.
    after: Option<u64>,
}

/// A WebSocket on which changes are told: `{"epoch","sequence","time","set":{key:value},"removed":[key]}`.
#[utoipa::path(get, path = "/api/v1/live", tag = "status", security(("caller" = [])), params(LiveQuery), responses((status = SWITCHING_PROTOCOLS, description = "frames follow"), (status = BAD_REQUEST, description = "not the handshake of a WebSocket", body = Problem), (status = FORBIDDEN, description = "a page of someone else asks", body = Problem), (status = UPGRADE_REQUIRED, description = "this is a WebSocket", body = Problem), (status = SERVICE_UNAVAILABLE, description = "too many look already", body = Problem)))]
async fn live(
    hub: Extension<Hub>,
    standing: Option<Extension<Standing>>,
    Query(query): Query<LiveQuery>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let upgrade = upgrade.map_err(|refused| Problem::new(refused.status(), refused.body_text()))?;
    let upgrade_required = || Problem::new(StatusCode::UPGRADE_REQUIRED, "this is a WebSocket");
    let Extension(standing) = standing.ok_or_else(upgrade_required)?;
    let seat = hub.seats().take(&standing.client()).ok_or_else(|| {
        let words = Words::new(
            "as many screens as may look at once do so already",
            "同时观看的屏幕已达上限",
        );
        Problem::worded(StatusCode::SERVICE_UNAVAILABLE, &words).retry_after(RETRY_AFTER_S)
    })?;
    let was = query.epoch.zip(query.after);
    let was = was.map(|(epoch, sequence)| Place { epoch, sequence });
    let (Extension(hub), token) = (hub.clone(), hub.viewers().token());
    let upgrade = upgrade
        .max_message_size(SAID_BYTES_MAX)
        .max_frame_size(SAID_BYTES_MAX)
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0);
    Ok(upgrade.on_upgrade(async move |socket| {
        tell(socket, &hub, was, &standing).await;
        drop((seat, token));
    }))
}

/// One viewer, until it leaves, is lost, may not look any more, or has to show again who it is.
async fn tell(mut socket: WebSocket, hub: &Hub, was: Option<Place>, standing: &Standing) {
    let (mut latest, first) = hub.join(was.as_ref());
    let mut seen = first.sequence;
    if !send(&mut socket, hub, Message::Text(first.text)).await {
        return;
    }
    let (until, mut heard_at) = (Instant::now() + VISIT_MAX, Instant::now());
    let mut pings = tokio::time::interval(PING_EVERY);
    let mut looks = tokio::time::interval(STANDING_EVERY);
    loop {
        let is_there = tokio::select! {
            Ok(()) = latest.changed() => {
                let frame = latest.borrow_and_update().clone();
                match frame_for(seen, frame, hub) {
                    Some(frame) => {
                        seen = frame.sequence;
                        send(&mut socket, hub, Message::Text(frame.text)).await
                    }
                    None => true,
                }
            }
            said = socket.recv() => {
                heard_at = Instant::now();
                matches!(said, Some(Ok(Message::Pong(_) | Message::Ping(_))))
            }
            _ = pings.tick() => {
                let is_with_us = heard_at.elapsed() < PING_EVERY + TAKE_WITHIN;
                is_with_us && send(&mut socket, hub, Message::Ping(Vec::new().into())).await
            }
            _ = looks.tick() => standing.holds(),
            () = tokio::time::sleep_until(until) => false,
            () = hub.stop().cancelled() => false,
        };
        if !is_there {
            break;
        }
    }
    let leave = Message::Close(Some(CloseFrame {
        code: close_code::AWAY,
        reason: "".into(),
    }));
    timeout(Duration::from_millis(500), socket.send(leave)).await.ok();
}

/// The frame that all get, if this viewer saw the one before; else what it missed.
fn frame_for(seen: u64, frame: Frame, hub: &Hub) -> Option<Frame> {
    if frame.after == seen {
        Some(frame)
    } else {
        (frame.sequence > seen).then(|| hub.after(seen))
    }
}

async fn send(socket: &mut WebSocket, hub: &Hub, message: Message) -> bool {
    let sent = hub
        .stop()
        .run_until_cancelled(timeout(TAKE_WITHIN, socket.send(message)));
    matches!(sent.await, Some(Ok(Ok(()))))
}
