//! Lists in pages: `limit` says how many, `after` where to go on, and the answer says as `next` what to ask `after` for.

use serde::Deserialize;

const COUNT_MAX: u16 = 1000;

/// Entries of one page.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub struct Limit(u16);

impl Limit {
    pub fn count(self) -> usize {
        self.0.into()
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(COUNT_MAX)
    }
}

/// As it stands in an address.
impl TryFrom<String> for Limit {
    type Error = String;

    fn try_from(asked: String) -> Result<Self, String> {
        let count = asked.parse().ok().filter(|count| (1..=COUNT_MAX).contains(count));
        count
            .map(Self)
            .ok_or_else(|| format!("a page has 1 to {COUNT_MAX} entries, not {asked}"))
    }
}

/// What has to be read to know whether more follows.
pub fn one_more(limit: Limit) -> usize {
    limit.count() + 1
}

/// A page of these, and the name of its last entry if more follow.
pub fn cut<T, N>(mut entries: Vec<T>, limit: Limit, name: impl Fn(&T) -> N) -> (Vec<T>, Option<N>) {
    let more_follow = entries.len() > limit.count();
    entries.truncate(limit.count());
    let next = entries.last().filter(|_| more_follow).map(name);
    (entries, next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_joined_are_the_whole_and_the_last_says_so() {
        let all: Vec<u16> = (1..=7).collect();
        for size in 1..=8 {
            let limit = Limit::try_from(size.to_string()).expect("a limit");
            let (mut joined, mut after) = (Vec::new(), Some(0));
            while let Some(begin) = after {
                let rest = all.iter().copied().filter(|n| *n > begin);
                let (page, next) = cut(rest.take(one_more(limit)).collect(), limit, |n| *n);
                joined.extend(page);
                after = next;
            }
            assert_eq!(joined, all, "{size}");
        }
        for asked in ["0", "1001", "99999999999999999999", "-1", "many"] {
            let refused = Limit::try_from(asked.to_owned()).expect_err("no limit");
            assert_eq!(refused, format!("a page has 1 to 1000 entries, not {asked}"));
        }
    }
}
