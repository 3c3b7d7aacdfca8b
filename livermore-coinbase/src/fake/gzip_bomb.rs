use axum::body::Bytes;

/// A gzip stream of zeros, made without the zeros: one literal, then copies of 258 bytes of what came before, each
/// thirteen bits long. It never ends properly, which nobody learns who stops in time.
#[derive(Debug)]
pub(super) struct GzipBomb {
    /// Copies still to be told.
    copies: u64,
    started: bool,
    /// Bits that do not fill a byte yet, lowest first.
    bits: u32,
    count: u32,
}

/// Magic, deflate, no flags, no time, no hints, unknown system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
const COPIES_IN_A_CHUNK: u64 = 8_192;

impl GzipBomb {
    pub(super) const fn new(unpacked: u64) -> Self {
        Self { copies: unpacked.div_ceil(258), started: false, bits: 0, count: 0 }
    }

    /// Appends `length` bits, the lowest first.
    fn push(&mut self, bits: u32, length: u32, out: &mut Vec<u8>) {
        self.bits |= bits << self.count;
        self.count += length;
        while self.count >= 8 {
            out.push(self.bits.to_le_bytes()[0]);
            self.bits >>= 8;
            self.count -= 8;
        }
    }
}

impl Iterator for GzipBomb {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if self.started && self.copies == 0 {
            return None;
        }
        let mut out = Vec::new();
        if !self.started {
            self.started = true;
            out.extend(HEADER);
            // The last block, with fixed Huffman codes; then the literal 0, whose code is 00110000, highest bit first.
            self.push(0b011, 3, &mut out);
            self.push(0b0000_1100, 8, &mut out);
        }
        for _ in 0..self.copies.min(COPIES_IN_A_CHUNK) {
            self.copies -= 1;
            // Length 258 is symbol 285, code 11000101, highest bit first; distance 1 is code 00000.
            self.push(0b1010_0011, 8, &mut out);
            self.push(0, 5, &mut out);
        }
        Some(out.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_small_for_what_it_unpacks_to() {
        let size: usize = GzipBomb::new(258 * 100_000).map(|chunk| chunk.len()).sum();
        assert_eq!(size, (80 + 3 + 8 + 13 * 100_000) / 8);
    }
}
