//! Every word that a page says is there in every language, with the same places for figures. The words are read off the
//! modules: objects `en: {…}` and `zh: {…}`, one after the other.

use std::collections::{BTreeMap, BTreeSet};
use std::iter::Peekable;
use std::path::Path;
use std::str::Chars;

use lineside::web::PAGES;
use regex::Regex;

use super::{assets, folder};
use crate::park::gateway::Site;

/// Key and what is said, as it stands in the module.
type Words = BTreeMap<String, String>;

/// Reads the members of an object, from behind its brace to the one that ends it.
fn members(text: &str) -> Words {
    let mut words = Words::new();
    let mut rest = text.chars().peekable();
    loop {
        while rest.next_if(|c| c.is_whitespace() || *c == ',').is_some() {}
        match rest.peek() {
            Some('}') | None => return words,
            // Words of another module, or a comment.
            Some('.' | '/') => {
                let is_comment = rest.peek() == Some(&'/');
                while rest.next_if(|c| *c != '\n' && (is_comment || *c != ',')).is_some() {}
            }
            Some(_) => {
                let key: String = std::iter::from_fn(|| rest.next_if(|c| *c != ':')).collect();
                rest.next();
                words.insert(key.trim().trim_matches('"').to_owned(), value(&mut rest));
            }
        }
    }
}

/// Up to the comma or the brace behind it.
fn value(rest: &mut Peekable<Chars>) -> String {
    let (mut value, mut depth, mut quote) = (String::new(), 0, None);
    while let Some(&c) = rest.peek() {
        match (quote, c) {
            (None, ',' | '}') if depth == 0 => break,
            (None, '"' | '`' | '\'') => quote = Some(c),
            (Some(open), _) if c == open => quote = None,
            (None, '{' | '[' | '(') => depth += 1,
            (None, '}' | ']' | ')') => depth -= 1,
            (Some(_), '\\') => value.extend(rest.next()),
            _ => {}
        }
        value.extend(rest.next());
    }
    value
}

/// By language, in the order of the module.
fn blocks(module: &str) -> Vec<(&str, Words)> {
    let begin = Regex::new(r"(?m)^\s*(en|zh): \{").expect("an expression");
    let blocks = begin.captures_iter(module).map(|found| {
        let language = found.get(1).expect("is part of it").as_str();
        let end = found.get(0).expect("is all of it").end();
        (language, members(&module[end..]))
    });
    blocks.collect()
}

fn read(name: &Path) -> String {
    std::fs::read_to_string(name).unwrap_or_else(|e| panic!("{}: {e}", name.display()))
}

#[test]
fn each_language_has_the_same_words_with_the_same_places() {
    let place = Regex::new(r"\{\d\}").expect("an expression");
    let mut defects = Vec::new();
    let mut pairs = 0;
    for path in assets() {
        if path.extension().is_none_or(|kind| kind != "js") {
            continue;
        }
        let module = read(&path);
        for pair in blocks(&module).windows(2) {
            let [("en", en), ("zh", zh)] = pair else { continue };
            pairs += 1;
            let keys: BTreeSet<_> = en.keys().chain(zh.keys()).collect();
            for key in keys {
                let places = |words: &Words| -> Option<BTreeSet<String>> {
                    let said = words.get(key)?;
                    Some(place.find_iter(said).map(|found| found.as_str().to_owned()).collect())
                };
                let (en, zh) = (places(en), places(zh));
                if en != zh {
                    defects.push(format!(
                        "{}: {key}: {en:?} in English, {zh:?} in Chinese",
                        path.display()
                    ));
                }
            }
        }
    }
    assert!(pairs > 3, "{pairs}");
    assert!(defects.is_empty(), "{}", defects.join("\n"));
}

/// A page's file with all modules that it loads.
fn with_modules(page: &str) -> Vec<(String, String)> {
    let import = Regex::new(r#"(?:from "|import "|src="/assets/)([^"]+\.js)""#).expect("an expression");
    let mut found = vec![(page.to_owned(), read(&folder().join(page)))];
    let mut next = 0;
    while let Some((name, text)) = found.get(next).cloned() {
        for module in import.captures_iter(&text) {
            let base = Path::new(&name).parent().expect("a file's name");
            let mut path = base.to_path_buf();
            for part in Path::new(&module[1]).components() {
                match part.as_os_str().to_str() {
                    Some("..") => drop(path.pop()),
                    Some(".") => {}
                    _ => path.push(part),
                }
            }
            let module = path.display().to_string();
            if found.iter().all(|(known, _)| *known != module) {
                found.push((module.clone(), read(&folder().join(&module))));
            }
        }
        next += 1;
    }
    found
}

#[test]
fn every_word_that_a_page_says_is_written() {
    let said = [
        r#"\bsay\("([^"]+)""#,
        r#"\bsay\([^"`;\n]*? \? "([^"]+)" : "[^"]+""#,
        r#"\bsay\([^"`;\n]*? \? "[^"]+" : "([^"]+)""#,
        r#"data-(?:word|label)="([^"]+)""#,
        r#"dataset\.(?:word|label) = "([^"]+)""#,
    ]
    .map(|expression| Regex::new(expression).expect("an expression"));
    let mut defects = Vec::new();
    for (at, page) in PAGES {
        let modules = with_modules(page);
        assert!(modules.len() > 2, "{page} loads nothing");
        let written: BTreeSet<String> = modules
            .iter()
            .flat_map(|(_, text)| blocks(text))
            .flat_map(|(_, words)| words.into_keys())
            .collect();
        let mut count = 0;
        for (name, text) in &modules {
            for found in said.iter().flat_map(|said| said.captures_iter(text)) {
                count += 1;
                if !written.contains(&found[1]) {
                    defects.push(format!("{at}: {name} says {}, which is not written", &found[1]));
                }
            }
        }
        assert!(count > 5, "{page} says nothing");
    }
    assert!(defects.is_empty(), "{}", defects.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_counted_is_explained_in_chinese_too() {
    let site = Site::new("");
    let _gateway = site.start().await;
    let families = site.get("metrics").await;
    let names = families.as_array().expect("a list").iter();
    let names: Vec<&str> = names.map(|family| family["name"].as_str().expect("a name")).collect();
    assert!(names.len() > 10, "{names:?}");
    let module = read(&folder().join("engineering/words.js"));
    let (_, meanings) = module.split_once("MEANINGS").expect("they are there");
    let unexplained: Vec<_> = names
        .iter()
        .filter(|name| !meanings.contains(&format!("{name}:")))
        .collect();
    assert!(unexplained.is_empty(), "{unexplained:?}");
}
