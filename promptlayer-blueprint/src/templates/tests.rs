use serde_json::json;

use super::*;
use crate::blueprint::{ChatPrompt, CompletionPrompt};
use crate::shared;

// Taken by value, as `json!` returns it.
#[allow(clippy::needless_pass_by_value)]
fn fstring(template: &str, variables: Value) -> String {
    render_text(template, TemplateFormat::FString, variables.as_object().unwrap())
}

#[allow(clippy::needless_pass_by_value)]
fn jinja(template: &str, variables: Value) -> String {
    render_text(template, TemplateFormat::Jinja2, variables.as_object().unwrap())
}

fn rendered<const N: usize>(
    prompt: impl Into<Prompt>,
    variables: [(&str, Value); N],
) -> Result<Prompt, RenderError> {
    let mut prompt = prompt.into();
    let variables = variables.map(|(name, value)| (name.to_owned(), value));
    render(&mut prompt, &variables.into_iter().collect())?;
    Ok(prompt)
}

#[test]
fn reference_vectors_render_as_in_the_python_client() {
    for vector in shared::render_vectors() {
        let (source, variables) = (vector["template"].as_str().unwrap(), vector["variables"].clone());
        let rendered = match vector["format"].as_str().unwrap() {
            "f-string" => fstring(source, variables),
            "jinja2" => jinja(source, variables),
            other => panic!("{other}"),
        };
        assert_eq!(vector["python"], rendered, "{vector}");
    }
}

#[test]
fn missing_variable_renders_as_nothing() {
    assert_eq!(fstring("Hi {name}!", json!({})), "Hi !");
    assert_eq!(fstring("Hi {name}!", json!({"name": null})), "Hi !");
    assert_eq!(jinja("Hi {{ name }}{{ name.first }}!", json!({})), "Hi !");
}

#[test]
fn doubled_braces_render_as_single_braces_in_an_fstring() {
    assert_eq!(fstring("{{\"a\": {x}}}", json!({"x": 1})), "{\"a\": 1}");
    assert_eq!(fstring("}}{{", json!({})), "}{");
}

#[test]
fn invalid_fstring_is_left_unchanged() {
    for source in [
        "{",
        "}",
        "{x",
        "x}",
        "{x!}",
        "{x!z}",
        "{x!r",
        "{x:",
        "{x:{y}",
        "{}",
        "{0}",
        "{a[0]}",
        "{x.real}",
        "{x:q}",
        "{x:.}",
        "{x:,s}",
        "{x:99999999999}",
        "{x:{y}}",
        "{{x}",
        "{l:5}",
    ] {
        assert_eq!(fstring(source, json!({"x": 1, "l": [1]})), source);
    }
}

#[test]
fn numbers_and_texts_are_formatted_as_python_does() {
    let variables = json!({
        "n": -1_234_567, "f": 2.71825, "h": 1e16, "t": 0.000_012, "s": "toast", "b": true,
    });
    for (source, expected) in [
        ("{n:,}", "-1,234,567"),
        ("{n:013,d}", "-0,001,234,567"),
        ("{n:_x}", "-12_d687"),
        ("{n:#x}", "-0x12d687"),
        ("{n:e}", "-1.234567e+06"),
        ("{n:*^14}", "***-1234567***"),
        ("{n:=12}", "-    1234567"),
        ("{f}", "2.71825"),
        ("{f:.2f}", "2.72"),
        ("{f:+08.1f}", "+00002.7"),
        ("{f:.1%}", "271.8%"),
        ("{f:.3}", "2.72"),
        ("{f:g}", "2.71825"),
        ("{h}", "1e+16"),
        ("{h:.0f}", "10000000000000000"),
        ("{t}", "1.2e-05"),
        ("{s:>8}|{s:-^9}|{s:.3}", "   toast|--toast--|toa"),
        ("{s!r:>9}", "  'toast'"),
        ("{b:d} {b} {b:>5}", "1 True     1"),
    ] {
        assert_eq!(fstring(source, variables.clone()), expected, "{source}");
    }
}

#[test]
fn values_are_written_as_python_does() {
    let value = json!([null, true, 1, 1.0, "it's", "say \"it's\"", "a\n\u{200b}é", {"k": []}]);
    let expected = r#"[None, True, 1, 1.0, "it's", 'say "it\'s"', 'a\n\u200bé', {'k': []}]"#;
    assert_eq!(fstring("{v}", json!({"v": value})), expected);
    assert_eq!(jinja("{{ v }}", json!({"v": value})), expected);
    assert_eq!(fstring("{v!a}", json!({"v": "é😀"})), r"'\xe9\U0001f600'");
}

#[test]
fn elements_resolve_if_their_variable_also_stands_alone() {
    let variables = json!({"l": [1, [2, 3]], "d": {"k": "v"}});
    assert_eq!(fstring("{l}{l[1][0]} {d}{d[k]}", variables), "[1, [2, 3]]2 {'k': 'v'}v");
}

#[test]
fn template_cannot_request_gigabytes() {
    for source in ["{x:10001}", "{x:.10001f}", "{x:>18446744073709551616}"] {
        assert_eq!(fstring(source, json!({"x": 1.5})), source);
    }
    let loops = "{% for i in range(999999999) %}x{% endfor %}";
    assert_eq!(jinja(loops, json!({})), loops);
}

#[test]
fn text_above_the_limit_is_an_error() {
    let render = |template: &str, format, limit| {
        let variables = json!({"x": "toast", "l": ["toast"]});
        render_text_within(template, format, variables.as_object().unwrap(), limit)
    };
    for (template, format, length) in [
        ("{x} {x}", TemplateFormat::FString, 11),
        ("{x:10}{l}", TemplateFormat::FString, 19),
        ("{x!r}", TemplateFormat::FString, 7),
        ("only literal", TemplateFormat::FString, 12),
        ("{not valid", TemplateFormat::FString, 10),
        ("{% for i in range(100) %}{{ x }}{% endfor %}", TemplateFormat::Jinja2, 500),
        ("{% not valid", TemplateFormat::Jinja2, 12),
    ] {
        assert_eq!(render(template, format, length).unwrap().len(), length, "{template}");
        let error = render(template, format, length - 1).unwrap_err();
        assert_eq!(error.to_string(), format!("the rendered text is longer than {} bytes", length - 1));
    }
}

#[test]
fn huge_or_endless_jinja_template_is_left_unchanged() {
    let nested = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}";
    assert_eq!(jinja(nested, json!({})), nested);
    let long = "{{ x }}".repeat(600_000);
    assert!(jinja(&long, json!({"x": ""})) == long);
}

#[test]
fn methods_in_templates_behave_as_in_python() {
    let variables = json!({"s": "a toast", "d": {"a": 1, "b": 2}, "l": ["x", "y"]});
    for (source, expected) in [
        ("{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}", "a=1;b=2;"),
        ("{{ d.keys()|list }}{{ d.values()|list }}", "['a', 'b'][1, 2]"),
        ("{{ d.get('z', 'none') }}{{ d.get('z') }}", "noneNone"),
        ("{{ s.upper() }} {{ s.title() }} {{ s.capitalize() }}", "A TOAST A Toast A toast"),
        ("{{ s.split() }}{{ 'a,b,c'.split(',', 1) }}", "['a', 'toast']['a', 'b,c']"),
        ("{{ ', '.join(l) }}", "x, y"),
        ("{{ s.replace('a', 'o') }} {{ s.startswith('a') }}", "o toost True"),
        ("{{ ' x '.strip() }}|{{ 'xxa'.lstrip('x') }}", "x|a"),
        ("{{ '{}-{}'.format(1, 'b') }} {{ '%.1f'|format(2) }}", "1-b 2.0"),
        ("{{ s|truncate(6) }} {{ s|wordcount }} {{ d|tojson }}", "a toast 2 {\"a\": 1, \"b\": 2}"),
        ("{{ 'é<'|tojson }} {{ 'a b/c'|urlencode }}", "\"\\u00e9\\u003c\" a%20b/c"),
    ] {
        assert_eq!(jinja(source, variables.clone()), expected, "{source}");
    }
}

#[test]
fn failing_jinja_template_is_left_unchanged() {
    for source in ["{{ a", "{% broken", "{{ 1/0 }}", "{{ s.nothing() }}", "{% include 'x' %}"] {
        assert_eq!(jinja(source, json!({"s": "x"})), source);
    }
}

#[test]
fn each_message_is_rendered_in_its_own_format() {
    let mut second = Message::user("{{ x }} {x}");
    if let Message::User(message) = &mut second {
        message.template_format = Some(TemplateFormat::Jinja2);
    }
    let prompt =
        rendered(ChatPrompt::new([Message::system("{x} {{x}}"), second]), [("x", json!(1))]).unwrap();

    assert_eq!(prompt.messages()[0].text(), "1 {x}");
    assert_eq!(prompt.messages()[1].text(), "1 {x}");
    assert_eq!(prompt.text(), "1 {x}\n1 {x}");
}

#[test]
fn a_completion_is_rendered() {
    let prompt = rendered(CompletionPrompt::new("a {x}"), [("x", json!("b"))]).unwrap();
    assert_eq!(prompt.text(), "a b");
    assert!(prompt.messages().is_empty());
}

#[test]
fn a_placeholder_gives_way_to_the_messages_of_its_variable() {
    let prompt = ChatPrompt::new([
        Message::system("Be brief."),
        Message::placeholder("history"),
        Message::user("{question}"),
    ]);
    let history = json!([
        {"role": "user", "content": "{1}"},
        {"role": "assistant", "content": [{"type": "text", "text": "2"}]},
    ]);
    let prompt = rendered(prompt, [("history", history), ("question", json!("3"))]).unwrap();
    let said: Vec<_> = prompt.messages().iter().map(|message| (message.role(), message.text())).collect();
    assert_eq!(
        said,
        [
            ("system", "Be brief.".to_owned()),
            ("user", "{1}".to_owned()),
            ("assistant", "2".to_owned()),
            ("user", "3".to_owned()),
        ]
    );
}

#[test]
fn a_placeholder_without_messages_is_an_error() {
    let prompt = ChatPrompt::new([Message::placeholder("history")]);

    let error = rendered(prompt.clone(), []).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the placeholder `history` needs a variable of that \
         name that holds a list of messages"
    );
    for wrong in [json!("text"), json!([{"content": "x"}]), json!([1])] {
        let error = rendered(prompt.clone(), [("history", wrong)]).unwrap_err();
        assert!(error.to_string().contains("is not a list of messages"), "{error}");
    }
}

#[test]
fn tool_variable_is_a_render_error() {
    let mut chat = ChatPrompt::new([Message::user("x")]);
    chat.tools.push(Tool::Other(json!({"type": "variable", "name": "tools"})));
    let error = rendered(chat, []).unwrap_err();
    assert!(error.to_string().contains("tool variable"), "{error}");
}

#[test]
fn variables_of_a_text_are_those_that_it_needs() {
    let names = |text, format| -> Vec<String> { variables(text, format).unwrap().into_iter().collect() };
    for (text, expected) in [
        ("Hello {name}, {{not}} { x }{name!r:>{width}}", &[" x ", "name", "width"][..]),
        ("{a[0]} {a}", &["a"]),
        ("no variable", &[]),
    ] {
        assert_eq!(names(text, TemplateFormat::FString), expected, "{text}");
    }
    for (text, expected) in [
        ("{{ user.name }} {{ items[0] }}", &["items", "user"][..]),
        ("{% for i in range(n) %}{{ i }}{{ loop.index }}{% endfor %}", &["n"]),
        ("{% set a = 1 %}{{ a }}{% if debug is defined %}{{ b | upper }}{% endif %}", &["b"]),
        ("{name}", &[]),
    ] {
        assert_eq!(names(text, TemplateFormat::Jinja2), expected, "{text}");
    }
    for (text, format) in [
        ("{", TemplateFormat::FString),
        ("{}", TemplateFormat::FString),
        ("{0}", TemplateFormat::FString),
        ("{a:{b:{c}}}", TemplateFormat::FString),
        ("{{ a", TemplateFormat::Jinja2),
    ] {
        assert!(variables(text, format).is_err(), "{text}");
    }
}
