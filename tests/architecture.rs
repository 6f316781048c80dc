//! The rules of `src/ARCHITECTURE.md` that can be read off the sources: who may import whom, what stays pure, and that each
//! crate is named only where `Cargo.toml` says.

use std::fs;
use std::path::{Path, PathBuf};

/// Each module with its rank; a module imports from lower ranks only.
const RANKS: &[(&str, u8)] = &[
    ("backoff", 0),
    ("clock", 0),
    ("files", 0),
    ("heap", 0),
    ("language", 0),
    ("pointer", 0),
    ("scaling", 0),
    ("secret", 0),
    ("tls", 0),
    ("topic", 1),
    ("units", 0),
    ("fields", 1),
    ("http", 1),
    ("record", 1),
    ("wire", 2),
    ("submissions", 2),
    ("judge", 2),
    ("looks", 2),
    ("reference", 2),
    ("writes", 2),
    ("status", 3),
    ("clock_sync", 4),
    ("buffer", 4),
    ("drawing", 4),
    ("audit", 5),
    ("source", 5),
    ("store", 5),
    ("web", 6),
    ("intake", 6),
    ("forward", 6),
    ("config", 7),
    ("gateway", 8),
    ("demo", 9),
    ("command", 10),
];

/// What one module of a rank may not see although its rank is lower.
const KEPT_APART: &[(&str, &[&str])] = &[
    ("source", &["buffer", "reference", "wire"]),
    ("store", &["buffer", "status", "reference"]),
];

/// No tokio, no clock: the same input always gives the same answer.
const PURE: &[&str] = &[
    "audit/chain",
    "intake/barcode",
    "intake/decode",
    "intake/gs1",
    "intake/inspections",
    "intake/station",
    "intake/validate",
    "judge",
    "source/modbus/address",
    "source/modbus/decode",
    "source/modbus/encode",
    "source/modbus/plan",
    "source/sparkplug",
];
const IMPURE: &[&str] = &[
    "tokio::",
    "Utc::now",
    "Instant::now",
    "SystemTime",
    "std::thread",
    "Local::now",
];

struct Source {
    /// Below `src`, without `.rs`.
    path: String,
    /// Without comments and tests.
    code: String,
}

impl Source {
    fn module(&self) -> &str {
        self.path.split('/').next().unwrap()
    }

    fn is_in(&self, place: &str) -> bool {
        let rest = self.path.strip_prefix(place);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn collect(dir: &Path, into: &mut Vec<Source>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.file_stem().is_some_and(|stem| stem == "tests") {
            continue;
        }
        if path.is_dir() {
            collect(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
            let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
            let below = path.strip_prefix(root().join("src")).unwrap().with_extension("");
            into.push(Source {
                path: below.to_str().unwrap().to_owned(),
                code: lines.collect::<Vec<_>>().join("\n"),
            });
        }
    }
}

fn sources() -> Vec<Source> {
    let mut sources = Vec::new();
    collect(&root().join("src"), &mut sources);
    assert!(sources.len() > 50, "the sources were found");
    sources
}

/// Modules of ours that a source names, as `crate::NAME` or `crate::{NAME, …}`.
fn imports(code: &str) -> Vec<&str> {
    let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{').and_then(|list| list.split('}').next()) {
            Some(list) => found.extend(list.split(',').map(|item| item.trim().split("::").next().unwrap())),
            None => found.push(rest.split(|c| !is_name(c)).next().unwrap()),
        }
    }
    found.retain(|name| !name.is_empty());
    found
}

fn rank(module: &str) -> Option<u8> {
    RANKS.iter().find(|(name, _)| *name == module).map(|(_, rank)| *rank)
}

#[test]
fn modules_import_only_what_lies_below_them() {
    let mut wrong = Vec::new();
    for source in sources() {
        let module = source.module();
        if matches!(module, "lib" | "main") {
            continue;
        }
        let own = rank(module).unwrap_or_else(|| panic!("{module} has no rank yet"));
        let apart = KEPT_APART.iter().find(|(name, _)| *name == module);
        for import in imports(&source.code).into_iter().filter(|import| *import != module) {
            let is_below = rank(import).is_some_and(|rank| rank < own);
            let is_apart = apart.is_some_and(|(_, apart)| apart.contains(&import));
            if !is_below || is_apart {
                wrong.push(format!("{} imports {import}", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_decides_knows_neither_tokio_nor_a_clock() {
    let mut wrong = Vec::new();
    for source in sources() {
        if PURE.iter().any(|place| source.is_in(place)) {
            let impure = IMPURE.iter().filter(|word| source.code.contains(**word));
            wrong.extend(impure.map(|word| format!("{} names {word}", source.path)));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// `rumqttc = { … }  # MQTT packets: source/mqtt/codec, demo` ties a crate to two places.
#[test]
fn crates_are_named_only_where_the_manifest_says() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let dependencies = manifest
        .split("[dependencies]")
        .nth(1)
        .unwrap()
        .split("\n[")
        .next()
        .unwrap();
    let sources = sources();
    let (mut tied, mut wrong) = (0, Vec::new());
    for line in dependencies.lines() {
        let Some((name, places)) = line
            .split_once(" = ")
            .zip(line.rsplit_once("# "))
            .map(|((n, _), (_, c))| (n, c))
        else {
            continue;
        };
        let Some((_, places)) = places.rsplit_once(": ") else {
            continue;
        };
        let places: Vec<&str> = places
            .split(", ")
            .map(|place| place.trim_end_matches(" alone").trim_end_matches('/'))
            .collect();
        for place in &places {
            let (file, folder) = (format!("src/{place}.rs"), format!("src/{place}"));
            assert!(
                root().join(file).exists() || root().join(folder).is_dir(),
                "{name}: there is no {place}"
            );
        }
        tied += 1;
        let path = format!("{}::", name.replace('-', "_"));
        let named = sources.iter().filter(|source| {
            let mut found = source.code.match_indices(&path);
            found.any(|(at, _)| !source.code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':'))
        });
        let strays = named.filter(|source| !places.iter().any(|place| source.is_in(place)));
        wrong.extend(strays.map(|source| format!("{} names {name}", source.path)));
    }
    assert!(tied > 15, "the manifest's comments were read");
    assert!(wrong.is_empty(), "{wrong:#?}");
}
