//! Symbols as SVG, with the quiet zone that readers need around them. Drawn in modules, so that they stay sharp at any size.

use std::fmt::Write;

use qrcode::{Color, EcLevel, QrCode};

use super::code128;

const BARS_QUIET_MODULES: usize = 10;
const QR_QUIET_MODULES: usize = 4;
/// Thinner bars do not survive a common printer and a worn scanner.
const MODULE_MM_MIN: f64 = 0.19;

/// Code 128, where its characters allow it and it fits into this width.
pub fn bars(code: &str, width_mm: f64) -> Option<String> {
    let widths = code128::widths(code)?;
    let modules: usize = 2 * BARS_QUIET_MODULES + widths.iter().map(|width| usize::from(*width)).sum::<usize>();
    let modules_that_fit = (width_mm / MODULE_MM_MIN).floor();
    if u32::try_from(modules).map_or(f64::INFINITY, f64::from) > modules_that_fit {
        return None;
    }
    let mut path = String::new();
    let mut x = BARS_QUIET_MODULES;
    for (nth, width) in widths.iter().enumerate() {
        if nth % 2 == 0 {
            write!(path, "M{x} 0h{width}v40h-{width}z").expect("a String takes everything");
        }
        x += usize::from(*width);
    }
    Some(svg("bars", code, modules, 40, &path))
}

/// A QR code; nothing only for codes longer than any symbol.
pub fn qr(code: &str) -> Option<String> {
    let symbol = QrCode::with_error_correction_level(code, EcLevel::M).ok()?;
    let side = symbol.width();
    let colors = symbol.to_colors();
    let mut path = String::new();
    for (y, row) in colors.chunks(side).enumerate() {
        let mut x = 0;
        // One rectangle for each run of dark modules.
        for run in row.chunk_by(|left, right| left == right) {
            if run.first() == Some(&Color::Dark) {
                let (left, top, length) = (x + QR_QUIET_MODULES, y + QR_QUIET_MODULES, run.len());
                write!(path, "M{left} {top}h{length}v1h-{length}z").expect("a String takes everything");
            }
            x += run.len();
        }
    }
    let whole = side + 2 * QR_QUIET_MODULES;
    Some(svg("qr", code, whole, whole, &path))
}

fn svg(class: &str, code: &str, width: usize, height: usize, path: &str) -> String {
    let stretch = if class == "bars" {
        r#" preserveAspectRatio="none""#
    } else {
        ""
    };
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" class="{class}" data-code="{}" viewBox="0 0 {width} {height}"{stretch} shape-rendering="crispEdges"><rect width="{width}" height="{height}" fill="#fff"/><path d="{path}"/></svg>"##,
        super::sheet::escaped(code)
    )
}
