//! Renders the Markdown of a message as HTML.
//!
//! The text is from a model or a user, so it is not trusted: HTML in it is shown as text, a link can only lead to a
//! web page or a mail address, and an image is a link. Nothing of it is fetched by itself.

use pulldown_cmark::{CowStr, Event, LinkType, Options, Parser, Tag, TagEnd, html};

/// The maximum length of a text that is rendered, in bytes. A longer one is shown as it is.
const LONGEST: usize = 256 * 1024;

/// Renders a text. Returns `None` if it is too long to be rendered.
pub(super) fn render(text: &str) -> Option<String> {
    if text.len() > LONGEST {
        return None;
    }
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    // The links and images around the current event, `true` for those that are links in the page.
    let mut open = Vec::new();
    let events = Parser::new_ext(text, options).filter_map(|event| match event {
        Event::Html(html) | Event::InlineHtml(html) => Some(Event::Text(html)),
        // A line break in a message is meant as one.
        Event::SoftBreak => Some(Event::HardBreak),
        Event::Start(Tag::HtmlBlock) => Some(Event::Start(Tag::Paragraph)),
        Event::End(TagEnd::HtmlBlock) => Some(Event::End(TagEnd::Paragraph)),
        Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
            let is_safe = is_safe(&dest_url);
            open.push(is_safe);
            is_safe.then(|| Event::Start(link(dest_url)))
        }
        Event::End(TagEnd::Link | TagEnd::Image) => {
            open.pop().unwrap_or_default().then_some(Event::End(TagEnd::Link))
        }
        event => Some(event),
    });
    let mut page = String::with_capacity(text.len() + text.len() / 4);
    html::push_html(&mut page, events);
    Some(page)
}

fn link(target: CowStr<'_>) -> Tag<'_> {
    Tag::Link { link_type: LinkType::Inline, dest_url: target, title: "".into(), id: "".into() }
}

/// Returns `true` if a link to this address does no harm when it is followed.
fn is_safe(address: &str) -> bool {
    ["https://", "http://", "mailto:"]
        .iter()
        .any(|scheme| address.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))
}

#[cfg(test)]
mod tests {
    use super::render;

    #[test]
    fn markdown_becomes_html() {
        for (text, expected) in [
            ("a\nb", "<p>a<br />\nb</p>\n"),
            ("**a** `b`", "<p><strong>a</strong> <code>b</code></p>\n"),
            ("- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n"),
            ("[a](https://example.com)", "<p><a href=\"https://example.com\">a</a></p>\n"),
            ("![a](https://example.com/x.png)", "<p><a href=\"https://example.com/x.png\">a</a></p>\n"),
        ] {
            assert_eq!(render(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn nothing_of_a_text_is_active_in_the_page() {
        for text in [
            "<script>alert(1)</script>",
            "a <img src=x onerror=alert(1)> b",
            "<div onclick=alert(1)>\n\n# a\n\n</div>",
            "[a](javascript:alert(1))",
            "[a](JaVaScRiPt:alert(1))",
            "[a](&#106;avascript:alert(1))",
            "[a](data:text/html,<script>alert(1)</script>)",
            "[a](vbscript:x)",
            "![a](javascript:alert(1))",
            "![a](\"onerror=alert(1))",
            "<javascript:alert(1)>",
            "[a]: javascript:alert(1)\n\n[a]",
            "[a](https://example.com \"\\\"onclick=alert(1)\")",
            "```\"><script>alert(1)</script>\nx\n```",
            "| <script> |\n|---|\n| <img src=x> |",
            "[x<script>](https://example.com/\"onclick=\"alert(1))",
        ] {
            let page = render(text).unwrap();
            let tags: Vec<&str> =
                page.split('<').skip(1).map(|rest| rest.split('>').next().unwrap()).collect();
            for tag in tags {
                let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap();
                assert!(!matches!(name, "script" | "img" | "div"), "{text}: {page}");
                let attributes = tag.split('"').step_by(2).skip(1).collect::<String>();
                assert!(!attributes.contains("on"), "{text}: {page}");
                for address in tag.split("href=\"").skip(1) {
                    assert!(address.starts_with("https://"), "{text}: {page}");
                }
            }
        }
    }

    #[test]
    fn long_text_is_not_rendered() {
        assert_eq!(render(&"*a* ".repeat(100_000)), None);
        // Deep nesting takes no time that grows faster than the text.
        assert!(render(&">".repeat(50_000)).is_some());
        assert!(render(&"[".repeat(50_000)).is_some());
    }
}
