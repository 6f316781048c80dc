//! The audit log on disk: `audit.log`, and `audit-N.log` for what was written before it, named after their first entries. The
//! chain goes on from file to file.
//!
//! Appended to by the gateway and by `lineside account`, one at a time: `audit.lock` is held meanwhile, and who finds the
//! file longer than they left it reads its end again. An entry counts when it is synced with its line's end. What lies behind
//! the last line's end was never answered for: it is put into a file of its own, and the log says so.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use chrono::Utc;
use serde_json::json;

use super::chain::{self, End, Entry, Event};
use crate::clock::Zone;
use crate::files;

const CURRENT: &str = "audit.log";
const LOCK: &str = "audit.lock";
/// A file is begun anew beyond this.
const FILE_BYTES_MAX: u64 = 8 << 20;
/// An entry is far shorter; a longer line is none, and is read as far as this.
const LINE_BYTES_MAX: u64 = 1 << 20;
const OWNER_ONLY: u32 = 0o600;

#[derive(Debug)]
pub struct Log {
    dir: PathBuf,
    zone: Zone,
    file_bytes_max: u64,
    lock: File,
    end: End,
    /// The current file as we left it.
    left: Option<(u64, u64)>,
}

impl Log {
    /// Opens or begins the log of a data folder. Blocks on the disk.
    pub fn open(dir: &Path, zone: Zone) -> io::Result<Self> {
        let lock = open_own(&dir.join(LOCK), OpenOptions::new().write(true))?;
        let mut log = Self {
            dir: dir.to_owned(),
            zone,
            file_bytes_max: FILE_BYTES_MAX,
            lock,
            end: End::default(),
            left: None,
        };
        log.append(Vec::new())?;
        Ok(log)
    }

    /// Appends entries in one step, synced; returns the number of the last one in the log. Blocks on the disk.
    pub fn append(&mut self, events: Vec<Event>) -> io::Result<u64> {
        self.lock.lock()?;
        let appended = self.append_alone(events);
        self.lock.unlock()?;
        appended
    }

    fn append_alone(&mut self, mut events: Vec<Event>) -> io::Result<u64> {
        let path = self.dir.join(CURRENT);
        let mut file = open_own(&path, OpenOptions::new().read(true).append(true))?;
        let mut length = file.metadata()?.len();
        if self.left != Some((file.metadata()?.ino(), length)) {
            if let Some(torn) = self.look_at_end(&mut file)? {
                events.insert(0, torn);
            }
            length = file.metadata()?.len();
        }
        if length > self.file_bytes_max && !events.is_empty() {
            file = self.begin_anew(&path)?;
            length = 0;
        }
        let mut end = self.end.clone();
        let mut text = String::new();
        for event in events {
            text.push_str(&end.tie(event, self.zone.rfc3339(Utc::now())));
            text.push('\n');
        }
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_data());
        if let Err(error) = written {
            // Nothing was answered for. If even this fails, the end is looked at the next time.
            self.left = None;
            file.set_len(length)?;
            return Err(error);
        }
        self.end = end;
        self.left = Some((file.metadata()?.ino(), length + text.len() as u64));
        Ok(self.end.seq)
    }

    /// Finds where the chain goes on; returns what is to be said of what was torn off.
    fn look_at_end(&mut self, file: &mut File) -> io::Result<Option<Event>> {
        let mut text = Vec::new();
        file.seek(SeekFrom::Start(0))?;
        file.read_to_end(&mut text)?;
        let whole = text.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        let (lines, torn) = text.split_at(whole);
        self.end = match last_line(lines) {
            Some(line) => end_of(line),
            None => match earlier(&self.dir)?.last() {
                Some((_, before)) => last_line(&fs::read(before)?).map_or_else(End::default, end_of),
                None => End::default(),
            },
        };
        if torn.is_empty() {
            return Ok(None);
        }
        let name = format!("audit.torn-{}", Utc::now().timestamp_millis());
        let mut aside = open_own(&self.dir.join(&name), OpenOptions::new().write(true))?;
        aside.write_all(torn)?;
        aside.sync_all()?;
        file.set_len(whole as u64)?;
        file.sync_all()?;
        tracing::warn!(
            bytes = torn.len(),
            file = name,
            "the last line of the audit log was torn; it is set apart"
        );
        Ok(Some(Event {
            who: "gateway".to_owned(),
            action: "torn_line_set_apart".to_owned(),
            subject: name,
            detail: json!({"bytes": torn.len(), "sha256": chain::digest(&[torn])}),
            ..Event::default()
        }))
    }

    /// Puts the current file away under the number of its first entry.
    fn begin_anew(&self, path: &Path) -> io::Result<File> {
        let first = lines(path)?
            .next()
            .transpose()?
            .and_then(|line| chain::read(line.trim_end_matches('\n')).ok());
        let first = first.map_or(self.end.seq, |entry| entry.seq);
        fs::rename(path, self.dir.join(format!("audit-{first:020}.log")))?;
        let file = open_own(path, OpenOptions::new().read(true).append(true))?;
        files::sync_dir(&self.dir)?;
        Ok(file)
    }

    pub fn last(&self) -> u64 {
        self.end.seq
    }
}

/// For the gateway's own user, also when someone else makes it.
fn open_own(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let is_new = !path.exists();
    let file = options.create(true).truncate(false).mode(OWNER_ONLY).open(path)?;
    if is_new {
        files::give_to_owner_of_folder(path);
        if let Some(dir) = path.parent() {
            files::sync_dir(dir)?;
        }
    }
    Ok(file)
}

fn last_line(lines: &[u8]) -> Option<&[u8]> {
    lines.split(|&byte| byte == b'\n').rev().find(|line| !line.is_empty())
}

/// Where the chain goes on behind a line. One that was tampered with is left as it is: that it does not fit is for
/// [`verify`] to tell, and what comes after it is tied to it as it stands.
fn end_of(line: &[u8]) -> End {
    let text = String::from_utf8_lossy(line);
    match serde_json::from_str::<Entry>(&text) {
        Ok(entry) => End {
            seq: entry.seq,
            hash: entry.hash,
        },
        Err(_) => End {
            seq: 0,
            hash: chain::digest(&[line]),
        },
    }
}

/// Files of earlier entries, oldest first, each with the number of its first.
fn earlier(dir: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let number = name.strip_prefix("audit-").and_then(|name| name.strip_suffix(".log"));
        if let Some(first) = number.and_then(|number| number.parse().ok()) {
            found.push((first, path));
        }
    }
    found.sort();
    Ok(found)
}

fn lines(path: &Path) -> io::Result<impl Iterator<Item = io::Result<String>>> {
    let mut reader = BufReader::new(File::open(path)?);
    Ok(std::iter::from_fn(move || {
        let mut line = Vec::new();
        match (&mut reader).take(LINE_BYTES_MAX).read_until(b'\n', &mut line) {
            Ok(0) => None,
            Ok(read) => {
                let is_cut = read as u64 == LINE_BYTES_MAX && !line.ends_with(b"\n");
                if is_cut {
                    match reader.skip_until(b'\n') {
                        Ok(0) => {}
                        Ok(_) => line.push(b'\n'),
                        Err(error) => return Some(Err(error)),
                    }
                }
                Some(Ok(String::from_utf8_lossy(&line).into_owned()))
            }
            Err(error) => Some(Err(error)),
        }
    }))
}

/// Up to `limit` entries behind the one of number `after`, oldest first. Blocks on the disk.
pub fn read(dir: &Path, after: u64, limit: usize) -> io::Result<Vec<Entry>> {
    let mut all = earlier(dir)?;
    // What begins at or before the next wanted one makes all older files needless.
    let start = all.iter().rposition(|(first, _)| *first <= after + 1).unwrap_or(0);
    let mut paths: Vec<PathBuf> = all.drain(start..).map(|(_, path)| path).collect();
    paths.push(dir.join(CURRENT));
    let mut entries = Vec::new();
    for path in paths {
        let lines = match lines(&path) {
            Ok(lines) => lines,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for line in lines {
            let line = line?;
            let Some(line) = line.strip_suffix('\n') else {
                break;
            };
            // A line that is none is told by `verify`; the others are still of use.
            let Ok(entry) = serde_json::from_str::<Entry>(line) else {
                continue;
            };
            if entry.seq > after {
                entries.push(entry);
            }
            if entries.len() >= limit {
                return Ok(entries);
            }
        }
    }
    Ok(entries)
}

/// What was looked at, all of it whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    pub entries: u64,
    /// Of the first one; what is older lies elsewhere.
    pub first: u64,
    pub end: End,
}

#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    #[error("{0}: {1}")]
    Unreadable(PathBuf, io::Error),
    #[error("{}:{line}: {why}", .file.display())]
    Broken { file: PathBuf, line: usize, why: String },
}

/// Proves the log of a data folder, or one file of it. Blocks on the disk.
pub fn verify(place: &Path) -> Result<Verified, VerifyError> {
    let unreadable = |error| VerifyError::Unreadable(place.to_owned(), error);
    let paths = if place.is_dir() {
        // Nobody is in the middle of a line meanwhile; a copy has nobody who writes, and may have no lock.
        let lock = match File::open(place.join(LOCK)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            opened => Some(opened.map_err(unreadable)?),
        };
        if let Some(lock) = &lock {
            lock.lock_shared().map_err(unreadable)?;
        }
        let mut paths: Vec<PathBuf> = earlier(place)
            .map_err(unreadable)?
            .into_iter()
            .map(|(_, path)| path)
            .collect();
        paths.push(place.join(CURRENT));
        paths
    } else {
        vec![place.to_owned()]
    };
    let mut end: Option<End> = None;
    let (mut entries, mut first) = (0, 1);
    for path in paths {
        let read = lines(&path).map_err(|error| VerifyError::Unreadable(path.clone(), error))?;
        for (nth, line) in read.enumerate() {
            let line = line.map_err(|error| VerifyError::Unreadable(path.clone(), error))?;
            let broken = |why: String| VerifyError::Broken {
                file: path.clone(),
                line: nth + 1,
                why,
            };
            let whole = line.strip_suffix('\n').ok_or_else(|| broken("it is torn".to_owned()))?;
            let chain = if let Some(end) = &mut end {
                end
            } else {
                let entry = chain::read(whole).map_err(broken)?;
                first = entry.seq;
                // Number 1 follows from nothing; what is before another one is taken on trust.
                end.insert(if first == 1 {
                    End::default()
                } else {
                    End::before(&entry)
                })
            };
            chain.follow(whole).map_err(broken)?;
            entries += 1;
        }
    }
    Ok(Verified {
        entries,
        first,
        end: end.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(subject: &str) -> Event {
        Event {
            who: "王工".to_owned(),
            action: "discard".to_owned(),
            subject: subject.to_owned(),
            ..Event::default()
        }
    }

    fn log(dir: &Path) -> Log {
        Log::open(dir, Zone::UTC).expect("a log")
    }

    fn subjects(entries: &[Entry]) -> Vec<&str> {
        entries.iter().map(|entry| entry.subject.as_str()).collect()
    }

    #[test]
    fn two_that_write_by_turns_make_one_chain() {
        let dir = tempfile::tempdir().expect("a folder");
        let (mut gateway, mut command) = (log(dir.path()), log(dir.path()));
        for nth in 1..=3 {
            assert_eq!(
                gateway.append(vec![event("a"), event("b")]).expect("appended"),
                nth * 3 - 1
            );
            assert_eq!(command.append(vec![event("c")]).expect("appended"), nth * 3);
        }
        let verified = verify(dir.path()).expect("whole");
        assert_eq!((verified.entries, verified.first), (9, 1));
        assert_eq!(
            fs::metadata(dir.path().join(CURRENT)).expect("a file").mode() & 0o777,
            OWNER_ONLY
        );
    }

    #[test]
    fn the_chain_goes_on_over_files_and_is_read_across_them() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut log = log(dir.path());
        log.file_bytes_max = 600;
        for nth in 1..=20 {
            log.append(vec![event(&nth.to_string())]).expect("appended");
        }
        let before = earlier(dir.path()).expect("files");
        assert!(before.len() >= 3, "{before:?}");
        assert_eq!(verify(dir.path()).expect("whole").entries, 20);
        let read = read(dir.path(), 7, 5).expect("entries");
        assert_eq!(subjects(&read), ["8", "9", "10", "11", "12"]);

        // Old files may be moved elsewhere; one from between may not.
        fs::remove_file(&before[0].1).expect("removed");
        assert_eq!(verify(dir.path()).expect("whole").first, before[1].0);
        fs::remove_file(&before[2].1).expect("removed");
        assert!(matches!(verify(dir.path()), Err(VerifyError::Broken { line: 1, .. })));
    }

    #[test]
    fn a_torn_line_is_set_apart_and_told_wherever_the_power_went() {
        let dir = tempfile::tempdir().expect("a folder");
        log(dir.path()).append(vec![event("a"), event("b")]).expect("appended");
        let path = dir.path().join(CURRENT);
        let whole = fs::read(&path).expect("a file");
        let second = whole.iter().position(|&byte| byte == b'\n').expect("a line") + 1;
        for cut in second + 1..whole.len() {
            fs::write(&path, &whole[..cut]).expect("cut");
            assert!(matches!(verify(dir.path()), Err(VerifyError::Broken { line: 2, .. })));
            log(dir.path()).append(vec![event("c")]).expect("appended");
            let entries = read(dir.path(), 0, 9).expect("entries");
            assert_eq!(entries[0].subject, "a");
            assert_eq!(entries[1].action, "torn_line_set_apart");
            assert_eq!(entries[2].subject, "c");
            assert_eq!(verify(dir.path()).expect("whole").entries, 3);
        }
    }

    #[test]
    fn the_first_line_that_does_not_fit_is_named() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut log = log(dir.path());
        log.append(vec![event("a"), event("b"), event("c")]).expect("appended");
        let path = dir.path().join(CURRENT);
        let changed = fs::read_to_string(&path).expect("text").replace("\"b\"", "\"B\"");
        fs::write(&path, changed).expect("changed");
        let told = verify(dir.path()).expect_err("it was changed").to_string();
        assert!(told.contains("audit.log:2: its hash is that of another text"), "{told}");
        log.append(vec![event("d")]).expect("it goes on all the same");
    }
}
