//! Decoders for JSON values: one per line, or the elements of one array.

use super::text;

/// Returns each line that is not blank.
#[derive(Debug, Default)]
pub(super) struct Lines {
    line: Vec<u8>,
}

impl Lines {
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

/// Returns each element when it is complete. If the body is not an array, returns its value.
#[derive(Debug, Default)]
pub(super) struct Array {
    element: Vec<u8>,
    /// Number of open brackets and braces of the current element.
    depth: usize,
    /// `true` once the opening bracket of the array was read.
    is_inside: bool,
    in_text: bool,
    is_escaped: bool,
}

impl Array {
    pub(super) fn read(&mut self, bytes: &[u8], event: &mut dyn FnMut(String)) {
        for byte in bytes {
            if self.in_text {
                self.text(*byte);
            } else {
                self.structure(*byte, event);
            }
        }
    }

    pub(super) fn finish(&mut self, event: &mut dyn FnMut(String)) {
        let element = std::mem::take(&mut self.element);
        if !element.is_empty() {
            event(text(element));
        }
    }

    /// Handles a byte inside a string, where brackets have no meaning.
    fn text(&mut self, byte: u8) {
        self.element.push(byte);
        if std::mem::take(&mut self.is_escaped) {
            return;
        }
        match byte {
            b'\\' => self.is_escaped = true,
            b'"' => self.in_text = false,
            _ => {}
        }
    }

    fn structure(&mut self, byte: u8, event: &mut dyn FnMut(String)) {
        match byte {
            b'[' if self.depth == 0 && !self.is_inside && self.element.is_empty() => self.is_inside = true,
            b'{' | b'[' => {
                self.depth += 1;
                self.element.push(byte);
            }
            b'}' | b']' if self.depth > 0 => {
                self.depth -= 1;
                self.element.push(byte);
                if self.depth == 0 {
                    self.finish(event);
                }
            }
            // Between two elements. An element that is neither an object nor an array ends here.
            b'}' | b']' | b',' | b' ' | b'\t' | b'\r' | b'\n' if self.depth == 0 => self.finish(event),
            _ => {
                self.in_text = byte == b'"';
                self.element.push(byte);
            }
        }
    }
}
