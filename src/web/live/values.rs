//! The values of the keys, as the API shows the same things; without what is large: of a chart its newest point, of a source
//! not the samples of what was not understood.

use serde::Serialize;
use serde_json::{Value, json};

use super::book::Book;
use crate::reference::{Order, Reference};
use crate::status::OrderView;
use crate::web::Window;

/// As it is written after a key; shown values are always JSON.
fn text(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("what is shown is JSON")
}

/// What people look at, as far as it has changed since that many changes of the status.
pub fn changed(window: &Window, since: u64, book: &mut Book) {
    for (id, view) in window.status.stations_since(since) {
        book.set(format!("station/{id}"), text(&view));
    }
    let reference = window.reference.borrow().clone();
    equipment(window, &reference, since, book);
    let charts = window.status.judges_since(since, "spc/", |name, view| {
        let name = name.strip_prefix("spc/").unwrap_or(name);
        (format!("chart/{name}"), text(&chart(view)))
    });
    for (key, summary) in charts {
        book.set(key, summary);
    }
    for (order_no, view) in window.status.orders_since(since) {
        if let Some(order) = reference.order(&order_no).filter(|order| order.status.is_reportable()) {
            book.set(format!("order/{order_no}"), shown(order, Some(&view)));
        }
    }
}

fn equipment(window: &Window, reference: &Reference, since: u64, book: &mut Book) {
    for (code, view) in window.status.equipment_since(since) {
        let view = view.or_named(reference.equipment_name(&code));
        book.set(format!("equipment/{code}"), text(&view));
    }
}

/// The orders that can be worked on and the names of machines, when the reference data has changed.
pub fn referred(window: &Window, reference: &Reference, book: &mut Book) {
    equipment(window, reference, 0, book);
    let open = reference.orders().filter(|order| order.status.is_reportable());
    let shown = open.map(|order| {
        let view = window.status.order(&order.order_no);
        (format!("order/{}", order.order_no), shown(order, view.as_ref()))
    });
    book.replace("order/", shown.collect());
}

pub fn alerts(window: &Window, book: &mut Book) {
    let alerts = window.status.alerts();
    let shown = alerts
        .iter()
        .map(|view| (format!("alert/{}", view.alert.alert_id), text(view)));
    book.replace("alert/", shown.collect());
}

/// What changes with every record, so it is looked at on a beat.
pub fn counted(window: &Window, book: &mut Book) {
    let now = chrono::Utc::now();
    let status = &window.status;
    let buffer = status.buffer();
    let mut gateway = json!(window.identity);
    gateway["version"] = json!(env!("CARGO_PKG_VERSION"));
    gateway["ready"] = json!(status.are_sources_started() && buffer.writable);
    gateway["timezone"] = json!(window.zone.0.name());
    book.set("gateway".to_owned(), text(&gateway));
    book.set("buffer".to_owned(), text(&buffer));
    book.set("capacity".to_owned(), text(&status.capacity()));
    let reference = window.reference.borrow().clone();
    let reference = json!({
        "version": reference.version,
        "confirmed_at": reference.confirmed_at,
        "fresh": reference.is_fresh(now),
        "orders": reference.orders().count(),
    });
    book.set("reference".to_owned(), text(&reference));
    for (name, view) in status.upstreams() {
        book.set(format!("upstream/{name}"), text(&view));
    }
    for (name, mut view) in status.sources() {
        view.rejections = crate::status::Rejections::default();
        book.set(format!("source/{name}"), text(&view));
    }
}

fn shown(order: &Order, view: Option<&OrderView>) -> String {
    #[derive(Serialize)]
    struct Shown<'a> {
        #[serde(flatten)]
        order: &'a Order,
        #[serde(flatten)]
        view: Option<&'a OrderView>,
    }
    text(&Shown { order, view })
}

/// Enough to see how a chart stands, and when to ask for it again.
fn chart(view: &Value) -> Value {
    let newest = view["points"].as_array().and_then(|points| points.last());
    let firing = view["firing"].as_array();
    json!({
        "name": view["name"],
        "chart": view["chart"],
        "unit": view["unit"],
        "phase": view["phase"],
        "newest": newest,
        "count": view["points"].as_array().map(Vec::len),
        "firing": firing,
        "is_off_spec": view["is_off_spec"],
        "cpk": view["capability"]["cpk"],
        "out": firing.is_some_and(|rules| !rules.is_empty()) || view["is_off_spec"] == true,
        "changed_at": newest.map(|point| &point["at"]),
    })
}
