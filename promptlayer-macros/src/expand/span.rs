//! Generates the code that opens the span and begins the call.

use proc_macro2::{Span, TokenStream};
use syn::{LitStr, Signature, Type};

use crate::attr::{Args, Field, FieldMode, FieldName, Level, Tag};
use crate::expand::alias::Aliases;
use crate::expand::parameters::Parameters;
use crate::expand::{Names, located};

/// When a call begins.
#[derive(Clone, Copy)]
pub(crate) enum Start {
    Now,
    /// When the future is first polled, for a function that only creates the future.
    AtFirstPoll,
}

/// Returns an expression of type `Call`.
pub(crate) fn begin(
    args: &Args,
    signature: &Signature,
    parameters: &Parameters,
    names: &Names,
    start: Start,
) -> TokenStream {
    let private = &names.private;
    let start = match start {
        Start::Now => code!(begin),
        Start::AtFirstPoll => code!(prepare),
    };
    let function =
        LitStr::new(&syn::ext::IdentExt::unraw(&signature.ident).to_string(), signature.ident.span());
    let name = args.name.as_ref().map_or_else(|| code!(#function), |name| code!(#name));
    let level = level(args, names);
    let span = if args.fields.is_empty() && args.parent.is_none() {
        span_of_ours(args, &name, &level, names)
    } else {
        span_with_own_fields(args, &name, &level, parameters, names)
    };
    let follows_from = args.follows_from.iter().map(|causes| {
        code! {
            for __promptlayer_cause in #causes {
                __promptlayer_span.follows_from(__promptlayer_cause);
            }
        }
    });
    let site = site(args, &function, names);
    code! {
        // Check the level first: a disabled level then costs only a comparison.
        if #private::tracing::level_enabled!(#level)
            || #private::tracing::if_log_enabled!(#level, { true } else { false })
        {
            let __promptlayer_span = #span;
            #(#follows_from)*
            #private::Call::#start(__promptlayer_span, #site)
        } else {
            #private::Call::nothing()
        }
    }
}

/// Generates a span without user fields. All its fields are empty at the start, so a list of names is enough.
fn span_of_ours(args: &Args, name: &TokenStream, level: &TokenStream, names: &Names) -> TokenStream {
    let private = &names.private;
    let target = target(args);
    let fields = std::iter::once(MARK).chain(gen_ai_fields(args));
    code! {
        #private::span!(target: #target, #level, #name, [#(#fields),*])
    }
}

/// Generates a span with the user's fields, followed by the fields of this crate.
///
/// If the user declares a field with the same name as one of these, the span has two fields with that name.
/// Then the call leaves both alone.
fn span_with_own_fields(
    args: &Args,
    name: &TokenStream,
    level: &TokenStream,
    parameters: &Parameters,
    names: &Names,
) -> TokenStream {
    let private = &names.private;
    let mut aliases = Aliases::default();
    let target = aliases.target(args);
    let name = match &args.name {
        Some(name) => aliases.text("NAME", name),
        None => code!(#name),
    };
    let level = aliases.level(args.level.as_ref(), level.clone(), names);
    let parent = args.parent.iter();
    let fields: Vec<_> =
        args.fields.iter().map(|field| field_tokens(field, parameters, &mut aliases, names)).collect();
    let ours = gen_ai_fields(args).filter(|_| args.fields.len() <= MAX_OWN_FIELDS);
    aliases.around(&code! {
        #private::tracing::span!(
            target: #target,
            #(parent: #parent,)*
            #level,
            #name,
            promptlayer.call = #private::tracing::field::Empty,
            #(#fields,)*
            #(#ours = #private::tracing::field::Empty,)*
        )
    })
}

/// The name of the field that marks a span of the attribute for the layer.
const MARK: &str = "promptlayer.call";

/// The fields in which a call records its model data when it ends, named as in the OpenTelemetry conventions.
///
/// Attributes that the conventions renamed are recorded under both names. The spans sent to `PromptLayer`
/// have more attributes.
const MODEL_FIELDS: &[&str] = &[
    "gen_ai.operation.name",
    "gen_ai.provider.name",
    "gen_ai.system",
    "gen_ai.request.model",
    "gen_ai.response.id",
    "gen_ai.response.model",
    "gen_ai.response.finish_reasons",
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.prompt_tokens",
    "gen_ai.usage.completion_tokens",
    "error.type",
];
/// The fields for a function that does not call a model.
const FUNCTION_FIELDS: &[&str] = &["gen_ai.operation.name"];
/// The maximum number of user fields for which these fields are still declared.
///
/// The macro of `tracing` recurses once per field, and the compiler limits the recursion to 128.
const MAX_OWN_FIELDS: usize = 64;

/// Returns the names of the fields in which the call records its data. They stay empty until the call ends.
fn gen_ai_fields(args: &Args) -> impl Iterator<Item = &'static str> {
    let (fields, own) = match args.kind.as_ref().map(ToString::to_string).as_deref() {
        None | Some("Llm" | "Embedding") => (MODEL_FIELDS, None),
        Some("Tool") => (FUNCTION_FIELDS, Some("gen_ai.tool.name")),
        Some("Agent") => (FUNCTION_FIELDS, Some("gen_ai.agent.name")),
        Some("Chain") => (FUNCTION_FIELDS, Some("gen_ai.workflow.name")),
        Some(_) => (FUNCTION_FIELDS, None),
    };
    fields.iter().copied().chain(own)
}

/// Returns the target of the span.
pub(crate) fn target(args: &Args) -> TokenStream {
    match &args.target {
        Some(target) => code!(#target),
        None => code!(::core::module_path!()),
    }
}

/// Returns the level of the span.
pub(crate) fn level(args: &Args, names: &Names) -> TokenStream {
    args.level.as_ref().map_or_else(|| known("INFO", names), |level| level_tokens(level, names))
}

/// Returns a level as an expression.
pub(crate) fn level_tokens(level: &Level, names: &Names) -> TokenStream {
    match level {
        Level::Known(name) => known(name, names),
        Level::Path(path) => code!(#path),
    }
}

/// Returns one of the level constants of `tracing`.
pub(crate) fn known(name: &str, names: &Names) -> TokenStream {
    let private = &names.private;
    let name = syn::Ident::new(name, Span::call_site());
    code!(#private::tracing::Level::#name)
}

/// Generates the `&'static CallSite` with the compile-time data of the function.
fn site(args: &Args, function: &LitStr, names: &Names) -> TokenStream {
    let private = &names.private;
    let kind = match &args.kind {
        Some(kind) => code!(::core::option::Option::Some(#private::Kind::#kind)),
        None => code!(::core::option::Option::None),
    };
    // Located at the tag, where the compiler reports an invalid tag.
    let checked = |tag: &Tag| {
        let (value, function) = (&tag.value, located(&code!(#private::tags::checked), tag.span()));
        code_at!(tag.span() => #function(#value))
    };
    let tags = args.tags.iter().map(|tag| {
        let value = &tag.value;
        if tag.is_literal { code!(#value) } else { checked(tag) }
    });
    // A constant that cannot depend on a generic type is also checked outside the function, so that the check
    // runs even if the function is never instantiated.
    let early = args.tags.iter().filter(|tag| tag.is_plain_constant()).map(|tag| {
        let value = checked(tag);
        code_at!(tag.span() => const _: &str = #value;)
    });
    // Literals were already compared with each other while parsing.
    let distinct = args.tags.iter().enumerate().filter(|(_, tag)| !tag.is_literal).map(|(position, tag)| {
        let value = &tag.value;
        let others = args.tags.iter().enumerate().filter(|(other, tag)| *other < position || tag.is_literal);
        let others = others.map(|(_, tag)| &tag.value);
        let function = located(&code!(#private::tags::check_distinct), tag.span());
        code_at!(tag.span() => #function(#value, &[#(#others),*]);)
    });
    let hook = match &args.on_request_id {
        Some(hook) => code!(#private::hook!(#hook)),
        None => code!(::core::option::Option::None),
    };
    code! {
        {
            #(#early)*
            const {
                #(#distinct)*
                &#private::CallSite {
                    kind: #kind,
                    tags: &[#(#tags),*],
                    function: #function,
                    on_request_id: #hook,
                }
            }
        }
    }
}

/// Returns one field in the syntax of `tracing::span!`.
///
/// A name without a value refers to the argument of that name. Without such an argument, the field is empty.
fn field_tokens(field: &Field, parameters: &Parameters, aliases: &mut Aliases, names: &Names) -> TokenStream {
    let private = &names.private;
    let Field { name, mode, value } = field;
    let name = match name {
        FieldName::Constant(constant) => {
            let alias = aliases.field(constant);
            code!({ #alias })
        }
        name => code!(#name),
    };
    if let Some(value) = value {
        return code!(#name = #mode #value);
    }
    match field.ident().and_then(|ident| parameters.named(ident)) {
        Some(parameter) => {
            let argument = &parameter.ident;
            match mode {
                FieldMode::Value if is_value(&parameter.ty) => code!(#name = #argument),
                FieldMode::Value | FieldMode::Debug => {
                    let value = shown(&code!(debugged), argument.span(), &code!(#argument), names);
                    code!(#name = ?#value)
                }
                FieldMode::Display => {
                    let value = shown(&code!(displayed), argument.span(), &code!(#argument), names);
                    code!(#name = %#value)
                }
            }
        }
        None if *mode == FieldMode::Value => code!(#name = #private::tracing::field::Empty),
        None => code!(#mode #name),
    }
}

/// Returns a value that is formatted with `Display` or `Debug`. If its type does not implement the trait,
/// there is one compiler error, at `span`.
pub(crate) fn shown(by: &TokenStream, span: Span, value: &TokenStream, names: &Names) -> TokenStream {
    let private = &names.private;
    let function = located(&code!(#private::capture::#by), span);
    code_at!(span => #function(&#value))
}

/// Returns `true` if `tracing` records the type as a primitive value. Other types are recorded with `Debug`.
fn is_value(ty: &Type) -> bool {
    const VALUES: &[&str] = &[
        "bool", "str", "u8", "i8", "u16", "i16", "u32", "i32", "u64", "i64", "u128", "i128", "f32", "f64",
        "usize", "isize", "String",
    ];
    match ty {
        Type::Path(path) => {
            path.path.segments.last().is_some_and(|last| VALUES.iter().any(|value| last.ident == value))
        }
        Type::Reference(reference) => is_value(&reference.elem),
        Type::Paren(inner) => is_value(&inner.elem),
        Type::Group(inner) => is_value(&inner.elem),
        _ => false,
    }
}
