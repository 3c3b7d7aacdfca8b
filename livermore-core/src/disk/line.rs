use serde::{Serialize, de::DeserializeOwned};

const PREFIX: &str = r#"{"crc32":""#;
const MIDDLE: &str = r#"","entry":"#;
const SUFFIX: &str = "}\n";
const CHECKSUM: usize = 8;

/// A line of JSON with a checksum over what it holds, so that a line written in part or damaged later is noticed.
///
/// `{"crc32":"89abcdef","entry":{…}}`: the checksum is that of the bytes of the entry as they are in the line.
pub(crate) fn encode(entry: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let entry = serde_json::to_string(entry)?;
    Ok(format!("{PREFIX}{:08x}{MIDDLE}{entry}{SUFFIX}", crc32(entry.as_bytes())).into_bytes())
}

/// What a line holds, or `None` where it is not a whole line as [`encode`] makes it.
pub(crate) fn decode<T: DeserializeOwned>(line: &[u8]) -> Option<T> {
    let line = line.strip_prefix(PREFIX.as_bytes())?.strip_suffix(SUFFIX.as_bytes())?;
    let (checksum, rest) = line.split_at_checked(CHECKSUM)?;
    let entry = rest.strip_prefix(MIDDLE.as_bytes())?;
    let checksum = u32::from_str_radix(str::from_utf8(checksum).ok()?, 16).ok()?;
    if checksum != crc32(entry) {
        return None;
    }
    serde_json::from_slice(entry).ok()
}

/// CRC-32 as in zip and gzip. Enough to notice accidents; nothing here guards against intent.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksum_of_the_catalogue() {
        // The check value of CRC-32/ISO-HDLC in the catalogue of parametrised CRC algorithms (reveng.sourceforge.io).
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn a_line_that_is_not_whole_is_noticed() {
        let line = encode(&serde_json::json!({ "a": [1, "é"] })).unwrap();
        assert_eq!(decode::<serde_json::Value>(&line), Some(serde_json::json!({ "a": [1, "é"] })));
        for end in 0..line.len() {
            assert_eq!(decode::<serde_json::Value>(&line[..end]), None, "the first {end} bytes");
        }
        for at in 0..line.len() {
            let mut damaged = line.clone();
            damaged[at] ^= 1;
            assert_eq!(decode::<serde_json::Value>(&damaged), None, "byte {at} changed");
        }
    }
}
