//! The off switch: whether a layer records nothing, and the destination of such a layer.

use promptlayer_client::Env;
use promptlayer_client::exporter;

use crate::error::Error;
use crate::process::{ProcessedSpan, SpanExporter};

/// The environment variable that disables the layer.
pub(crate) const DISABLED: &str = "PROMPTLAYER_DISABLED";
/// The values that disable it.
const ON: &[&str] = &["true", "1", "yes", "on"];
/// The values that do not.
const OFF: &[&str] = &["false", "0", "no", "off"];

/// Returns `true` if the environment disables the layer.
///
/// Another value is an error: a program that should send nothing must not send because of a typing error.
pub(crate) fn by_environment(env: &Env) -> Result<bool, Error> {
    let Some(value) = env.get(DISABLED) else { return Ok(false) };
    let is_in = |values: &[&str]| values.iter().any(|known| value.eq_ignore_ascii_case(known));
    if is_in(ON) {
        return Ok(true);
    }
    if is_in(OFF) {
        return Ok(false);
    }
    // The value is not quoted, because it may be a secret that was meant for another variable.
    let reason = format!("it is not one of {}, {}", ON.join(", "), OFF.join(", "));
    Err(exporter::invalid_argument("reading `PROMPTLAYER_DISABLED`", reason).into())
}

/// The destination of a disabled layer. It receives no span, because the layer records none.
pub(crate) struct Nowhere;

impl SpanExporter for Nowhere {
    fn take(&self, _: ProcessedSpan) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(value: &str) -> Result<bool, Error> {
        by_environment(&Env::new([(DISABLED, value)]))
    }

    #[test]
    fn each_value_of_the_variable_has_one_meaning() {
        for value in ["true", "1", "yes", "on", "TRUE", "Yes", " on\n"] {
            assert!(by(value).unwrap(), "{value}");
        }
        for value in ["false", "0", "no", "off", "False", "", "  "] {
            assert!(!by(value).unwrap(), "{value}");
        }
        assert!(!by_environment(&Env::empty()).unwrap());
    }

    #[test]
    fn other_value_is_an_error_that_does_not_quote_it() {
        for value in ["ture", "2", "disabled", "pl_secret"] {
            let error = by(value).unwrap_err();
            assert!(error.is_invalid_input(), "{error:?}");
            let text = format!(
                "{error}: {}",
                std::error::Error::source(&error).map_or(String::new(), ToString::to_string)
            );
            assert!(text.contains(DISABLED) && text.contains("yes") && !text.contains(value), "{text}");
        }
    }
}
