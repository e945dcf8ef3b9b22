//! Decoder for Server-Sent Events, as defined in the HTML standard. A line ends with CR, LF or CRLF. A
//! blank line ends an event. Several `data` lines form one text. A line that starts with a colon is a
//! comment. A byte order mark may precede the first line.

use super::text;

/// The byte order mark that may precede the first line.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Returns the data of each event that has data.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    line: Vec<u8>,
    /// Data of the current event, with a line feed after each line.
    data: Vec<u8>,
    /// `true` if the name of the event is `error`.
    is_error: bool,
    /// `true` if the last byte was a carriage return, so that a following line feed belongs to the same
    /// line break.
    after_return: bool,
    /// `true` once a line was read.
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

    /// Ends the last event. The standard discards an event without a final blank line, but some providers
    /// omit that line.
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
        // Reuses the allocation for the next line.
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
        // The line feed after the last line is not part of the data.
        data.pop();
        if data.trim_ascii().is_empty() {
            return;
        }
        let data = text(data);
        event(if is_error { error(data) } else { data });
    }
}

/// Marks the data as an error if only the event's name says so.
fn error(data: String) -> String {
    if data.contains("\"error\"") {
        data
    } else if data.starts_with('{') {
        format!("{{\"error\":{data}}}")
    } else {
        serde_json::json!({ "error": { "message": data } }).to_string()
    }
}
