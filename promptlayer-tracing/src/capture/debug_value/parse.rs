//! Parses the text that a derived `Debug` writes.
//!
//! ```text
//! value  = text | word | [name] "(" items ")" | [name] "[" items "]" | "{" items "}" | [name] "{" fields "}"
//! items  = { value | word ":" value }, separated by commas
//! fields = { value ":" value }, separated by commas
//! ```
//!
//! A `..` may follow the items or fields, as `finish_non_exhaustive` writes it. The names of `serde_json::Value`
//! stand apart from their brackets: `Object {"a": Number(1)}`.
//!
//! A word is anything else without spaces: a number, the name of a unit variant, a date, an address. The parser
//! reads each byte once and does not backtrack. It returns `None` for a text that does not fit the grammar.

use std::borrow::Cow;

/// How deep values may be nested. The parser and everything that reads its result are recursive.
const MAX_DEPTH: usize = 64;

/// A word that some crates write in place of a secret value. It contains spaces.
pub(super) const MASK: &str = "***";

/// A parsed value.
#[derive(Debug, PartialEq)]
pub(super) enum Node<'t> {
    /// Text without quotes: a number, `true`, the name of a unit variant, a date.
    Word(&'t str),
    /// The content of a quoted text or character.
    Text(Cow<'t, str>),
    /// `Name(a, b)`. The name of a tuple is empty.
    Tuple(&'t str, Vec<Node<'t>>),
    /// `Name { a: 1 }`.
    Struct(&'t str, Vec<(&'t str, Node<'t>)>),
    /// `[a, b]`, or a set `{a, b}`. Most lists have no name.
    List(&'t str, Vec<Node<'t>>),
    /// `{k: v}`. Most maps have no name.
    Map(&'t str, Vec<(Node<'t>, Node<'t>)>),
}

/// Parses a whole text.
pub(super) fn parse(text: &str) -> Option<Node<'_>> {
    let mut parser = Parser { text, at: 0, depth: 0 };
    let value = parser.value()?;
    parser.skip_space();
    parser.rest().is_empty().then_some(value)
}

struct Parser<'t> {
    text: &'t str,
    /// The position of the next byte. Always at the boundary of a character.
    at: usize,
    depth: usize,
}

impl<'t> Parser<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Returns the byte after the next one.
    fn second(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at + 1).copied()
    }

    /// Skips an ASCII character, if it is the next one.
    fn eat(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn value(&mut self) -> Option<Node<'t>> {
        self.skip_space();
        match self.peek()? {
            quote @ (b'"' | b'\'') => self.quoted(quote).map(Node::Text),
            b'(' => self.tuple(""),
            b'[' => self.list(""),
            b'{' => self.braces(""),
            _ => self.named(),
        }
    }

    /// Parses a value that starts with a word.
    fn named(&mut self) -> Option<Node<'t>> {
        let word = self.word()?;
        let is_name = word.starts_with(|first: char| first.is_alphabetic() || first == '_');
        match (self.peek(), self.second()) {
            (Some(quote @ b'"'), _) if word == "b" => self.quoted(quote).map(Node::Text),
            (Some(b'('), _) if is_name => self.tuple(word),
            (Some(b'{'), _) | (Some(b' '), Some(b'{')) if is_name => self.braces(word),
            (Some(b' '), Some(b'[')) if is_name => self.list(word),
            _ => Some(Node::Word(word)),
        }
    }

    fn tuple(&mut self, name: &'t str) -> Option<Node<'t>> {
        self.nested(|parser| parser.items(b')')).map(|items| Node::Tuple(name, items))
    }

    fn list(&mut self, name: &'t str) -> Option<Node<'t>> {
        self.skip_space();
        self.nested(|parser| parser.items(b']')).map(|items| Node::List(name, items))
    }

    /// Runs a parser for the content of brackets, the first of which is next.
    fn nested<R>(&mut self, parse: impl FnOnce(&mut Self) -> Option<R>) -> Option<R> {
        if self.depth == MAX_DEPTH {
            return None;
        }
        self.at += 1;
        self.depth += 1;
        let parsed = parse(self)?;
        self.depth -= 1;
        Some(parsed)
    }

    /// Parses values up to the closing bracket.
    fn items(&mut self, close: u8) -> Option<Vec<Node<'t>>> {
        let mut items = Vec::new();
        while !self.closes(close) {
            let item = self.value()?;
            items.push(match item {
                // `Error("no such field", line: 1, column: 2)`
                Node::Word(label) if self.eat(b':') => Node::Struct("", vec![(label, self.value()?)]),
                item => item,
            });
            self.separated(close)?;
        }
        Some(items)
    }

    fn braces(&mut self, name: &'t str) -> Option<Node<'t>> {
        self.skip_space();
        self.nested(|parser| parser.fields(name))
    }

    /// Parses the content of braces: the fields of a struct, the entries of a map, or the items of a set.
    fn fields(&mut self, name: &'t str) -> Option<Node<'t>> {
        let (mut keys, mut values, mut is_set) = (Vec::new(), Vec::new(), None);
        while !self.closes(b'}') {
            let key = self.value()?;
            self.skip_space();
            let has_value = self.eat(b':');
            if *is_set.get_or_insert(!has_value) == has_value {
                return None;
            }
            if has_value {
                values.push(self.field_value()?);
            }
            keys.push(key);
            self.separated(b'}')?;
        }
        if is_set == Some(true) {
            return Some(Node::List(name, keys));
        }
        let is_word = |key: &Node<'_>| matches!(key, Node::Word(_));
        if name.is_empty() || !keys.iter().all(is_word) {
            return Some(Node::Map(name, keys.into_iter().zip(values).collect()));
        }
        let names = keys.into_iter().map(|key| if let Node::Word(name) = key { name } else { "" });
        Some(Node::Struct(name, names.zip(values).collect()))
    }

    /// Parses the value of a field. A hand-written `Debug` of a field may write nothing.
    fn field_value(&mut self) -> Option<Node<'t>> {
        self.skip_space();
        match self.peek()? {
            b',' | b'}' => Some(Node::Text(Cow::Borrowed(""))),
            _ => self.value(),
        }
    }

    /// Skips the closing bracket, if it is next. A `..` may be before it.
    fn closes(&mut self, close: u8) -> bool {
        self.skip_space();
        if let Some(behind) = self.rest().strip_prefix("..") {
            let behind = behind.trim_start();
            if behind.as_bytes().first() == Some(&close) {
                self.at = self.text.len() - behind.len();
            }
        }
        self.eat(close)
    }

    /// Skips the comma after an item, or stops before the closing bracket.
    fn separated(&mut self, close: u8) -> Option<()> {
        self.skip_space();
        (self.eat(b',') || self.peek() == Some(close)).then_some(())
    }

    /// Parses a word. Returns `None` if the text does not begin with one.
    fn word(&mut self) -> Option<&'t str> {
        let start = self.at;
        if let Some(behind) = self.rest().strip_prefix(MASK) {
            self.at += 2 * MASK.len() + behind.find(MASK)?;
            return self.text.get(start..self.at);
        }
        self.skip_word()?;
        let is_digit = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_digit());
        let word = self.text.get(start..self.at)?;
        if is_digit(word.bytes().next()) && word.contains('-') {
            // The parts of a date may be separated by spaces, and the name of its time zone is in brackets:
            // `2024-06-19 15:22:45.0 +00:00:00`, `2024-06-19T15:22:45-04:00[America/New_York]`.
            while self.peek() == Some(b' ')
                && (is_digit(self.second()) || matches!(self.second(), Some(b'+' | b'-')))
            {
                self.at += 1;
                self.skip_word()?;
            }
            if self.eat(b'[') {
                self.skip_word()?;
                self.eat(b']').then_some(())?;
            }
        }
        self.text.get(start..self.at)
    }

    /// Skips the bytes of a word, at least one. What is between `<` and `>` belongs to the word: the parameters
    /// of a generic type.
    fn skip_word(&mut self) -> Option<()> {
        let start = self.at;
        let (mut angles, mut before) = (0_usize, b' ');
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => break,
                b'<' => angles += 1,
                // Not the arrow in `fn(u8) -> u8`.
                b'>' if before != b'-' => angles = angles.checked_sub(1)?,
                _ if angles > 0 => {}
                b',' | b'(' | b')' | b'[' | b']' | b'{' | b'}' | b'\'' => break,
                b':' if self.second().is_none_or(|next| next.is_ascii_whitespace() || next == b',') => break,
                byte if byte.is_ascii_whitespace() => break,
                _ => {}
            }
            before = byte;
            self.at += 1;
        }
        (angles == 0 && self.at > start).then_some(())
    }

    /// Parses a quoted text and replaces its escape sequences.
    fn quoted(&mut self, quote: u8) -> Option<Cow<'t, str>> {
        self.at += 1;
        let mut content = Cow::Borrowed("");
        loop {
            let start = self.at;
            while self.peek().is_some_and(|byte| byte != quote && byte != b'\\') {
                self.at += 1;
            }
            let piece = self.text.get(start..self.at)?;
            if content.is_empty() {
                content = Cow::Borrowed(piece);
            } else {
                content.to_mut().push_str(piece);
            }
            if self.eat(quote) {
                return Some(content);
            }
            self.eat(b'\\').then_some(())?;
            let character = self.escaped()?;
            content.to_mut().push(character);
        }
    }

    /// Parses an escape sequence behind its backslash.
    fn escaped(&mut self) -> Option<char> {
        let byte = self.peek()?;
        self.at += 1;
        Some(match byte {
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'0' => '\0',
            b'"' | b'\'' | b'\\' => char::from(byte),
            b'u' => {
                self.eat(b'{').then_some(())?;
                let code = self.hexadecimal(6)?;
                self.eat(b'}').then_some(())?;
                char::from_u32(code)?
            }
            // A byte of a text that is not UTF-8.
            b'x' => char::from_u32(self.hexadecimal(2)?)?,
            _ => return None,
        })
    }

    fn hexadecimal(&mut self, longest: usize) -> Option<u32> {
        let digits = self.rest().bytes().take(longest).take_while(u8::is_ascii_hexdigit).count();
        let number = u32::from_str_radix(self.rest().get(..digits)?, 16).ok()?;
        self.at += digits;
        Some(number)
    }
}

#[cfg(test)]
mod tests;
