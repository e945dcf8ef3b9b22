//! Measures the memory that a JSON text needs as a tree of values, before the text is parsed.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// The memory of one item in a growing list of values.
const ITEM: usize = 64;
/// The minimum allocation of a string, in addition to its place in a list or an object.
const STRING: usize = 32;
/// The memory of one node of the B-tree behind an object. A node holds 11 entries, and at least 5 if there is
/// more than one node.
const NODE: usize = 672;
const NODE_FULL: usize = 11;
const NODE_LEAST: usize = 5;

/// Returns an upper bound, in bytes, of the memory that this text needs as a tree of [`serde_json::Value`]s.
/// Stops as soon as the result is above the limit.
///
/// The text is read once and not stored, so this needs no more memory than the longest string of the text. Up
/// to the limit, it fails exactly when parsing would fail.
pub(crate) fn weigh(text: &[u8], limit: usize) -> serde_json::Result<usize> {
    let mut total = 0;
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let weighed = Scale { total: &mut total, limit }.deserialize(&mut deserializer);
    if total <= limit {
        weighed?;
        deserializer.end()?;
    }
    Ok(total)
}

/// A visitor that adds the weight of one value to a total.
struct Scale<'t> {
    total: &'t mut usize,
    limit: usize,
}

impl Scale<'_> {
    /// Adds bytes to the total. Fails if the total is above the limit, which ends the parsing.
    fn add<E: Error>(&mut self, bytes: usize) -> Result<(), E> {
        *self.total = self.total.saturating_add(bytes);
        if *self.total > self.limit { Err(E::custom("too heavy")) } else { Ok(()) }
    }

    /// Returns a scale with the same total, for a nested value.
    fn inner(&mut self) -> Scale<'_> {
        Scale { total: self.total, limit: self.limit }
    }
}

impl<'de> DeserializeSeed<'de> for Scale<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Scale<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(mut self, text: &str) -> Result<(), E> {
        self.add(STRING.saturating_add(text.len()))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(self.inner())?.is_some() {
            self.add(ITEM)?;
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut entries: A) -> Result<(), A::Error> {
        let mut count = 0_usize;
        while entries.next_key_seed(self.inner())?.is_some() {
            entries.next_value_seed(self.inner())?;
            count += 1;
            // Counts the first node, and one more for every few entries beyond the capacity of that node.
            if count == 1 || (count > NODE_FULL && count.is_multiple_of(NODE_LEAST)) {
                self.add(NODE)?;
            }
        }
        if count > NODE_FULL { self.add(NODE_FULL.div_ceil(NODE_LEAST) * NODE) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::weigh;

    #[test]
    fn text_weighs_as_much_as_its_tree() {
        for (text, least, most) in [
            ("null", 0, 0),
            ("[]", 0, 0),
            ("{}", 0, 0),
            (r#""0123456789""#, 42, 42),
            (r#"[{"a":0},{"a":0}]"#, 2 * 672, 2 * 800),
            ("[[[0]]]", 3 * 64, 3 * 64),
        ] {
            let weight = weigh(text.as_bytes(), usize::MAX).unwrap();
            assert!((least..=most).contains(&weight), "{text} weighs {weight}");
        }
        let many_keys: Vec<String> = (0..1000).map(|key| format!("\"{key}\":0")).collect();
        let weight = weigh(format!("{{{}}}", many_keys.join(",")).as_bytes(), usize::MAX).unwrap();
        assert!((100_000..400_000).contains(&weight), "{weight}");
    }

    #[test]
    fn weighing_stops_above_the_limit() {
        let text = format!("[{}", r#"{"a":0},"#.repeat(1000));
        assert!(
            (10_000..11_000).contains(&weigh(text.as_bytes(), 10_000).unwrap()),
            "the rest is not looked at"
        );
        assert!(weigh(text.as_bytes(), usize::MAX).is_err(), "it is no JSON");
        assert_eq!(weigh(b"[0,0]", 128).unwrap(), 128);
        assert!(weigh(b"[0,0]", 127).unwrap() > 127);
    }

    #[test]
    fn text_is_refused_exactly_if_parsing_refuses_it() {
        let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        for text in [
            "",
            "{",
            "[1,]",
            "nul",
            "1e999",
            "-",
            "\"\\ud800\"",
            "\"\\ud83d\\ude00\"",
            "{\"a\":1,\"a\":2}",
            "1 2",
            "01",
            "[1e5,-0.0]",
            "{1:2}",
            "\"\u{1}\"",
            "NaN",
        ]
        .into_iter()
        .map(str::to_owned)
        .chain([deep(127), deep(128), deep(100_000)])
        {
            let parsed = serde_json::from_str::<Value>(&text).map(|_| ()).map_err(|error| error.to_string());
            let weighed = weigh(text.as_bytes(), usize::MAX).map(|_| ()).map_err(|error| error.to_string());
            assert_eq!(weighed, parsed, "{}", text.chars().take(40).collect::<String>());
        }
    }
}
