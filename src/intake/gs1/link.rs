//! GS1 Digital Link: an address on the web whose path holds a key (`/01/…`) and what qualifies it, and whose query holds
//! further elements. Text that is no such address has no elements.

use super::dictionary::{self, Entry};
use super::elements::measure;
use super::{Element, Problem, text};

/// Of a whole address, per RFC 3986.
const PUNCTUATION: &[u8] = b"-._~:/?#[]@!$&'()*+,;=%";
/// Of these, what a host can't have.
const NOT_IN_HOST: &[u8] = b"_~?#@!$&'()*+,;=%";

pub fn read(data: &[u8]) -> Result<Vec<Element>, Problem> {
    let schemes: [&[u8]; 4] = [b"https://", b"HTTPS://", b"http://", b"HTTP://"];
    let Some(address) = schemes.iter().find_map(|scheme| data.strip_prefix(*scheme)) else {
        return Ok(Vec::new());
    };
    let is_of_address = |byte: &u8| byte.is_ascii_alphanumeric() || PUNCTUATION.contains(byte);
    if !address.iter().all(is_of_address) {
        return Err(Problem::new("URI_ILLEGAL_CHARACTER"));
    }
    let address = text(address);
    let (host, rest) = address.split_once('/').unwrap_or(("", ""));
    if host.is_empty() {
        return Err(Problem::new("NO_DIGITAL_LINK_KEY"));
    }
    if host.bytes().any(|byte| NOT_IN_HOST.contains(&byte)) {
        return Err(Problem::new("URI_ILLEGAL_CHARACTER"));
    }
    let (rest, _fragment) = rest.split_once('#').unwrap_or((rest, ""));
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let path = in_path(path)?;
    let query = in_query(query, &path)?;
    Ok([path, query].concat())
}

/// Whether an address without a key means something to its own site: it has parts or parameters, and none of them is named
/// like an identifier. One with neither may be a link that has lost its key.
pub fn is_of_its_site(data: &[u8]) -> bool {
    let Some((_, address)) = std::str::from_utf8(data).ok().and_then(|text| text.split_once("://")) else {
        return false;
    };
    let (address, _fragment) = address.split_once('#').unwrap_or((address, ""));
    let (place, query) = address.split_once('?').unwrap_or((address, ""));
    let mut path = place.trim_end_matches('/').split('/').skip(1).collect::<Vec<_>>();
    path.pop();
    let parameters = query.split(['&', ';']).filter_map(|pair| pair.split_once('='));
    let names: Vec<&str> = path.into_iter().chain(parameters.map(|(name, _)| name)).collect();
    let is_identifier = |name: &&str| name.bytes().all(|byte| byte.is_ascii_digit());
    !names.is_empty() && !names.iter().any(is_identifier)
}

/// The pairs of the path from its last key on: what stands before is the site's own.
fn in_path(path: &str) -> Result<Vec<Element>, Problem> {
    let segments: Vec<&str> = path.split('/').collect();
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    for pair in segments.rchunks_exact(2) {
        let [ai, value] = pair else { break };
        let Some(entry) = dictionary::find(ai) else { break };
        pairs.insert(0, (ai, value));
        if let Some(alternatives) = entry.qualifiers {
            let behind: Vec<&str> = pairs[1..].iter().map(|(ai, _)| *ai).collect();
            if !alternatives.split('|').any(|sequence| is_in_order(&behind, sequence)) {
                return Err(Problem::new("INVALID_KEY_QUALIFIER_SEQUENCE"));
            }
            return pairs.iter().map(|(ai, value)| element(ai, value, false)).collect();
        }
    }
    Err(Problem::new("NO_DIGITAL_LINK_KEY"))
}

/// Whether these are some of the sequence, in its order.
fn is_in_order(qualifiers: &[&str], sequence: &str) -> bool {
    let mut allowed = sequence.split(',');
    qualifiers
        .iter()
        .all(|qualifier| allowed.any(|next| next == *qualifier))
}

/// Parameters that are numbers are identifiers; all others are the site's own.
fn in_query(query: &str, path: &[Element]) -> Result<Vec<Element>, Problem> {
    let mut found: Vec<Element> = Vec::new();
    for parameter in query.split('&') {
        let Some((name, value)) = parameter.split_once('=') else {
            continue;
        };
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        let entry = dictionary::find(name).ok_or_else(|| Problem::of(name, "UNKNOWN_AI_IN_QUERY"))?;
        if path.iter().chain(&found).any(|element| element.ai == name) {
            return Err(Problem::of(name, "DUPLICATE_AI"));
        }
        if entry.is_only_in_path || qualifies(name, path) {
            return Err(Problem::of(name, "AI_BELONGS_IN_PATH"));
        }
        found.push(element(name, value, true)?);
    }
    Ok(found)
}

/// Whether the identifier could stand in the path of this key.
fn qualifies(ai: &str, path: &[Element]) -> bool {
    let Some((key, behind)) = path.split_first() else {
        return false;
    };
    let alternatives = dictionary::find(&key.ai)
        .and_then(|entry| entry.qualifiers)
        .unwrap_or("");
    alternatives.split('|').any(|sequence| {
        let allowed: Vec<&str> = sequence.split(',').collect();
        allowed.contains(&ai) && behind.iter().all(|element| allowed.contains(&element.ai.as_str()))
    })
}

fn element(ai: &str, escaped: &str, is_query: bool) -> Result<Element, Problem> {
    let entry = dictionary::find(ai).ok_or_else(|| Problem::of(ai, "NO_AI_FOR_PREFIX"))?;
    let mut value = unescape(escaped, is_query);
    // In a query, the short forms of a GTIN are still allowed.
    if is_query && ai == "01" && [8, 12, 13].contains(&value.len()) {
        value.splice(0..0, std::iter::repeat_n(b'0', 14 - value.len()));
    }
    whole(entry, ai, &value)?;
    Ok(Element {
        ai: ai.to_owned(),
        value: text(&value),
    })
}

/// Unlike in an element string, a value here ends where it ends.
fn whole(entry: &Entry, ai: &str, value: &[u8]) -> Result<(), Problem> {
    if value.contains(&b'^') {
        return Err(Problem::new("ILLEGAL_CARET"));
    }
    if measure(entry, ai, value)? < value.len() {
        return Err(Problem::of(ai, "AI_VALUE_TOO_LONG"));
    }
    Ok(())
}

fn unescape(escaped: &str, is_query: bool) -> Vec<u8> {
    let mut bytes = escaped.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    while let [first, rest @ ..] = bytes {
        let hex = |digit: &u8| {
            char::from(*digit)
                .to_digit(16)
                .and_then(|value| u8::try_from(value).ok())
        };
        let (byte, more) = match bytes {
            [b'%', high, low, more @ ..] if let (Some(high), Some(low)) = (hex(high), hex(low)) => {
                (high << 4 | low, more)
            }
            [b'+', ..] if is_query => (b' ', rest),
            _ => (*first, rest),
        };
        plain.push(byte);
        bytes = more;
    }
    plain
}
