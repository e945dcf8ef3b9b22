//! Constants for what the user gives to `tracing`'s macros.
//!
//! These macros evaluate a target, a level, a name and the names of fields inside a static of their own, whose name
//! (`META`) hides a constant of the user's. Behind a constant that is declared outside of the macro, it cannot.

use proc_macro2::{Ident, Span, TokenStream};
use syn::spanned::Spanned as _;
use syn::{Expr, Path};

use crate::attr::{Args, Level};
use crate::expand::{Names, span};

/// The constants that one use of a macro needs.
#[derive(Default)]
pub(crate) struct Aliases {
    constants: TokenStream,
    fields: usize,
}

impl Aliases {
    /// The span's target.
    pub(crate) fn target(&mut self, args: &Args) -> TokenStream {
        match &args.target {
            Some(target) => self.text("TARGET", target),
            None => span::target(args),
        }
    }

    /// A level, or the default where the user gives none.
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

    /// The name of a field.
    pub(crate) fn field(&mut self, name: &Expr) -> TokenStream {
        self.fields += 1;
        self.text(&format!("FIELD_{}", self.fields), name)
    }

    /// A text that is known when the function is compiled.
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

    /// The macro with its constants around it.
    pub(crate) fn around(self, invoked: &TokenStream) -> TokenStream {
        let constants = self.constants;
        if constants.is_empty() { invoked.clone() } else { code!({ #constants #invoked }) }
    }
}
