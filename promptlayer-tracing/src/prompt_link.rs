//! The link from a request to the prompt template that it was made from.

/// A prompt template in the registry, with an optional version and optional variables.
///
/// It is created from a value that the attribute's `prompt` accepts: a name, a name with a version, or a
/// rendered template.
///
/// ```
/// use promptlayer_tracing::{PromptLink, ToPromptLink};
///
/// assert_eq!("greeting".to_prompt_link(), PromptLink::new("greeting"));
/// assert_eq!(("greeting", 2).to_prompt_link(), PromptLink::new("greeting").version(2));
/// ```
///
/// A link of your own, with the variables of the template:
///
/// ```
/// # #[cfg(feature = "export")]
/// # {
/// use promptlayer_tracing::{PromptLink, promptlayer};
///
/// #[promptlayer(prompt = PromptLink::new("greeting").version(2).variables([("name", name)]))]
/// fn greet(name: &str) -> String {
///     format!("Hello {name}")
/// }
/// # }
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(not(feature = "export"), derive(Eq))]
pub struct PromptLink {
    pub(crate) name: String,
    pub(crate) version: Option<u32>,
    #[cfg(feature = "export")]
    pub(crate) variables: serde_json::Map<String, serde_json::Value>,
}

impl PromptLink {
    /// Creates a link to the template `name`. The registry selects the version.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            version: None,
            #[cfg(feature = "export")]
            variables: serde_json::Map::new(),
        }
    }

    /// Sets the version of the template. Versions start at 1.
    #[must_use]
    pub fn version(mut self, version: u32) -> Self {
        self.version = Some(version);
        self
    }

    /// Adds the variables that the template was rendered with.
    #[cfg(feature = "export")]
    #[must_use]
    pub fn variables<K, V>(mut self, variables: impl IntoIterator<Item = (K, V)>) -> Self
    where
        K: Into<String>,
        V: Into<serde_json::Value>,
    {
        self.variables.extend(variables.into_iter().map(|(key, value)| (key.into(), value.into())));
        self
    }
}

/// A value that the attribute's `prompt` accepts: a name, a name with a version, a [`PromptLink`], or a rendered
/// template. Implement it for a type of your own that knows its template.
///
/// ```
/// use promptlayer_tracing::{PromptLink, ToPromptLink, promptlayer};
///
/// struct Greeting {
///     version: u32,
/// }
///
/// impl ToPromptLink for Greeting {
///     fn to_prompt_link(&self) -> PromptLink {
///         PromptLink::new("greeting").version(self.version)
///     }
/// }
///
/// #[promptlayer(prompt = template, skip(template))]
/// fn greet(template: &Greeting, name: &str) -> String {
///     format!("Hello {name}")
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not name a prompt template",
    note = "`prompt` takes a name, a tuple `(name, version)`, a `PromptLink` or a rendered template"
)]
pub trait ToPromptLink {
    /// Returns the link for this value.
    fn to_prompt_link(&self) -> PromptLink;
}

impl ToPromptLink for PromptLink {
    fn to_prompt_link(&self) -> PromptLink {
        self.clone()
    }
}

impl ToPromptLink for str {
    fn to_prompt_link(&self) -> PromptLink {
        PromptLink::new(self)
    }
}

impl ToPromptLink for String {
    fn to_prompt_link(&self) -> PromptLink {
        PromptLink::new(self)
    }
}

impl<N: AsRef<str>> ToPromptLink for (N, u32) {
    fn to_prompt_link(&self) -> PromptLink {
        PromptLink::new(self.0.as_ref()).version(self.1)
    }
}

impl<T: ToPromptLink + ?Sized> ToPromptLink for &T {
    fn to_prompt_link(&self) -> PromptLink {
        (**self).to_prompt_link()
    }
}

#[cfg(all(feature = "export", feature = "templates"))]
impl ToPromptLink for promptlayer_client::RenderedPrompt {
    fn to_prompt_link(&self) -> PromptLink {
        let variables = self.variables().iter().map(|(name, value)| (name.clone(), value.clone()));
        PromptLink::new(self.name()).version(self.version()).variables(variables)
    }
}
