//! The characters of a code: UTF-8, else GB18030, which many Chinese label printers put into QR codes. What is neither is
//! not guessed at.

use std::borrow::Cow;

use encoding_rs::GB18030;

pub fn decode(bytes: &[u8]) -> Option<Cow<'_, str>> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(Cow::Borrowed(text)),
        Err(_) => GB18030.decode_without_bom_handling_and_without_replacement(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_charsets_of_chinese_labels_are_read() {
        assert_eq!(decode("工单-2024-17".as_bytes()).as_deref(), Some("工单-2024-17"));
        assert_eq!(decode(b"\xb9\xa4\xb5\xa5-2024-17").as_deref(), Some("工单-2024-17"));
        assert_eq!(decode(b"EMP-\xff\xfe"), None);
    }
}
