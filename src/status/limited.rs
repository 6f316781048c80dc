//! Messages beyond the rate that their topic is allowed, counted by topic. It is strangers who name topics, so only some
//! are told apart: when there is no room, the one of which the fewest were counted gives way.

use std::collections::BTreeMap;

use serde::Serialize;

const TOPICS_MAX: usize = 64;
const TOPIC_BYTES_MAX: usize = 256;

#[derive(Debug, Clone, Default, Serialize)]
pub struct Limited(BTreeMap<String, u64>);

impl Limited {
    pub fn count(&mut self, topic: &str) {
        let topic = &topic[..topic.floor_char_boundary(TOPIC_BYTES_MAX)];
        if let Some(count) = self.0.get_mut(topic) {
            *count += 1;
            return;
        }
        if self.0.len() >= TOPICS_MAX {
            let fewest = self.0.iter().min_by_key(|(_, count)| **count);
            if let Some(gone) = fewest.map(|(topic, _)| topic.clone()) {
                self.0.remove(&gone);
            }
        }
        self.0.insert(topic.to_owned(), 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_that_floods_is_told_however_many_others_there_are() {
        let mut limited = Limited::default();
        for nth in 0..1000 {
            limited.count("flood");
            limited.count(&format!("other/{nth}"));
        }
        assert_eq!(limited.0["flood"], 1000);
        assert_eq!(limited.0.len(), TOPICS_MAX);
        limited.count(&"x".repeat(70_000));
        assert!(limited.0.keys().all(|topic| topic.len() <= TOPIC_BYTES_MAX));
    }
}
