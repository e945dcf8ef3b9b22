//! Decides from the signature whether a boxed stream or future behind an alias can be boxed again.
//!
//! The traced stream is stored in a new box of the same type, `Box<dyn Stream<Item = T> + 'a>`. The compiler
//! accepts this only if it knows that `T` lives for `'a`. For a type without parameters it always does. For
//! others it may not, and then the function would no longer compile.

use std::collections::BTreeSet;

use syn::visit::{self, Visit};
use syn::{Generics, Lifetime, Type, TypeParamBound, TypeReference, WherePredicate};

/// Returns `true` if everything in the type is known to live as long as the box: it mentions at most one lifetime,
/// and no type parameter of the function without a lifetime bound.
pub(crate) fn outlives_its_box(ty: &Type, generics: &Generics) -> bool {
    let mut mentioned = Mentioned::default();
    mentioned.visit_type(ty);
    let is_unbounded = |name: &String| {
        generics.type_params().any(|parameter| parameter.ident == name) && !has_lifetime_bound(name, generics)
    };
    mentioned.lifetimes.len() <= 1 && !mentioned.names.iter().any(is_unbounded)
}

fn has_lifetime_bound(name: &str, generics: &Generics) -> bool {
    let is_lifetime = |bound: &TypeParamBound| matches!(bound, TypeParamBound::Lifetime(_));
    let inline = generics.type_params().filter(|parameter| parameter.ident == name);
    let clauses = generics.where_clause.iter().flat_map(|clause| &clause.predicates);
    let of_clauses = clauses.filter_map(|predicate| match predicate {
        WherePredicate::Type(predicate) => match &predicate.bounded_ty {
            Type::Path(path) if path.path.is_ident(name) => Some(&predicate.bounds),
            _ => None,
        },
        _ => None,
    });
    inline.map(|parameter| &parameter.bounds).chain(of_clauses).flatten().any(is_lifetime)
}

/// The lifetimes and the names of types that a type mentions.
#[derive(Default)]
struct Mentioned {
    lifetimes: BTreeSet<String>,
    names: BTreeSet<String>,
}

impl<'ast> Visit<'ast> for Mentioned {
    fn visit_lifetime(&mut self, lifetime: &'ast Lifetime) {
        self.lifetimes.insert(lifetime.ident.to_string());
    }

    fn visit_type_reference(&mut self, reference: &'ast TypeReference) {
        if reference.lifetime.is_none() {
            self.lifetimes.insert("_".to_owned());
        }
        visit::visit_type_reference(self, reference);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if let Some(first) = path.segments.first() {
            self.names.insert(first.ident.to_string());
        }
        visit::visit_path(self, path);
    }
}

#[cfg(test)]
mod tests {
    use quote::quote;
    use syn::{Signature, parse_quote};

    use super::*;

    #[test]
    fn type_outlives_its_box_if_the_signature_says_so() {
        let cases: Vec<(Signature, bool)> = vec![
            (parse_quote!(fn f() -> Chunks), true),
            (parse_quote!(fn f() -> Result<Chunks, Error>), true),
            (parse_quote!(fn f() -> Self::Future), true),
            (parse_quote!(fn f<'a>() -> Chunks<'a>), true),
            (parse_quote!(fn f<'a>() -> Chunks<'a, &'a str>), true),
            (parse_quote!(fn f() -> Chunks<'_, &str>), true),
            (parse_quote!(fn f<'a, 'b>() -> Chunks<'a, &'b str>), false),
            (parse_quote!(fn f<'a>() -> Chunks<'static, &'a str>), false),
            (parse_quote!(fn f<T>() -> Chunks<T>), false),
            (parse_quote!(fn f<T>() -> Chunks<'static, Vec<T>>), false),
            (parse_quote!(fn f<T: Send>() -> Result<Chunks<T::Item>, Error>), false),
            (parse_quote!(fn f<T: Send + 'static>() -> Chunks<T>), true),
            (
                parse_quote!(
                    fn f<'a, T>() -> Chunks<'a, T>
                    where
                        T: 'a,
                ),
                true,
            ),
            (parse_quote!(fn f<T>() -> Chunks<Other>), true),
        ];
        for (signature, expected) in cases {
            let syn::ReturnType::Type(_, ty) = &signature.output else { panic!("no type") };
            assert_eq!(outlives_its_box(ty, &signature.generics), expected, "{}", quote!(#signature));
        }
    }
}
