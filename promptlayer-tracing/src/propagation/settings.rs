//! What a layer takes from callers and gives to the services that it calls.

use super::baggage::Selection;

/// What crosses the border of the process, beside the ids of the trace. See
/// [`LayerBuilder::propagate`](crate::LayerBuilder::propagate).
///
/// By default, no tags and no metadata are accepted from a caller or sent in baggage, and requests to model providers
/// carry no header of the trace.
///
/// ```
/// use promptlayer_tracing::propagation::Propagation;
///
/// # let builder =
/// promptlayer_tracing::layer().propagate(
///     Propagation::default()
///         .accept_tags()
///         .accept_metadata(["tenant", "user_id"])
///         .send_tags()
///         .send_metadata(["tenant", "user_id", "session_id"])
///         .hosts(["models.internal", "*.gateway.example"]),
/// );
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use]
pub struct Propagation {
    pub(crate) accepted: Selection,
    pub(crate) sent: Selection,
    #[cfg_attr(not(feature = "middleware"), allow(dead_code, reason = "an exchange asks for it"))]
    pub(crate) hosts: Hosts,
}

/// Names of hosts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Hosts(Vec<String>);

impl Propagation {
    /// Accepts the tags in a caller's baggage (`promptlayer.tags`). Calls of a continued trace inherit them.
    ///
    /// Everyone who can send requests to your service can then choose tags.
    pub fn accept_tags(mut self) -> Self {
        self.accepted.tags = true;
        self
    }

    /// Accepts metadata with these keys in a caller's baggage (`promptlayer.metadata.<key>`). Calls of a continued
    /// trace inherit it.
    pub fn accept_metadata<K: Into<String>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        self.accepted.metadata.extend(keys.into_iter().map(Into::into));
        self
    }

    /// Sends the tags of the current call in baggage, except those of the layer itself.
    ///
    /// Baggage is sent wherever the trace is: to every service that [`inject`](super::inject) is called for.
    pub fn send_tags(mut self) -> Self {
        self.sent.tags = true;
        self
    }

    /// Sends the metadata of the current call with these keys in baggage, except that of the layer itself.
    pub fn send_metadata<K: Into<String>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        self.sent.metadata.extend(keys.into_iter().map(Into::into));
        self
    }

    /// Adds hosts that receive the headers of the trace with model calls that the module `middleware` logs.
    ///
    /// For gateways of your own. A host is a name without a port. `*.` at its start stands for every name below it.
    /// By default there are none, because a provider of models has no use for your trace.
    pub fn hosts<H: Into<String>>(mut self, hosts: impl IntoIterator<Item = H>) -> Self {
        self.hosts.add(hosts);
        self
    }
}

impl Hosts {
    pub(crate) fn add<H: Into<String>>(&mut self, hosts: impl IntoIterator<Item = H>) {
        self.0.extend(hosts.into_iter().map(Into::into));
    }

    /// Returns `true` if the list contains a host.
    #[cfg_attr(not(feature = "middleware"), allow(dead_code, reason = "an exchange asks for it"))]
    pub(crate) fn contain(&self, host: &str) -> bool {
        self.0.iter().any(|known| match known.strip_prefix('*') {
            Some(below) => {
                let above = host.len().checked_sub(below.len());
                below.starts_with('.')
                    && above.is_some_and(|at| {
                        at > 0 && host.get(at..).is_some_and(|end| end.eq_ignore_ascii_case(below))
                    })
            }
            None => known.eq_ignore_ascii_case(host),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_matches_whole_and_star_matches_what_is_below() {
        let Propagation { hosts, .. } = Propagation::default().hosts(["a.example", "*.B.example", "*"]);
        for host in ["a.example", "A.EXAMPLE", "x.b.example", "x.y.b.example"] {
            assert!(hosts.contain(host), "{host}");
        }
        for host in ["x.a.example", "b.example", ".b.example", "xb.example", "", "a.example.org"] {
            assert!(!hosts.contain(host), "{host}");
        }
        assert!(!Propagation::default().hosts.contain("api.openai.com"));
    }
}
