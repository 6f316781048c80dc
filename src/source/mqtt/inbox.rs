//! What the broker sent and nobody took out yet. A message larger than any that is read is not gathered: its body passes
//! by, and it is told once it is over. Otherwise it would end this connection, be delivered again, and end the next one.

use bytes::{Buf, Bytes, BytesMut};

use super::codec::{self, Heard};
use super::{PACKET_BYTES_MAX, Protocol};

const PUBLISH: u8 = 3;

pub struct Inbox {
    protocol: Protocol,
    pub bytes: BytesMut,
    passing: Option<Passing>,
}

/// A message whose bytes are thrown away as they come.
struct Passing {
    bytes_left: usize,
    told: Heard,
}

impl Inbox {
    pub fn new(protocol: Protocol, capacity: usize) -> Self {
        Self {
            protocol,
            bytes: BytesMut::with_capacity(capacity),
            passing: None,
        }
    }

    /// Takes the next packet out; nothing while it is not whole yet.
    pub fn next(&mut self) -> Result<Option<Heard>, String> {
        if self.passing.is_none() {
            match measure(&self.bytes) {
                Measure::Fits => return codec::next(self.protocol, &mut self.bytes),
                Measure::Unknown => return Ok(None),
                Measure::TooLarge(passing) => self.passing = Some(passing),
            }
        }
        if let Some(passing) = &mut self.passing {
            let gone = passing.bytes_left.min(self.bytes.len());
            self.bytes.advance(gone);
            passing.bytes_left -= gone;
            if passing.bytes_left > 0 {
                return Ok(None);
            }
        }
        Ok(self.passing.take().map(|passing| passing.told))
    }
}

enum Measure {
    /// Small enough, not begun, or no message: the codec's business.
    Fits,
    /// Too large, but who is to be told of it has not come yet.
    Unknown,
    TooLarge(Passing),
}

/// Reads the head of a message: flags, length, topic and packet id are laid out alike in both protocols.
fn measure(bytes: &[u8]) -> Measure {
    let Some((&first, rest)) = bytes.split_first() else {
        return Measure::Fits;
    };
    let Some((length, length_bytes)) = remaining_length(rest).filter(|_| first >> 4 == PUBLISH) else {
        return Measure::Fits;
    };
    if length <= PACKET_BYTES_MAX as usize {
        return Measure::Fits;
    }
    let told = || {
        let (topic_length, rest) = rest.get(length_bytes..)?.split_first_chunk()?;
        let (topic, rest) = rest.split_at_checked(u16::from_be_bytes(*topic_length).into())?;
        let is_answered = (first >> 1) & 0b11 != 0;
        let packet_id = if is_answered {
            Some(u16::from_be_bytes(*rest.first_chunk()?))
        } else {
            None
        };
        Some(Heard::TooLarge {
            topic: Bytes::copy_from_slice(topic),
            bytes: length,
            packet_id,
        })
    };
    told().map_or(Measure::Unknown, |told| {
        Measure::TooLarge(Passing {
            bytes_left: 1 + length_bytes + length,
            told,
        })
    })
}

/// The length of what follows, and how many bytes said so: seven bits each, the lowest first.
fn remaining_length(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut length = 0;
    for (nth, byte) in bytes.iter().take(4).enumerate() {
        length |= usize::from(byte & 0x7F) << (7 * nth);
        if byte & 0x80 == 0 {
            return Some((length, nth + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rumqttc::mqttbytes::QoS;
    use rumqttc::mqttbytes::v4::{Packet, Publish};

    fn publish(qos: QoS, body_bytes: usize) -> BytesMut {
        let mut packet = Publish::new("plant/P7/status", qos, vec![b'x'; body_bytes]);
        packet.pkid = 0x1234;
        let mut bytes = BytesMut::new();
        Packet::Publish(packet).write(&mut bytes, usize::MAX).expect("writes");
        bytes
    }

    /// Feeds the inbox piece by piece, as a socket does.
    fn feed(bytes: &[u8], piece_bytes: usize) -> Vec<Heard> {
        let mut inbox = Inbox::new(Protocol::V311, 0);
        let mut heard = Vec::new();
        for piece in bytes.chunks(piece_bytes) {
            inbox.bytes.extend_from_slice(piece);
            while let Some(one) = inbox.next().expect("reads") {
                heard.push(one);
            }
            assert!(inbox.bytes.len() < 1000, "a body that is too large was gathered");
        }
        heard
    }

    #[test]
    fn what_is_too_large_passes_by_and_what_follows_is_heard() {
        for (qos, expected) in [(QoS::AtMostOnce, None), (QoS::AtLeastOnce, Some(0x1234))] {
            let stream = [publish(qos, 5 << 20), publish(qos, 3)].concat();
            let heard = feed(&stream, 700);
            let [
                Heard::TooLarge {
                    topic,
                    packet_id,
                    bytes,
                },
                Heard::Message { body, .. },
            ] = heard.as_slice()
            else {
                panic!("{heard:?}")
            };
            assert_eq!((topic.as_ref(), *packet_id), (b"plant/P7/status".as_slice(), expected));
            assert!(*bytes > 5 << 20);
            assert_eq!(body.as_ref(), b"xxx");
        }
    }

    #[test]
    fn a_head_that_comes_byte_by_byte_is_waited_for() {
        let stream = publish(QoS::AtLeastOnce, 5 << 20);
        let mut inbox = Inbox::new(Protocol::V5, 0);
        for byte in &stream[..30] {
            inbox.bytes.extend_from_slice(&[*byte]);
            assert!(inbox.next().expect("no error").is_none());
        }
        assert!(inbox.passing.is_some());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            for protocol in [Protocol::V311, Protocol::V5] {
                let mut inbox = Inbox::new(protocol, 0);
                inbox.bytes.extend_from_slice(&bytes);
                // Ends: each packet takes bytes out, and an error or a fragment ends it.
                while let Ok(Some(_)) = inbox.next() {}
            }
        }
    }
}
