//! A place in a JSON document (RFC 6901), taken apart once, for messages are many.

use std::fmt;

use serde::Deserialize;
use serde_json::Value as Json;

/// By default the whole document.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(try_from = "String")]
pub struct Pointer {
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Step {
    name: String,
    /// What it means in an array, if it can.
    index: Option<usize>,
}

impl Pointer {
    pub fn find<'j>(&self, json: &'j Json) -> Option<&'j Json> {
        self.steps.iter().try_fold(json, |found, step| match found {
            Json::Object(members) => members.get(&step.name),
            Json::Array(items) => items.get(step.index?),
            _ => None,
        })
    }
}

impl TryFrom<String> for Pointer {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let Some(steps) = text.strip_prefix('/') else {
            return Err(format!("`{text}` is not a JSON pointer; write one such as \"/ts\""));
        };
        let steps = steps.split('/').map(|step| Step {
            name: step.replace("~1", "/").replace("~0", "~"),
            // One number is written in one way.
            index: step.parse().ok().filter(|index: &usize| index.to_string() == step),
        });
        Ok(Self { steps: steps.collect() })
    }
}

/// As it was written.
impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.steps
            .iter()
            .try_for_each(|step| write!(f, "/{}", step.name.replace('~', "~0").replace('/', "~1")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_pointer_begins_with_a_slash_unless_it_is_the_whole_document() {
        let json = serde_json::json!({"ts": 1});
        assert_eq!(
            Pointer::try_from(String::new()).expect("is one").find(&json),
            Some(&json)
        );
        for text in ["ts", "ts/0"] {
            assert!(Pointer::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn it_finds_what_the_standard_says(text in "(/(a|b|0|1|01|\\+1|~0|~1|~01|~|)){1,4}") {
            let inner = serde_json::json!({"a": 1, "0": 2, "": 3, "/": 4, "~": [5, 6], "~1": 7});
            let json = serde_json::json!({
                "a": inner, "b": [inner, [inner, 8]], "0": inner, "1": 9, "": inner, "/": inner, "~": inner, "01": 10
            });
            let pointer = Pointer::try_from(text.clone()).expect("is one");
            prop_assert_eq!(pointer.find(&json), json.pointer(&text));
            let again = Pointer::try_from(pointer.to_string()).expect("is one");
            prop_assert_eq!(again, pointer);
        }
    }
}
