//! SHA-256 as text.

use std::io::{self, Read};

use sha2::{Digest, Sha256};

/// The digest as 64 hexadecimal digits.
pub(super) fn hex(digest: impl AsRef<[u8]>) -> String {
    use std::fmt::Write;
    digest
        .as_ref()
        .iter()
        .fold(String::new(), |mut text, byte| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    hex(Sha256::digest(bytes))
}

/// Whether a text is a hash of that many hexadecimal digits.
pub(super) fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Reads to the end; returns the digest and how much there was, and copies the parts that overlap `spans` on the way,
/// so that what is hashed is what is kept. Spans are sorted and do not overlap.
pub(super) fn collect(
    mut from: impl Read,
    spans: &[std::ops::Range<u64>],
) -> io::Result<(String, u64, Vec<Vec<u8>>)> {
    let mut hash = Sha256::new();
    let mut parts: Vec<Vec<u8>> = vec![Vec::new(); spans.len()];
    let mut chunk = vec![0; 1 << 20];
    let mut at = 0u64;
    loop {
        let count = match from.read(&mut chunk) {
            Ok(0) => return Ok((hex(hash.finalize()), at, parts)),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let bytes = &chunk[..count];
        hash.update(bytes);
        let end = at + count as u64;
        for (span, part) in spans.iter().zip(&mut parts) {
            let (from, to) = (span.start.max(at), span.end.min(end));
            if from < to {
                part.extend_from_slice(&bytes[(from - at) as usize..(to - at) as usize]);
            }
        }
        at = end;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_those_of_the_hashed_bytes() {
        // The digest of "abc" is in FIPS 180-2.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(b"abc"), abc);
        let (digest, size, parts) = collect(&b"abc"[..], &[0..1, 2..9]).unwrap();
        assert_eq!((digest.as_str(), size), (abc, 3));
        assert_eq!(parts, [b"a".to_vec(), b"c".to_vec()]);
        assert!(is_hex(abc, 64) && !is_hex(abc, 40) && !is_hex("g", 1) && !is_hex("A", 1));

        let long: Vec<u8> = (0..3_000_000u32).map(|i| (i % 251) as u8).collect();
        let middle = 1_000_000..2_100_000;
        let (digest, _, parts) = collect(&long[..], &[middle]).unwrap();
        assert_eq!(digest, sha256(&long));
        assert_eq!(parts[0], long[1_000_000..2_100_000]);
    }
}
