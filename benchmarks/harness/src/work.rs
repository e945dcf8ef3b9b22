//! The table of workloads.

/// One kind of call.
#[derive(Debug, Clone, Copy)]
pub struct Work {
    /// The name, for the command line.
    pub name: &'static str,
    /// What the table says.
    pub title: &'static str,
    /// How long the prompt is, and the reply. 0 if the call has other content, or none.
    pub bytes: usize,
    /// How many calls are made at once. Then what they recorded is exported, before the next burst.
    pub burst: usize,
    /// How many bursts a round has.
    pub bursts: usize,
    /// Whether the subject is installed. If not, nothing listens.
    pub is_listening: bool,
}

const IDLE: Work =
    Work { name: "", title: "", bytes: 1 << 10, burst: 50_000, bursts: 1, is_listening: false };
const CALL: Work = Work { name: "", title: "", bytes: 0, burst: 100, bursts: 30, is_listening: true };

/// All workloads.
pub const WORKS: &[Work] = &[
    Work { name: "idle_sync", title: "nothing listens, `fn`", ..IDLE },
    Work { name: "idle_async", title: "nothing listens, `async fn`", ..IDLE },
    Work { name: "span", title: "span of `info_span!` with one field", ..CALL },
    Work { name: "empty", title: "call without content", ..CALL },
    Work { name: "call_1k", title: "call, 1 KiB + 1 KiB", bytes: 1 << 10, ..CALL },
    Work { name: "call_8k", title: "call, 8 KiB + 8 KiB", bytes: 8 << 10, burst: 50, ..CALL },
    Work { name: "call_64k", title: "call, 64 KiB + 64 KiB", bytes: 64 << 10, burst: 10, ..CALL },
    Work { name: "chat", title: "call with chat types, 6 messages, 2 tools", ..CALL },
    Work { name: "tool", title: "tool call, a small struct each way", ..CALL },
    Work { name: "stream_chat", title: "stream of 200 chat chunks", burst: 10, ..CALL },
    Work { name: "stream_words", title: "stream of 200 words", burst: 20, ..CALL },
    Work { name: "items_chat", title: "stream of 200 chat chunks, each recorded", burst: 10, ..CALL },
    Work { name: "items_words", title: "stream of 200 words, each recorded", burst: 20, ..CALL },
];

/// Returns the workload of this name.
pub fn named(name: &str) -> Option<&'static Work> {
    WORKS.iter().find(|work| work.name == name)
}
