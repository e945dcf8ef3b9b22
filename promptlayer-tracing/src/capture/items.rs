//! The captured items of a stream.

use super::Captured;

/// The captured items of a stream, in order. Their texts are in one buffer.
///
/// A stream has hundreds of short items. Storing each text by itself would cost an allocation, which is freed on
/// another thread.
#[derive(Debug, Clone, Default)]
pub(crate) struct CapturedItems {
    text: String,
    items: Vec<Item>,
}

/// The end of an item's text in the buffer, and what the text is.
#[derive(Debug, Clone)]
struct Item {
    end: usize,
    captured: Captured<()>,
}

impl CapturedItems {
    /// Adds an item.
    pub(crate) fn push(&mut self, captured: &Captured) {
        self.text.push_str(captured.text());
        self.items.push(Item { end: self.text.len(), captured: captured.with_text(()) });
    }

    /// Returns the items.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Captured<&str>> {
        let mut start = 0;
        self.items.iter().map(move |Item { end, captured }| {
            let text = self.text.get(start..*end).unwrap_or_default();
            start = *end;
            captured.with_text(text)
        })
    }

    /// Returns the length of the texts, and of what is stored beside them, in bytes.
    pub(crate) fn len_in_bytes(&self) -> usize {
        self.text.len() + self.items.len() * size_of::<Item>()
    }

    /// Returns the bytes of memory that the items hold, for the limit of the queue.
    pub(crate) fn size(&self) -> usize {
        self.text.capacity() + self.items.capacity() * size_of::<Item>()
    }

    /// Releases memory that is reserved for more items.
    pub(crate) fn shrink(&mut self) {
        self.text.shrink_to_fit();
        self.items.shrink_to_fit();
    }
}

impl FromIterator<Captured> for CapturedItems {
    fn from_iter<I: IntoIterator<Item = Captured>>(items: I) -> Self {
        let mut kept = Self::default();
        items.into_iter().for_each(|item| kept.push(&item));
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_those_that_were_added() {
        let added = [
            Captured::Json("{\"a\": 1}".to_owned()),
            Captured::Text(String::new()),
            Captured::Type("sdk::Client"),
            Captured::Text("é".to_owned()),
            Captured::Debug("Reply { .. }".to_owned(), "sdk::Reply"),
            Captured::Redacted,
            Captured::Json("2".to_owned()),
        ];
        let mut items: CapturedItems = added.iter().cloned().collect();
        items.shrink();
        let read: Vec<Captured> = items.iter().map(|item| item.with_text(item.text().to_owned())).collect();
        assert_eq!(read, added);
        assert_eq!(items.size(), items.len_in_bytes());
        assert_eq!(items.len_in_bytes() % size_of::<Item>(), 8 + 2 + 12 + 1);
    }
}
