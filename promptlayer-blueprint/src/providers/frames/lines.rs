//! Decoder for one JSON value per line.

use super::text;

/// Returns each line that is not blank.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    line: Vec<u8>,
}

impl Decoder {
    pub(super) fn read(&mut self, mut bytes: &[u8], event: &mut dyn FnMut(String)) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = bytes.split_at(end);
            self.line.extend_from_slice(line);
            self.finish(event);
            // Skips the line break.
            bytes = rest.get(1..).unwrap_or_default();
        }
        self.line.extend_from_slice(bytes);
    }

    pub(super) fn finish(&mut self, event: &mut dyn FnMut(String)) {
        let line = self.line.trim_ascii();
        if !line.is_empty() {
            event(text(line.to_vec()));
        }
        self.line.clear();
    }
}
