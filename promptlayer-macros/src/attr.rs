//! Parses and checks the arguments of the attribute.

mod fields;
mod nearest;
mod tags;

use proc_macro2::Span;
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned as _;
use syn::{Error, Expr, ExprLit, Ident, Lit, LitInt, LitStr, Path, Result, Token, parenthesized, token};

pub(crate) use self::fields::{Field, FieldMode, FieldName};
use self::nearest::nearest;
pub(crate) use self::tags::Tag;

/// The known arguments. The error for an unknown argument suggests the nearest of them.
const KNOWN: &[&str] = &[
    "crate",
    "err",
    "fields",
    "follows_from",
    "input",
    "kind",
    "level",
    "metadata",
    "model",
    "name",
    "on_request_id",
    "output",
    "parameters",
    "parent",
    "prompt",
    "provider",
    "ret",
    "skip",
    "skip_all",
    "stream",
    "tags",
    "target",
];

/// The accepted values of `kind`, and the variant of `Kind` for each.
const KINDS: &[(&str, &str)] = &[
    ("llm", "Llm"),
    ("embedding", "Embedding"),
    ("tool", "Tool"),
    ("agent", "Agent"),
    ("chain", "Chain"),
    ("retriever", "Retriever"),
];

/// How a value is formatted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Display,
    Debug,
}

/// A level, with the same syntax as in `#[instrument]`.
#[derive(Clone)]
pub(crate) enum Level {
    /// A level given as `"info"` or `3`, stored as the name of the constant.
    Known(&'static str),
    /// A path to a `tracing::Level`.
    Path(Path),
}

/// The argument `err(…)` or `ret(…)`.
pub(crate) struct Event {
    /// The location of the argument, for compiler errors.
    pub(crate) span: Span,
    pub(crate) level: Option<Level>,
    pub(crate) format: Option<Format>,
}

/// The argument `input = …`.
pub(crate) struct InputArg {
    /// The format of `?expr` or `%expr`; `None` for a plain expression.
    pub(crate) format: Option<Format>,
    pub(crate) value: Expr,
}

/// One `key = expression` of `metadata(…)` or `parameters(…)`.
pub(crate) struct KeyValue {
    pub(crate) key: LitStr,
    pub(crate) value: Expr,
}

/// The parsed arguments of the attribute.
#[derive(Default)]
pub(crate) struct Args {
    pub(crate) name: Option<Expr>,
    pub(crate) target: Option<Expr>,
    pub(crate) level: Option<Level>,
    pub(crate) parent: Option<Expr>,
    pub(crate) follows_from: Option<Expr>,
    pub(crate) skip: Vec<Ident>,
    pub(crate) skip_all: bool,
    pub(crate) fields: Vec<Field>,
    pub(crate) err: Option<Event>,
    pub(crate) ret: Option<Event>,
    pub(crate) tags: Vec<Tag>,
    /// The name of the variant of `Kind`.
    pub(crate) kind: Option<Ident>,
    pub(crate) provider: Option<Expr>,
    pub(crate) model: Option<Expr>,
    pub(crate) parameters: Vec<KeyValue>,
    pub(crate) input: Option<InputArg>,
    pub(crate) output: Option<Expr>,
    pub(crate) metadata: Vec<KeyValue>,
    pub(crate) prompt: Option<Expr>,
    pub(crate) stream: bool,
    pub(crate) on_request_id: Option<Expr>,
    pub(crate) krate: Option<Path>,
}

impl Args {
    /// Returns the expressions that are evaluated before the body runs.
    pub(crate) fn expressions(&self) -> impl Iterator<Item = &Expr> {
        let fields = self.fields.iter().filter_map(|field| field.value.as_ref());
        let input = self.input.iter().map(|input| &input.value);
        let pairs = self.metadata.iter().chain(&self.parameters).map(|pair| &pair.value);
        let single = [&self.parent, &self.follows_from, &self.provider, &self.model, &self.prompt];
        fields.chain(input).chain(pairs).chain(single.into_iter().flatten())
    }
}

impl Parse for Args {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut args = Self::default();
        let mut seen: Vec<Ident> = Vec::new();
        while !input.is_empty() {
            if input.peek(LitStr) {
                let name: LitStr = input.parse()?;
                note(&mut seen, &Ident::new("name", name.span()))?;
                args.name = Some(literal(name));
            } else {
                let argument = input.call(Ident::parse_any).map_err(|error| {
                    Error::new(error.span(), "expected an argument, such as `tags = [\"chat\"]`")
                })?;
                note(&mut seen, &argument)?;
                args.argument(&argument, input)?;
            }
            if input.is_empty() {
                break;
            }
            input
                .parse::<Token![,]>()
                .map_err(|error| Error::new(error.span(), "expected `,` between two arguments"))?;
        }
        check_together(&seen)?;
        Ok(args)
    }
}

impl Args {
    /// Parses the part of an argument after its name.
    fn argument(&mut self, argument: &Ident, input: ParseStream<'_>) -> Result<()> {
        match argument.to_string().as_str() {
            "name" => self.name = Some(assigned(argument, input)?),
            "target" => self.target = Some(assigned(argument, input)?),
            "level" => {
                equals(argument, input)?;
                self.level = Some(input.parse()?);
            }
            "parent" => self.parent = Some(assigned(argument, input)?),
            "follows_from" => self.follows_from = Some(assigned(argument, input)?),
            "skip" => self.skip = skipped(argument, input)?,
            "skip_all" => self.skip_all = alone(argument, input, ", or `skip(…)` with names")?,
            "fields" => {
                let content = in_parentheses(argument, input)?;
                self.fields = content.parse_terminated(Field::parse, Token![,])?.into_iter().collect();
            }
            "err" => self.err = Some(event(argument, input)?),
            "ret" => self.ret = Some(event(argument, input)?),
            "tags" => {
                equals(argument, input)?;
                self.tags = tags::parse(input)?;
            }
            "kind" => {
                equals(argument, input)?;
                self.kind = Some(kind(input)?);
            }
            "provider" => self.provider = Some(assigned(argument, input)?),
            "model" => self.model = Some(assigned(argument, input)?),
            "parameters" => self.parameters = key_values(argument, input)?,
            "input" => {
                equals(argument, input)?;
                self.input = Some(input.parse()?);
            }
            "output" => self.output = Some(assigned(argument, input)?),
            "metadata" => self.metadata = key_values(argument, input)?,
            "prompt" => self.prompt = Some(assigned(argument, input)?),
            "stream" => self.stream = alone(argument, input, "")?,
            "on_request_id" => self.on_request_id = Some(assigned(argument, input)?),
            "crate" => {
                equals(argument, input)?;
                self.krate = Some(input.call(Path::parse_mod_style).map_err(|error| {
                    Error::new(
                        error.span(),
                        "expected a path, without quotes: write `crate = my_crate::promptlayer_tracing`",
                    )
                })?);
            }
            other => return Err(unknown(argument, "argument", other, KNOWN)),
        }
        Ok(())
    }
}

/// Checks that no two arguments contradict each other.
fn check_together(seen: &[Ident]) -> Result<()> {
    let at = |name: &str| seen.iter().find(|argument| *argument == name).map(Ident::span);
    if let (Some(_), Some(span)) = (at("skip"), at("skip_all")) {
        return Err(Error::new(span, "`skip_all` leaves nothing for `skip` to name: write one of them"));
    }
    if let (Some(_), Some(span)) = (at("input"), at("skip").or_else(|| at("skip_all"))) {
        return Err(Error::new(
            span,
            "`input` says what is logged, so no argument is left to skip: remove one of them",
        ));
    }
    if let (Some(_), Some(span)) = (at("stream"), at("output")) {
        return Err(Error::new(
            span,
            "`output` picks from a value, and a stream is logged item by item: remove one of them",
        ));
    }
    Ok(())
}

/// Records that an argument was given.
///
/// Returns an error if it was given before.
fn note(seen: &mut Vec<Ident>, argument: &Ident) -> Result<()> {
    if seen.contains(argument) {
        return Err(Error::new(argument.span(), format!("`{argument}` is given twice")));
    }
    seen.push(argument.clone());
    Ok(())
}

/// Returns the error for a word that is not in `known`, with the nearest known word.
fn unknown(at: &Ident, what: &str, word: &str, known: &[&str]) -> Error {
    Error::new(at.span(), unknown_message(what, word, known))
}

fn unknown_message(what: &str, word: &str, known: &[&str]) -> String {
    match nearest(word, known) {
        Some(near) => format!("unknown {what} `{word}`: did you mean `{near}`?"),
        None => format!("unknown {what} `{word}`: expected one of `{}`", known.join("`, `")),
    }
}

fn literal(value: LitStr) -> Expr {
    Expr::Lit(ExprLit { attrs: Vec::new(), lit: Lit::Str(value) })
}

fn equals(argument: &Ident, input: ParseStream<'_>) -> Result<()> {
    if input.peek(Token![=]) {
        input.parse::<Token![=]>()?;
        return Ok(());
    }
    let at = if input.is_empty() { argument.span() } else { input.span() };
    Err(Error::new(at, format!("expected `=`: write `{argument} = …`")))
}

fn assigned(argument: &Ident, input: ParseStream<'_>) -> Result<Expr> {
    equals(argument, input)?;
    if input.is_empty() || input.peek(Token![,]) {
        return Err(Error::new(argument.span(), format!("expected a value: write `{argument} = …`")));
    }
    input.parse()
}

/// Parses an argument that takes no value.
fn alone(argument: &Ident, input: ParseStream<'_>, instead: &str) -> Result<bool> {
    if input.peek(token::Paren) || input.peek(Token![=]) {
        return Err(Error::new(
            input.span(),
            format!("`{argument}` takes nothing: write `{argument}`{instead}"),
        ));
    }
    Ok(true)
}

fn in_parentheses<'a>(argument: &Ident, input: ParseStream<'a>) -> Result<syn::parse::ParseBuffer<'a>> {
    if !input.peek(token::Paren) {
        return Err(Error::new(argument.span(), format!("expected parentheses: write `{argument}(…)`")));
    }
    let content;
    parenthesized!(content in input);
    Ok(content)
}

fn skipped(argument: &Ident, input: ParseStream<'_>) -> Result<Vec<Ident>> {
    let content = in_parentheses(argument, input)?;
    let mut skip = Vec::new();
    while !content.is_empty() {
        let name = content.call(Ident::parse_any)?;
        if !content.is_empty() && !content.peek(Token![,]) {
            return Err(content.error(
                "`skip` names parameters: to leave out a part of one, say what is logged with `input = …`",
            ));
        }
        content.parse::<Option<Token![,]>>()?;
        if skip.contains(&name) {
            return Err(Error::new(name.span(), format!("`{name}` is skipped twice")));
        }
        skip.push(name);
    }
    Ok(skip)
}

fn key_values(argument: &Ident, input: ParseStream<'_>) -> Result<Vec<KeyValue>> {
    let content = in_parentheses(argument, input)?;
    let mut pairs: Vec<KeyValue> = Vec::new();
    for pair in content.parse_terminated(KeyValue::parse, Token![,])? {
        if pairs.iter().any(|other| other.key.value() == pair.key.value()) {
            let message = format!("the key `{}` is given twice", pair.key.value());
            return Err(Error::new(pair.key.span(), message));
        }
        pairs.push(pair);
    }
    Ok(pairs)
}

impl Parse for KeyValue {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let key = if input.peek(LitStr) {
            input.parse()?
        } else if !input.peek(Ident::peek_any) {
            return Err(input.error("expected a key: write `key = …`, or `\"any text\" = …`"));
        } else {
            let parts = syn::punctuated::Punctuated::<Ident, Token![.]>::parse_separated_nonempty_with(
                input,
                Ident::parse_any,
            )?;
            let words: Vec<String> = parts.iter().map(|part| part.unraw().to_string()).collect();
            LitStr::new(&words.join("."), parts.span())
        };
        if !input.peek(Token![=]) {
            let message = format!(
                "the key `{0}` has no value: write `{0} = …` with an expression that displays",
                key.value()
            );
            return Err(Error::new(key.span(), message));
        }
        input.parse::<Token![=]>()?;
        Ok(Self { key, value: input.parse()? })
    }
}

impl Parse for InputArg {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let format = if input.peek(Token![?]) {
            input.parse::<Token![?]>()?;
            Some(Format::Debug)
        } else if input.peek(Token![%]) {
            input.parse::<Token![%]>()?;
            Some(Format::Display)
        } else {
            None
        };
        Ok(Self { format, value: input.parse()? })
    }
}

fn kind(input: ParseStream<'_>) -> Result<Ident> {
    let word: LitStr = input.parse().map_err(|error| {
        Error::new(error.span(), "expected the kind as a string, such as `kind = \"tool\"`")
    })?;
    let value = word.value();
    match KINDS.iter().find(|(name, _)| *name == value) {
        Some((_, variant)) => Ok(Ident::new(variant, word.span())),
        None => {
            let names: Vec<&str> = KINDS.iter().map(|(name, _)| *name).collect();
            Err(Error::new(word.span(), unknown_message("kind", &value, &names)))
        }
    }
}

fn event(argument: &Ident, input: ParseStream<'_>) -> Result<Event> {
    let mut event = Event { span: argument.span(), level: None, format: None };
    if !input.peek(token::Paren) {
        return Ok(event);
    }
    let content;
    parenthesized!(content in input);
    while !content.is_empty() {
        let word: Ident = content.parse()?;
        if word == "level" {
            if event.level.is_some() {
                return Err(Error::new(word.span(), "`level` is given twice"));
            }
            equals(&word, &content)?;
            event.level = Some(content.parse()?);
        } else {
            let format = match word.to_string().as_str() {
                "Debug" => Format::Debug,
                "Display" => Format::Display,
                other => return Err(unknown(&word, "format", other, &["Debug", "Display", "level"])),
            };
            if event.format.replace(format).is_some() {
                return Err(Error::new(
                    word.span(),
                    format!("`{argument}` has one format: write `Debug` or `Display`"),
                ));
            }
        }
        if !content.is_empty() {
            content.parse::<Token![,]>()?;
        }
    }
    Ok(event)
}

impl Parse for Level {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        const LEVELS: [&str; 5] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"];
        const EXPECTED: &str = "expected a level: \"trace\", \"debug\", \"info\", \"warn\", \"error\", a number from 1 to 5, or a path";
        let wrong = |span: Span| Error::new(span, EXPECTED);
        if input.peek(LitStr) {
            let word: LitStr = input.parse()?;
            return LEVELS
                .into_iter()
                .find(|level| level.eq_ignore_ascii_case(&word.value()))
                .map(Self::Known)
                .ok_or_else(|| wrong(word.span()));
        }
        if input.peek(LitInt) {
            let number: LitInt = input.parse()?;
            return number
                .base10_parse::<usize>()
                .ok()
                .and_then(|number| LEVELS.get(number.checked_sub(1)?).copied())
                .map(Self::Known)
                .ok_or_else(|| wrong(number.span()));
        }
        input.call(Path::parse_mod_style).map(Self::Path).map_err(|error| wrong(error.span()))
    }
}
