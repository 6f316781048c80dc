//! A configuration file as text with places: reads typed sections from it, collecting every mistake instead of stopping at
//! the first, and finds the place of a value by its path.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::explain::{Finding, Findings};

/// A file larger than this is not a configuration.
const FILE_BYTES_MAX: u64 = 4 << 20;

pub struct Document {
    pub file: PathBuf,
    pub text: String,
}

/// What `read` gives: the typed content as far as it could be read, and the tree for questions about places.
pub struct Tree<'t> {
    text: &'t str,
    /// The file as it is written; read again when someone asks for a place.
    root: OnceCell<Spanned<DeValue<'t>>>,
    /// Names of tables that were taken out because of a mistake in them; references to them are not dangling.
    pub removed: BTreeSet<String>,
}

impl Document {
    pub fn load(file: &Path) -> Result<Self, String> {
        let told = |cause: String| format!("cannot read {}: {cause}", file.display());
        let size = std::fs::metadata(file).map_err(|e| told(e.to_string()))?.len();
        if size > FILE_BYTES_MAX {
            return Err(told(format!("it has {size} bytes; a configuration is smaller")));
        }
        let text = std::fs::read_to_string(file).map_err(|e| told(e.to_string()))?;
        Ok(Self {
            file: file.to_owned(),
            text,
        })
    }

    /// Reads the whole file as `T`. A value that does not fit is told and left out, and reading starts again, until what
    /// is left fits or nothing more can be left out.
    ///
    /// A tree of a large plant takes many times the memory of its text, so there is never more of it than is needed.
    pub fn read<T: DeserializeOwned>(&self, findings: &mut Findings) -> (Option<T>, Tree<'_>) {
        let mut tree = Tree {
            text: &self.text,
            root: OnceCell::new(),
            removed: BTreeSet::new(),
        };
        let (mut rest, errors) = parse(&self.text);
        for error in &errors {
            findings.add(Finding::at(error.span().unwrap_or(0..0), error.message()));
        }
        if !errors.is_empty() {
            // After a slip in the syntax the rest of the file may mean something else.
            return (None, tree);
        }
        take_environment(&mut rest, findings);
        let mut wrong: Vec<Range<usize>> = Vec::new();
        loop {
            let error = match T::deserialize(ValueDeserializer::from(rest)) {
                Ok(read) => return (Some(read), tree),
                Err(error) => error,
            };
            let span = error.span().unwrap_or(0..0);
            if !tree.is_written_at(&span, error.message()) {
                findings.add(Finding::at(span.clone(), error.message()));
            }
            (rest, _) = parse(&self.text);
            take_environment(&mut rest, &mut Findings::default());
            for span in &wrong {
                remove_at(rest.get_mut(), span);
            }
            match remove_at(rest.get_mut(), &span) {
                Some(name) => tree.removed.insert(name),
                None => return (None, tree),
            };
            wrong.push(span);
        }
    }
}

fn parse(text: &str) -> (Spanned<DeValue<'_>>, Vec<toml::de::Error>) {
    let (table, errors) = DeTable::parse_recoverable(text);
    (Spanned::new(table.span(), DeValue::Table(table.into_inner())), errors)
}

impl<'t> Tree<'t> {
    fn root(&self) -> &Spanned<DeValue<'t>> {
        self.root.get_or_init(|| parse(self.text).0)
    }

    /// Whether what is said to be missing from the table at this place only is so because it was wrong, which is told.
    fn is_written_at(&self, span: &Range<usize>, message: &str) -> bool {
        let name = message
            .strip_prefix("missing field `")
            .and_then(|rest| rest.split('`').next());
        name.is_some_and(|name| has_key(self.root(), span, name))
    }

    /// The place of a value, or of the nearest table around it that is written down.
    pub fn span_of(&self, path: &[&str]) -> Range<usize> {
        let mut at = self.root();
        let mut place = at.span();
        for part in path {
            let Some((_, key_span, value)) = children(at.get_ref()).into_iter().find(|(key, ..)| key == part) else {
                break;
            };
            // A table is shown at its name, a value at itself.
            place = if value.get_ref().is_table() {
                key_span
            } else {
                value.span()
            };
            at = value;
        }
        place
    }

    /// A text as it stands in the file, with `${NAME}` not yet filled in.
    pub fn written(&self, path: &[&str]) -> Option<&str> {
        let mut at = self.root();
        for part in path {
            at = children(at.get_ref()).into_iter().find(|(key, ..)| key == part)?.2;
        }
        at.get_ref().as_str()
    }
}

fn has_key(value: &Spanned<DeValue>, table: &Range<usize>, name: &str) -> bool {
    let inner = children(value.get_ref());
    let is_here = value.span() == *table && inner.iter().any(|(key, ..)| key == name);
    is_here || inner.iter().any(|(.., value)| has_key(value, table, name))
}

fn children<'v, 't>(value: &'v DeValue<'t>) -> Vec<(String, Range<usize>, &'v Spanned<DeValue<'t>>)> {
    match value {
        DeValue::Table(table) => table
            .iter()
            .map(|(key, value)| (key.get_ref().to_string(), key.span(), value))
            .collect(),
        DeValue::Array(items) => items
            .iter()
            .enumerate()
            .map(|(nth, value)| (nth.to_string(), value.span(), value))
            .collect(),
        _ => Vec::new(),
    }
}

/// Takes out the innermost entry whose key or value holds the place. Returns its name.
fn remove_at(value: &mut DeValue, span: &Range<usize>) -> Option<String> {
    let holds = |outer: &Range<usize>| outer.start <= span.start && span.end <= outer.end;
    match value {
        DeValue::Table(table) => {
            for (_, inner) in table.iter_mut() {
                if let Some(name) = remove_at(inner.get_mut(), span) {
                    return Some(name);
                }
            }
            let key = table
                .iter()
                .find(|(key, value)| holds(&key.span()) || holds(&value.span()));
            let key = key.map(|(key, _)| key.clone())?;
            let name = key.get_ref().to_string();
            table.remove(&key);
            Some(name)
        }
        DeValue::Array(items) => {
            for inner in items.iter_mut() {
                if let Some(name) = remove_at(inner.get_mut(), span) {
                    return Some(name);
                }
            }
            None
        }
        _ => None,
    }
}

/// Fills in `${NAME}` in every text.
fn take_environment(value: &mut Spanned<DeValue>, findings: &mut Findings) {
    let span = value.span();
    match value.get_mut() {
        DeValue::String(text) => match filled_in(text) {
            Ok(Some(filled)) => *text = Cow::Owned(filled),
            Ok(None) => {}
            Err(problem) => findings.add(Finding::at(span, &problem)),
        },
        DeValue::Table(table) => table
            .iter_mut()
            .for_each(|(_, inner)| take_environment(inner, findings)),
        DeValue::Array(items) => items.iter_mut().for_each(|inner| take_environment(inner, findings)),
        _ => {}
    }
}

fn filled_in(text: &str) -> Result<Option<String>, String> {
    if !text.contains("${") {
        return Ok(None);
    }
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, behind) = after.split_once('}').ok_or("`${` has no `}`; write ${NAME}")?;
        let value = std::env::var(name)
            .map_err(|_| format!("the environment has no variable {name}; set it, or use a *_file setting"))?;
        filled.push_str(before);
        filled.push_str(&value);
        rest = behind;
    }
    filled.push_str(rest);
    Ok(Some(filled))
}
