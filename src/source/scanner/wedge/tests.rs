//! Event streams as scanners send them, and the whole way through the kernel where it lets us play a keyboard.

use evdev::uinput::VirtualDevice;
use evdev::{AttributeSet, EventType};
use proptest::prelude::*;

use super::*;

const SHIFT: u16 = KeyCode::KEY_LEFTSHIFT.0;
const ENTER: u16 = KeyCode::KEY_ENTER.0;

fn wedge(layout: Layout, keys: &[(u16, String)]) -> Wedge {
    Wedge {
        device: Device::Path("/dev/null".into()),
        layout,
        keys: keys.to_vec(),
    }
}

fn reader(wedge: &Wedge, terminator: &[u8]) -> Reader {
    Reader::new(wedge, Framing::new(terminator.to_vec()))
}

fn press(reader: &mut Reader, name: &str, value: i32) {
    let event = match name {
        "SYN_DROPPED" => InputEvent::new(EventType::SYNCHRONIZATION.0, SynchronizationCode::SYN_DROPPED.0, 0),
        name => InputEvent::new(EventType::KEY.0, key_code(name).expect("a key"), value),
    };
    reader.take(event);
}

/// Keys that are pressed and let go, with `+` for press only and `-` for release only.
fn type_keys(reader: &mut Reader, keys: &str) {
    for key in keys.split_ascii_whitespace() {
        match (key.strip_prefix('+'), key.strip_prefix('-')) {
            (Some(key), _) => press(reader, key, 1),
            (_, Some(key)) => press(reader, key, 0),
            _ => {
                press(reader, key, 1);
                press(reader, key, 0);
            }
        }
    }
}

fn frames(reader: &mut Reader) -> Vec<Frame> {
    std::iter::from_fn(|| reader.next_frame()).collect()
}

fn whole(text: &str) -> Vec<Frame> {
    vec![Frame::Whole(text.as_bytes().to_vec())]
}

fn typed(layout: Layout, keys: &str) -> Vec<Frame> {
    let mut reader = reader(&wedge(layout, &[]), b"\r");
    type_keys(&mut reader, keys);
    frames(&mut reader)
}

#[test]
fn shift_may_be_held_over_several_characters() {
    assert_eq!(
        typed(Layout::Us, "+LEFTSHIFT W O -LEFTSHIFT MINUS 1 ENTER"),
        whole("WO-1")
    );
    assert_eq!(
        typed(Layout::Us, "CAPSLOCK W O CAPSLOCK MINUS 1 KPENTER"),
        whole("WO-1")
    );
    assert_eq!(
        typed(Layout::Us, "CAPSLOCK +LEFTSHIFT A -LEFTSHIFT 1 ENTER"),
        whole("a1")
    );
}

#[test]
fn layouts_are_the_scanners_own() {
    assert_eq!(
        typed(Layout::De, "+LEFTSHIFT Y -LEFTSHIFT SLASH +RIGHTALT 9 -RIGHTALT ENTER"),
        whole("Z-]")
    );
    assert_eq!(typed(Layout::Fr, "+LEFTSHIFT Q 1 0 -LEFTSHIFT 6 ENTER"), whole("A10-"));
    // A dead key and its space are one character.
    assert_eq!(typed(Layout::De, "A GRAVE SPACE SPACE B ENTER"), whole("a^ b"));
}

#[test]
fn alt_codes_are_complete_when_alt_is_let_go() {
    let s = "+LEFTALT +KP0 +KP8 +KP3 -LEFTALT -KP0 -KP8 -KP3";
    let separator = "+LEFTALT KP0 KP2 KP9 -LEFTALT";
    assert_eq!(
        typed(Layout::Us, &format!("{s} {separator} 1 ENTER")),
        whole("S\u{1d}1")
    );
    // A text in GB18030, byte by byte or character by character.
    let by_byte = "+LEFTALT KP0 KP1 KP8 KP5 -LEFTALT +LEFTALT KP0 KP1 KP6 KP4 -LEFTALT ENTER";
    let by_character = "+LEFTALT KP4 KP7 KP5 KP2 KP4 -LEFTALT ENTER";
    for keys in [by_byte, by_character] {
        assert_eq!(typed(Layout::Us, keys), [Frame::Whole(vec![0xB9, 0xA4])]);
    }
}

#[test]
fn the_separator_comes_as_control_code_or_as_a_key() {
    assert_eq!(
        typed(Layout::Us, "1 +LEFTCTRL RIGHTBRACE -LEFTCTRL 2 ENTER"),
        whole("1\u{1d}2")
    );
    let down = [(key_code("down").expect("a key"), "\u{1d}".to_owned())];
    let mut mapped = reader(&wedge(Layout::Us, &down), b"\t");
    type_keys(&mut mapped, "1 DOWN 2 TAB");
    assert_eq!(frames(&mut mapped), whole("1\u{1d}2"));
}

#[test]
fn a_code_that_is_not_whole_is_never_taken_for_one() {
    // A key that means nothing.
    assert_eq!(
        typed(Layout::Us, "1 DOWN 2 ENTER"),
        [Frame::Partial(Gap::Key, b"12".to_vec())]
    );
    // Events that the kernel dropped: within a code, before it, and together with its end.
    assert_eq!(
        typed(Layout::Us, "1 SYN_DROPPED 2 ENTER 3 ENTER"),
        [Frame::Partial(Gap::Events, b"12".to_vec()), Frame::Whole(b"3".to_vec())]
    );
    assert_eq!(
        typed(Layout::Us, "SYN_DROPPED 2 ENTER"),
        [Frame::Partial(Gap::Events, b"2".to_vec())]
    );
    assert_eq!(
        typed(Layout::Us, "1 SYN_DROPPED ENTER"),
        [Frame::Partial(Gap::Events, b"1".to_vec())]
    );
    // Shift was let go unseen.
    assert_eq!(
        typed(Layout::Us, "+LEFTSHIFT A SYN_DROPPED ENTER b ENTER")[1..],
        whole("b")
    );
    let mut cut = reader(&wedge(Layout::Us, &[]), b"\r");
    type_keys(&mut cut, "1 2");
    assert!(cut.is_within_frame());
    cut.give_up();
    assert_eq!(frames(&mut cut), [Frame::Partial(Gap::End, b"12".to_vec())]);
}

#[test]
fn repeats_by_holding_do_not_count() {
    let mut held = reader(&wedge(Layout::Us, &[]), b"\r");
    for value in [1, 2, 2, 2, 0] {
        press(&mut held, "A", value);
    }
    type_keys(&mut held, "ENTER");
    assert_eq!(frames(&mut held), whole("a"));
}

/// The keys of a text on a US keyboard.
fn strokes(text: &str) -> Vec<(u16, i32)> {
    let mut strokes = Vec::new();
    let key_of = |wanted: char| {
        (0..128).find_map(|key| {
            let is_on = |shift| {
                Layout::Us
                    .letter(key, shift, false)
                    .is_some_and(|l| l.character == wanted)
            };
            [false, true]
                .into_iter()
                .find(|shift| is_on(*shift))
                .map(|shift| (key, shift))
        })
    };
    for character in text.chars() {
        let (key, is_shifted) = key_of(character).expect("a character of this keyboard");
        if is_shifted {
            strokes.push((SHIFT, 1));
        }
        strokes.extend([(key, 1), (key, 0)]);
        if is_shifted {
            strokes.push((SHIFT, 0));
        }
    }
    strokes.extend([(ENTER, 1), (ENTER, 0)]);
    strokes
}

proptest! {
    #[test]
    fn every_text_comes_out_as_it_was_typed(text in "[!-~]{1,60}") {
        let mut reader = reader(&wedge(Layout::Us, &[]), b"\r");
        for (key, value) in strokes(&text) {
            reader.take(InputEvent::new(EventType::KEY.0, key, value));
        }
        prop_assert_eq!(frames(&mut reader), whole(&text));
    }

    #[test]
    fn arbitrary_events_never_panic(events in prop::collection::vec((0_u16..3, 0_u16..300, -1_i32..4), 0..200)) {
        for layout in [Layout::Us, Layout::Fr] {
            let mut reader = reader(&wedge(layout, &[]), b"\r");
            for (kind, code, value) in &events {
                reader.take(InputEvent::new(*kind, *code, *value));
            }
            reader.give_up();
            let _ = frames(&mut reader);
        }
    }

    /// However much is lost of a code, it is whole or told to be partial.
    #[test]
    fn dropped_events_never_shorten_a_code(text in "[0-9A-Z-]{1,40}", from in 0_usize..160, count in 1_usize..80) {
        let mut reader = reader(&wedge(Layout::Us, &[]), b"\r");
        let strokes = strokes(&text);
        let from = from.min(strokes.len());
        let to = (from + count).min(strokes.len());
        for (key, value) in &strokes[..from] {
            reader.take(InputEvent::new(EventType::KEY.0, *key, *value));
        }
        press(&mut reader, "SYN_DROPPED", 0);
        for (key, value) in &strokes[to..] {
            reader.take(InputEvent::new(EventType::KEY.0, *key, *value));
        }
        reader.give_up();
        for frame in frames(&mut reader) {
            prop_assert!(matches!(frame, Frame::Partial(..)) || frame == Frame::Whole(text.clone().into_bytes()));
        }
    }
}

/// The kernel's own way: a keyboard of ours, one report each millisecond.
#[test]
fn a_fast_scanner_arrives_whole_or_is_told_to_be_partial() {
    if !std::path::Path::new("/dev/uinput").exists() {
        eprintln!("skipped: this machine has no /dev/uinput");
        return;
    }
    let keys: AttributeSet<KeyCode> = (1..128).map(KeyCode::new).collect();
    let mut keyboard = VirtualDevice::builder()
        .and_then(|builder| builder.name("lineside test scanner").with_keys(&keys))
        .and_then(evdev::uinput::VirtualDeviceBuilder::build)
        .expect("a keyboard of ours");
    let mut nodes = keyboard.enumerate_dev_nodes_blocking().expect("its device nodes");
    let path = nodes.next().expect("a device node").expect("its path");
    let device = open(&Device::Path(path)).expect("it opens and is grabbed");
    let wedge = wedge(Layout::Us, &[]);
    let text = "TRV-MO-20260001-ABCDEFGH-IJKLMNOP-12.20";
    let listener = std::thread::spawn(move || {
        let (mut device, mut reader) = (device, reader(&wedge, b"\r"));
        loop {
            device
                .fetch_events()
                .expect("it is plugged in")
                .for_each(|event| reader.take(event));
            if let Some(frame) = reader.next_frame() {
                return frame;
            }
        }
    });
    for (key, value) in strokes(text) {
        keyboard
            .emit(&[InputEvent::new(EventType::KEY.0, key, value)])
            .expect("the kernel takes it");
        std::thread::sleep(Duration::from_millis(1));
    }
    let frame = listener.join().expect("the listener ends");
    assert!(matches!(frame, Frame::Partial(..)) || frame == Frame::Whole(text.as_bytes().to_vec()));
}

/// Recorded streams, kept outside of this project.
#[test]
fn recorded_streams() {
    let file = std::env::var("LINESIDE_REFERENCE_DATA").map_or_else(
        |_| concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/gs1-vectors.json").to_owned(),
        |folder| format!("{folder}/gs1-vectors.json"),
    );
    let Ok(text) = std::fs::read_to_string(&file) else {
        eprintln!("skipped: there is no {file}; LINESIDE_REFERENCE_DATA names another folder");
        return;
    };
    let vectors: serde_json::Value = serde_json::from_str(&text).expect("vectors are JSON");
    for vector in vectors["evdev_vectors"].as_array().expect("a list") {
        let config = &vector["config"];
        let own: Vec<(u16, String)> = config["key_map"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, text)| (key_code(key).expect("a key"), text.as_str().expect("text").to_owned()))
            .collect();
        let terminator: &[u8] = if config["terminator"] == "TAB" { b"\t" } else { b"\r" };
        let mut reader = reader(&wedge(Layout::Us, &own), terminator);
        for event in vector["events"].as_array().expect("events") {
            let value = event[1]
                .as_i64()
                .and_then(|value| i32::try_from(value).ok())
                .expect("a value");
            press(&mut reader, event[0].as_str().expect("a name"), value);
        }
        reader.give_up();
        let got: Vec<_> = frames(&mut reader);
        let expect = &vector["expect"][0];
        let is_right = match (&got[..], expect["kind"].as_str()) {
            ([Frame::Whole(bytes)], Some("scan")) => expect["text"].as_str().map(str::as_bytes) == Some(bytes),
            ([Frame::Partial(gap, bytes)], Some("error")) => {
                let gap_told = match gap {
                    Gap::End => "PARTIAL_READ",
                    Gap::Events => "EVENTS_DROPPED",
                    Gap::Key => "UNMAPPED_KEY",
                };
                let is_long = expect["bytes"].as_u64() == u64::try_from(bytes.len()).ok();
                expect["code"] == gap_told && (expect["bytes"].is_null() || is_long)
            }
            _ => false,
        };
        assert!(is_right, "{}: {got:?}, not {expect}", vector["id"]);
    }
}
