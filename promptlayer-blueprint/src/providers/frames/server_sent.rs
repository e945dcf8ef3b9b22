//! Server-Sent Events, as the HTML standard tells them: a line ends in CR, LF or both, a blank line ends
//! an event, several `data` lines are one text, a line that begins with a colon says nothing, and a byte
//! order mark may stand before the first.

use super::text;

/// What the standard lets stand before the first line.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Gives the data of each event that has any.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    line: Vec<u8>,
    /// The data of the event, a line feed behind each line.
    data: Vec<u8>,
    /// Whether the event is named `error`.
    is_error: bool,
    /// Whether the last byte was a carriage return, so that a line feed belongs to it.
    after_return: bool,
    /// Whether a line has been read.
    has_begun: bool,
}

impl Decoder {
    pub(super) fn read(&mut self, mut bytes: &[u8], event: &mut dyn FnMut(String)) {
        while let Some(first) = bytes.first() {
            if std::mem::take(&mut self.after_return) && *first == b'\n' {
                bytes = bytes.get(1..).unwrap_or_default();
                continue;
            }
            let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n')) else {
                self.line.extend_from_slice(bytes);
                return;
            };
            let (line, rest) = bytes.split_at(end);
            self.line.extend_from_slice(line);
            self.after_return = rest.first() == Some(&b'\r');
            bytes = rest.get(1..).unwrap_or_default();
            self.end_line(event);
        }
    }

    /// The standard drops an event that no blank line ended; providers leave the last such a line out.
    pub(super) fn finish(&mut self, event: &mut dyn FnMut(String)) {
        if !self.line.is_empty() {
            self.end_line(event);
        }
        self.end_event(event);
    }

    fn end_line(&mut self, event: &mut dyn FnMut(String)) {
        let mut line = std::mem::take(&mut self.line);
        let mut said = line.as_slice();
        if !std::mem::replace(&mut self.has_begun, true) {
            said = said.strip_prefix(BYTE_ORDER_MARK).unwrap_or(said);
        }
        if said.is_empty() {
            self.end_event(event);
        } else {
            let colon = said.iter().position(|byte| *byte == b':').unwrap_or(said.len());
            let (field, value) = said.split_at(colon);
            let value = value.strip_prefix(b":").unwrap_or(value);
            self.field(field, value.strip_prefix(b" ").unwrap_or(value));
        }
        // Its room serves the next line.
        line.clear();
        self.line = line;
    }

    fn field(&mut self, field: &[u8], value: &[u8]) {
        match field {
            b"data" => {
                self.data.extend_from_slice(value);
                self.data.push(b'\n');
            }
            b"event" => self.is_error = value == b"error",
            _ => {}
        }
    }

    fn end_event(&mut self, event: &mut dyn FnMut(String)) {
        let is_error = std::mem::take(&mut self.is_error);
        let mut data = std::mem::take(&mut self.data);
        // The line feed behind the last line is not the event's.
        data.pop();
        if data.trim_ascii().is_empty() {
            return;
        }
        let data = text(data);
        event(if is_error { error(data) } else { data });
    }
}

/// The data of an event that only its name says to be an error.
fn error(data: String) -> String {
    if data.contains("\"error\"") {
        data
    } else if data.starts_with('{') {
        format!("{{\"error\":{data}}}")
    } else {
        serde_json::json!({ "error": { "message": data } }).to_string()
    }
}
