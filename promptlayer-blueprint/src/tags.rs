//! The tags of a request.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize, de};

use crate::InvalidTag;

/// Tags of a request: none empty, none longer than [`Tags::MAX_CHARACTERS`], none twice.
///
/// A tag given a second time is dropped without a word, so that the tags of a layer, of a function
/// and of one call can be put together freely. The order is that of the first mention.
///
/// ```
/// use promptlayer_blueprint::Tags;
///
/// let mut tags = Tags::new(["chat", "beta", "chat"])?;
/// tags.push(format!("tenant-{}", 7))?;
/// assert_eq!(tags.iter().collect::<Vec<_>>(), ["chat", "beta", "tenant-7"]);
/// # Ok::<(), promptlayer_blueprint::InvalidTag>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct Tags(Vec<Cow<'static, str>>);

impl Tags {
    /// The greatest length of a tag, in characters: a limit of the service.
    pub const MAX_CHARACTERS: usize = 512;

    /// Checks and keeps these tags. The only way in for tags that are known at run time.
    ///
    /// # Errors
    ///
    /// [`InvalidTag`] if one is empty (or only white space), or longer than
    /// [`Tags::MAX_CHARACTERS`].
    pub fn new<T: Into<Cow<'static, str>>>(tags: impl IntoIterator<Item = T>) -> Result<Self, InvalidTag> {
        let mut checked = Self::default();
        for tag in tags {
            checked.push(tag)?;
        }
        Ok(checked)
    }

    /// Tags that were checked when the program was compiled. Not part of the public API.
    #[doc(hidden)]
    pub fn from_checked(tags: &'static [&'static str]) -> Self {
        Self(tags.iter().copied().map(Cow::Borrowed).collect())
    }

    /// Adds one tag, unless it is there already.
    ///
    /// # Errors
    ///
    /// As for [`Tags::new`].
    pub fn push(&mut self, tag: impl Into<Cow<'static, str>>) -> Result<(), InvalidTag> {
        let tag = tag.into();
        if tag.trim().is_empty() {
            return Err(InvalidTag::new(&tag, "it is empty"));
        }
        // A string has no more characters than bytes: most tags are not counted.
        if tag.len() > Self::MAX_CHARACTERS && tag.chars().count() > Self::MAX_CHARACTERS {
            return Err(InvalidTag::new(
                &tag,
                "it is longer than 512 characters; shorten it, or use metadata",
            ));
        }
        self.insert(tag);
        Ok(())
    }

    /// Adds the tags of `other` that are not there yet.
    pub fn merge(&mut self, other: &Self) {
        for tag in &other.0 {
            self.insert(tag.clone());
        }
    }

    fn insert(&mut self, tag: Cow<'static, str>) {
        // A handful at most: a scan is cheaper than a set.
        if !self.0.contains(&tag) {
            self.0.push(tag);
        }
    }

    /// The tags in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// Whether `tag` is one of them.
    pub fn contains(&self, tag: &str) -> bool {
        self.iter().any(|held| held == tag)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
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
    fn a_tag_of_512_characters_is_kept_and_one_of_513_refused() {
        let longest = "é".repeat(Tags::MAX_CHARACTERS);
        assert!(Tags::new([longest.clone()]).unwrap().contains(&longest));

        let error = Tags::new([longest + "e"]).unwrap_err();
        assert!(error.to_string().contains("longer than 512 characters"), "{error}");
        assert!(error.to_string().len() < 400, "the tag itself is cut in the message");
    }

    #[test]
    fn an_empty_tag_is_refused() {
        for tag in ["", "  \n"] {
            assert!(Tags::new([tag]).unwrap_err().to_string().contains("it is empty"));
        }
    }

    #[test]
    fn a_tag_given_twice_is_kept_once_where_it_came_first() {
        let mut tags = Tags::from_checked(&["a", "b"]);
        tags.merge(&Tags::new(["b", "c", "a"]).unwrap());

        assert_eq!(tags.iter().collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(serde_json::to_string(&tags).unwrap(), r#"["a","b","c"]"#);
        assert_eq!(serde_json::from_str::<Tags>(r#"["a","b","a","c"]"#).unwrap(), tags);
        assert!(serde_json::from_str::<Tags>(r#"[""]"#).is_err());
    }
}
