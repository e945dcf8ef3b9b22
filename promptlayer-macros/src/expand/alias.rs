//! Constants that hold the user's expressions for the macros of `tracing`.
//!
//! The macros of `tracing` evaluate the target, the level, the name and the field names inside a static
//! called `META`, which would shadow a constant of the user with the same name. A constant declared outside
//! the macro call avoids this.

use proc_macro2::{Ident, Span, TokenStream};
use syn::spanned::Spanned as _;
use syn::{Expr, Path};

use crate::attr::{Args, Level};
use crate::expand::{Names, span};

/// The constants for one use of a `tracing` macro.
#[derive(Default)]
pub(crate) struct Aliases {
    constants: TokenStream,
    fields: usize,
}

impl Aliases {
    /// Returns the target of the span.
    pub(crate) fn target(&mut self, args: &Args) -> TokenStream {
        match &args.target {
            Some(target) => self.text("TARGET", target),
            None => span::target(args),
        }
    }

    /// Returns the level, or the default if the user gives none.
    pub(crate) fn level(
        &mut self,
        level: Option<&Level>,
        default: TokenStream,
        names: &Names,
    ) -> TokenStream {
        match level {
            None => default,
            Some(Level::Path(path)) => self.level_at(path, names),
            Some(level) => span::level_tokens(level, names),
        }
    }

    fn level_at(&mut self, path: &Path, names: &Names) -> TokenStream {
        let private = &names.private;
        self.constant("LEVEL", path.span(), &code!(#private::tracing::Level), &code!(#path))
    }

    /// Returns the name of a field.
    pub(crate) fn field(&mut self, name: &Expr) -> TokenStream {
        self.fields += 1;
        self.text(&format!("FIELD_{}", self.fields), name)
    }

    /// Returns a string that is known at compile time. A literal is used as it is, any other expression
    /// through a constant.
    pub(crate) fn text(&mut self, name: &str, value: &Expr) -> TokenStream {
        if matches!(value, Expr::Lit(_)) {
            return code!(#value);
        }
        self.constant(name, value.span(), &code!(&'static ::core::primitive::str), &code!(#value))
    }

    fn constant(&mut self, name: &str, at: Span, ty: &TokenStream, value: &TokenStream) -> TokenStream {
        let name = Ident::new(&format!("__PROMPTLAYER_{name}"), Span::mixed_site());
        self.constants.extend(code_at!(at => const #name: #ty = #value;));
        code!(#name)
    }

    /// Returns the macro call in a block that declares the constants.
    pub(crate) fn around(self, invoked: &TokenStream) -> TokenStream {
        let constants = self.constants;
        if constants.is_empty() { invoked.clone() } else { code!({ #constants #invoked }) }
    }
}
