//! Every configuration that is shipped works as it stands, and so does every setting that it shows as a comment.

use std::path::{Path, PathBuf};
use std::process::Command;

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(name)
}

/// What `lineside check` says of a file, if it finds anything.
fn findings(file: &Path) -> Option<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_lineside"))
        .arg("check")
        .arg("--config")
        .arg(file)
        .env("CENTRAL_TOKEN", "a-token")
        .output()
        .expect("the program runs");
    (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn the_reference_and_all_examples_are_fine() {
    let examples = std::fs::read_dir(shipped("examples")).expect("examples");
    let files: Vec<PathBuf> = examples.map(|entry| entry.expect("an entry").path()).collect();
    assert!(files.len() >= 2);
    for file in files.iter().chain([&shipped("lineside.toml")]) {
        assert_eq!(findings(file), None, "{}", file.display());
    }
}

#[test]
fn settings_shown_as_comments_are_settings() {
    let reference = std::fs::read_to_string(shipped("lineside.toml")).expect("the reference");
    let mut shown = 0;
    let mut text = String::new();
    for line in reference.lines() {
        let setting = line.strip_prefix("# ").filter(|rest| {
            let name = rest.split(" = ").next().unwrap_or_default();
            // Files of secrets and certificates are not here.
            name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
                && !rest.contains("_file = ")
                && rest.contains(" = ")
        });
        shown += usize::from(setting.is_some());
        text.push_str(setting.unwrap_or(line));
        text.push('\n');
    }
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("lineside.toml");
    std::fs::write(&file, text).expect("a file");
    assert_eq!(findings(&file), None);
    assert!(shown > 30, "only {shown} found");
}
