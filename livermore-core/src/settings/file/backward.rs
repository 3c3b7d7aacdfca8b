use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
};

const CHUNK: u64 = 64 * 1024;

/// The lines of a file from its end, each with its line feed if it has one.
#[derive(Debug)]
pub(super) struct Backward<'f> {
    file: &'f File,
    /// Where `held` begins in the file.
    at: u64,
    /// Bytes that were read and not yet given out.
    held: Vec<u8>,
}

impl<'f> Backward<'f> {
    pub(super) fn new(file: &'f File) -> io::Result<Self> {
        Ok(Self { file, at: file.metadata()?.len(), held: Vec::new() })
    }

    /// The line before the one given out last, and where it begins.
    pub(super) fn line(&mut self) -> io::Result<Option<(u64, Vec<u8>)>> {
        loop {
            // The last byte is the line's own line feed; the one before it ends the line before.
            let inner = self.held.len().saturating_sub(1);
            if let Some(end) = self.held[..inner].iter().rposition(|byte| *byte == b'\n') {
                let line = self.held.split_off(end + 1);
                return Ok(Some((self.at + end as u64 + 1, line)));
            }
            if self.at == 0 {
                let line = std::mem::take(&mut self.held);
                return Ok((!line.is_empty()).then_some((0, line)));
            }
            // Twice as much each time, or a long file without lines would be copied once per chunk.
            let begin = self.at.saturating_sub(CHUNK.max(self.held.len() as u64));
            let mut chunk = Vec::new();
            let mut file = self.file;
            file.seek(SeekFrom::Start(begin))?;
            file.take(self.at - begin).read_to_end(&mut chunk)?;
            chunk.append(&mut self.held);
            self.held = chunk;
            self.at = begin;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn lines_of_every_length_come_back_from_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lines");
        let lengths = [0, 1, 5, 65_535, 65_536, 3, 200_000, 0];
        for ending in ["", "no line feed"] {
            let mut expected: Vec<Vec<u8>> =
                lengths.iter().map(|length| [vec![b'x'; *length], b"\n".to_vec()].concat()).collect();
            expected.push(ending.into());
            File::create(&path).unwrap().write_all(&expected.concat()).unwrap();
            expected.retain(|line| !line.is_empty());
            let file = File::open(&path).unwrap();
            let mut backward = Backward::new(&file).unwrap();
            let mut end = file.metadata().unwrap().len();
            while let Some((at, line)) = backward.line().unwrap() {
                assert_eq!(at + line.len() as u64, end);
                assert!(expected.pop() == Some(line), "the line at {at}");
                end = at;
            }
            assert!(expected.is_empty());
        }
    }
}
