//! Tags of a request.

use std::borrow::Cow;
use std::{iter, slice};

use serde::{Deserialize, Deserializer, Serialize, de};

use crate::InvalidTag;

/// The tags of a request. No tag is empty, longer than [`Tags::MAX_CHARACTERS`], or present twice.
///
/// Duplicates are dropped silently, so that the tags of a layer, a function and a call can be merged freely.
/// The tags keep the order in which they were first added.
///
/// ```
/// use promptlayer_blueprint::Tags;
///
/// let mut tags = Tags::new(["chat", "beta", "chat"])?;
/// tags.push(format!("tenant-{}", 7))?;
/// tags.merge(&Tags::new(["beta", "eu"])?);
/// assert_eq!(tags.iter().collect::<Vec<_>>(), ["chat", "beta", "tenant-7", "eu"]);
/// # Ok::<(), promptlayer_blueprint::InvalidTag>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct Tags(Vec<Cow<'static, str>>);

impl Tags {
    /// The maximum length of a tag, in characters. PromptLayer sets this limit.
    pub const MAX_CHARACTERS: usize = 512;

    /// Checks these tags and collects them. Tags that are known only at run time are always created through
    /// this check.
    ///
    /// # Errors
    ///
    /// Returns an [`InvalidTag`] error if a tag is empty, contains only white space, or is longer than
    /// [`Tags::MAX_CHARACTERS`].
    pub fn new<T: Into<Cow<'static, str>>>(tags: impl IntoIterator<Item = T>) -> Result<Self, InvalidTag> {
        let mut checked = Self::default();
        for tag in tags {
            checked.push(tag)?;
        }
        Ok(checked)
    }

    /// Creates tags that the attribute already checked at compile time.
    #[doc(hidden)]
    pub fn from_checked(tags: &'static [&'static str]) -> Self {
        Self(tags.iter().copied().map(Cow::Borrowed).collect())
    }

    /// Adds a tag, unless it is already present.
    ///
    /// # Errors
    ///
    /// Returns the same errors as [`Tags::new`].
    pub fn push(&mut self, tag: impl Into<Cow<'static, str>>) -> Result<(), InvalidTag> {
        let tag = tag.into();
        if tag.trim().is_empty() {
            return Err(InvalidTag::new(&tag, "it is empty"));
        }
        // A string has at most as many characters as bytes, so only long tags need counting.
        if tag.len() > Self::MAX_CHARACTERS && tag.chars().count() > Self::MAX_CHARACTERS {
            return Err(InvalidTag::new(
                &tag,
                "it is longer than 512 characters; shorten it, or use metadata",
            ));
        }
        self.insert(tag);
        Ok(())
    }

    /// Adds the tags of `other` that are not yet present.
    pub fn merge(&mut self, other: &Self) {
        for tag in &other.0 {
            self.insert(tag.clone());
        }
    }

    fn insert(&mut self, tag: Cow<'static, str>) {
        // There are only a few tags, so a linear scan is cheaper than a set.
        if !self.0.contains(&tag) {
            self.0.push(tag);
        }
    }

    /// Returns an iterator over the tags, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// Returns `true` if `tag` is present.
    pub fn contains(&self, tag: &str) -> bool {
        self.iter().any(|held| held == tag)
    }

    /// Returns the number of tags.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns `true` if there are no tags.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> IntoIterator for &'a Tags {
    type Item = &'a str;
    type IntoIter = iter::Map<slice::Iter<'a, Cow<'static, str>>, fn(&'a Cow<'static, str>) -> &'a str>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter().map(AsRef::as_ref)
    }
}

impl<'de> Deserialize<'de> for Tags {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(Vec::<String>::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tag_of_512_characters_is_kept_and_of_513_refused() {
        let longest = "é".repeat(Tags::MAX_CHARACTERS);
        assert!(Tags::new([longest.clone()]).unwrap().contains(&longest));

        let error = Tags::new([longest + "e"]).unwrap_err();
        assert!(error.to_string().contains("longer than 512 characters"), "{error}");
        assert!(error.to_string().len() < 400, "the tag itself is cut in the message");
    }

    #[test]
    fn empty_tag_is_refused() {
        for tag in ["", "  \n"] {
            assert!(Tags::new([tag]).unwrap_err().to_string().contains("it is empty"));
        }
    }

    #[test]
    fn duplicate_tag_is_kept_at_its_first_position() {
        let mut tags = Tags::from_checked(&["a", "b"]);
        tags.merge(&Tags::new(["b", "c", "a"]).unwrap());

        assert_eq!(tags.iter().collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(serde_json::to_string(&tags).unwrap(), r#"["a","b","c"]"#);
        assert_eq!(serde_json::from_str::<Tags>(r#"["a","b","a","c"]"#).unwrap(), tags);
        assert!(serde_json::from_str::<Tags>(r#"[""]"#).is_err());
    }
}
