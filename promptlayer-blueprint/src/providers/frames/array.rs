//! The elements of one JSON array.

use super::text;

/// Gives each element when it is closed; of a body that is no array, the value that it is.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    element: Vec<u8>,
    /// Brackets and braces of the element that are open.
    depth: usize,
    /// Whether the array's own bracket was read.
    is_inside: bool,
    in_text: bool,
    is_escaped: bool,
}

impl Decoder {
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

    /// A byte of a string, in which brackets mean nothing.
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
            // Between elements; one that is no object and no array ends here.
            b'}' | b']' | b',' | b' ' | b'\t' | b'\r' | b'\n' if self.depth == 0 => self.finish(event),
            _ => {
                self.in_text = byte == b'"';
                self.element.push(byte);
            }
        }
    }
}
