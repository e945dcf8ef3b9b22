//! A local PromptLayer server: the same REST API over SQLite, with web pages that show the logged requests.
//!
//! All data stays on the machine, and no PromptLayer account is needed. Start the server inside a test or a
//! program with [`Server`], or run the binary `promptlayer-local` and set the base URL of your program to it:
//!
//! ```text
//! $ promptlayer-local
//! listening on http://127.0.0.1:7780 - run your program with PROMPTLAYER_BASE_URL=http://127.0.0.1:7780 PROMPTLAYER_API_KEY=local
//! ```
//!
//! ```
//! use promptlayer_local::{Config, Server};
//!
//! let server = Server::start(Config::default())?;
//! assert!(server.url().starts_with("http://127.0.0.1:"));
//! # Ok::<(), promptlayer_local::Error>(())
//! ```
//!
//! In a test, [`Server::wait_for_requests`] returns what a program has logged, and [`Server::clear`] deletes it.
//!
//! # The commands
//!
//! `promptlayer-local` without a command is `promptlayer-local serve`.
//!
//! | command | what it does |
//! |---|---|
//! | `serve` | runs the server; `--open` opens the pages, `--forward URL` also sends what arrives to another server, `--provider NAME=URL` turns Replay on |
//! | `search [WORDS]` | prints the requests that match the words and the filters of the page |
//! | `show ID` | prints a request as text, or with `--json` as the API returns it |
//! | `tail` | prints requests as they arrive |
//! | `export FILE` | writes everything as JSON lines |
//! | `import FILE` | stores an export; the ids stay the same in an empty database |
//! | `mcp` | serves the database to a coding agent, by the Model Context Protocol on standard input and output |
//! | `push --to URL` | sends requests and spans to PromptLayer or to another server, and continues where it stopped |
//!
//! These commands use the database file (`--database`, by default `promptlayer.db`) and not the API, so they work
//! whether or not a server is running. `search`, `show`, `tail`, `export` and `mcp` do not change the
//! file.
//!
//! `push` and `--forward` send each span with its request, its scores and its metadata. They do not send templates and
//! groups, and no scores or metadata that are added after a request was sent. If the response of a server is lost, they
//! send the same spans again.
//!
//! # The database
//!
//! SQLite runs on its own threads, with up to eight readers and one writer. A locked database, a large body
//! or a slow query therefore does not delay other requests. Up to 256 reads and 256 writes can wait for their
//! turn. A write waits up to 5 seconds for a lock that another program holds. After that, the server responds
//! with 503 and `Retry-After`, and stores nothing. The server drops a request whose client disconnects before
//! its turn. It finishes a write that has begun.
//!
//! - Data that the server acknowledged with a success status survives the end of the process, even a crash.
//!   Only a power failure can lose the last writes. A server that is stopped writes the write-ahead log back
//!   into the file.
//! - On Unix, only the owner can read and write the file and the files that SQLite keeps beside it (`-wal`,
//!   `-shm`): their mode is 0600. The server removes the permissions of other users from an existing file.
//! - The server refuses a file of another program and does not change it. Such a file has another
//!   `application_id`, has other tables, or is not a SQLite database. This program marks its own files with
//!   the `application_id` `0x504c4c6f` (`PLLo`).
//! - [`Config::retain`] and [`Config::max_size`] limit what is kept. Data is deleted in transactions of about 25
//!   milliseconds, so that writes wait little. While the index of texts of a large database is merged, a write can
//!   wait up to a second. Afterwards, the space is returned to the file system and the write-ahead log is truncated.
//!   For this, new files have SQLite's incremental vacuum. A file of an earlier version is rewritten when a server
//!   with one of these limits first opens it.
//! - With an in-memory database, a reader can see the uncommitted changes of a running write.
//!
//! # The API
//!
//! | path | what it does |
//! |---|---|
//! | `POST /spans-bulk` | stores spans, and a request log per `log_request`; stores the whole body or nothing |
//! | `POST /v1/traces` | stores spans of OpenTelemetry exporters, with a request log per call to a model |
//! | `POST /log-request` | stores one request log |
//! | `POST /track-request` | stores one request log from the arguments and the response of a client library |
//! | `POST /rest/track-score`, `-metadata`, `-prompt`, `-group`, `POST /create-group` | adds data to a request log |
//! | `POST /library-track-score`, `-metadata`, `-prompt`, `POST /track-group` | the same for older clients |
//! | `POST /rest/prompt-templates`, `PUT /prompt-templates/by-external-id/{source}/{id}` | publishes a template, or its next version |
//! | `PATCH /rest/prompt-templates/{name or id}` | publishes a version that differs from another in some fields |
//! | `GET` and `POST /prompt-templates/{name or id}`, `GET /prompt-templates` | reads templates; `POST` renders them |
//! | `GET /prompt-templates/{name or id}/labels`, `POST /prompts/{id}/label`, `PATCH` and `DELETE /prompt-labels/{id}` | lists, creates, moves and deletes release labels |
//! | `GET /prompt-templates/{name or id}/snippet-usage` | returns what uses a template as a snippet |
//! | `GET` and `POST /prompt-templates/{id}/external-ids`, `DELETE …/{source}/{external id}` | lists, attaches and detaches external ids |
//! | `GET /library-get-prompt-template`, `POST /library-publish-prompt-template`, `GET /rest/prompts` | templates in the form of LangChain, for older clients |
//! | `GET /api/public/v2/requests/{id}`, `GET /api/public/v2/traces/{id}` | returns a logged request or trace |
//! | `POST /api/public/v2/traces/{id}/close` | closes a trace, which then accepts no more spans |
//! | `POST /api/public/v2/requests/search`, `…/analytics`, `GET …/suggestions` | finds requests, and counts them |
//! | `GET /`, `/requests/{id}`, `/compare`, `/traces`, `/traces/{id}`, `/templates`, `/templates/{name or id}`, `/figures` | HTML pages |
//! | `POST /requests/{id}/edit`, `POST /templates/{id}/labels` | the forms of these pages |
//! | `GET` and `POST /requests/{id}/replay`, `/templates/{name or id}/replay` | Replay: a form that calls a model |
//! | `GET /requests/{id}/log.json`, `provider.json`, `curl.sh`, `fixture.json` | a request in other forms |
//! | `GET /health` | 200 once the database can be read; needs no key |
//! | `GET /events` | tells an open page that something was stored, as server-sent events |
//! | `GET` and `POST /key`, `POST /logout` | the login form, if the server has an API key |
//!
//! An unknown path gets 404 with the list of all methods and paths of the API, and an unknown method 405 with the
//! methods of the path.
//!
//! Statuses and bodies follow PromptLayer's published API document. Where the document leaves a case open:
//!
//! - A template is rendered as PromptLayer's Python client renders it, by
//!   [`promptlayer_blueprint::templates`]. Variables can be any JSON values. A placeholder is replaced by the messages
//!   of its variable, or stays as it is.
//! - `llm_kwargs` are made by [`promptlayer_blueprint::providers::to_request`], for the provider and the model of the
//!   body or else of the template. They have the form that PromptLayer's clients pass to the provider's library. Any
//!   provider is accepted. `metadata_filters` change nothing, because release labels are not split here.
//! - A snippet (`@@@name@@@`, `@@@name@version_number:1@@@`, `@@@name@label:prod@@@`) that names no completion, or
//!   contains itself, stays as it is.
//! - `POST /track-request` reads the formats of providers and of LangChain. What is in no known format is kept as text.
//!   If the request names a span, it joins the trace when that span arrives.
//! - Times are RFC 3339 date-times, or seconds or milliseconds since 1970. Times of spans are nanoseconds, as integers
//!   or texts, or RFC 3339 date-times.
//! - A span that is sent to `POST /spans-bulk` twice is stored twice, which makes resent spans visible.
//! - A request log keeps an unknown prompt name as it was sent.
//! - A search for words finds texts that have all of them, in any order. Upper and lower case and accents make no
//!   difference. A word of at least three letters with a `*` at its end can be the beginning of a longer one. If more
//!   than 10,000 requests have the words, the newest 10,000 are searched. Of an input or an output of more than
//!   1 MiB, the beginning is searched.
//! - A search by `user_intent` or `agent_intent` gets 400, because this server does not classify texts.
//! - A request without a `price` is searched, sorted and shown by an estimate from the price table of the crate
//!   `genai-prices`. The API returns the price that was logged.
//! - A `score` of 0 without a `score_name` in a request log is ignored, because PromptLayer's own clients
//!   always send that field.
//!
//! # OpenTelemetry
//!
//! `POST /v1/traces` takes OTLP over HTTP: `application/x-protobuf` or `application/json`, with or without gzip. The
//! responses have the encoding of the request. For an exporter of OpenTelemetry, set:
//!
//! ```text
//! OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://127.0.0.1:7780/v1/traces
//! OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf
//! OTEL_EXPORTER_OTLP_HEADERS=x-api-key=local
//! ```
//!
//! - A span is stored as `POST /spans-bulk` stores it, with ids in lower-case hex. One trace can arrive over both. The
//!   instrumentation scope and the counts of dropped data become the attributes `otel.scope.*` and
//!   `otel.dropped_*_count`. The values of resource attributes become text.
//! - A span that describes a call to a model makes a request log: a span whose `gen_ai.operation.name` is a call such as
//!   `chat` or `embeddings`, or a span without a known operation that has `gen_ai.request.model`. Its messages,
//!   parameters and token counts are read from the current `gen_ai.*` attributes and from their older names, from
//!   `gen_ai.prompt.0.content` and so on, and from attributes of its events.
//! - These attributes of PromptLayer's clients are read: `promptlayer.prompt.name`, `.id`, `.version` and `.label`,
//!   `promptlayer.metadata.*`, `promptlayer.provider.type`, `promptlayer.api.type` and `function_name`. A list of texts
//!   in `promptlayer.tags` becomes the tags. A span with `promptlayer.request_log.managed` makes no request log, because
//!   the client logs this call itself.
//! - A span whose trace id, span id and start time are stored already is not stored again, so a batch that an exporter
//!   sends twice makes one request log for each call. If the stored span has no request log, it gets that of the resent
//!   span.
//! - If some spans cannot be stored, the others are, and the response is a `partial_success` with the number and the
//!   reasons. This is so for invalid ids and times, and for closed traces. If the traces of all valid spans are closed,
//!   the response is 409.
//!
//! # Access control
//!
//! - A request whose `Host` is not an IP address, `localhost` or a name given to [`Config::allow_host`] gets
//!   421. This stops web pages from reading prompts by DNS rebinding. A request with the `Origin` of another
//!   site gets 403 unless its method is `GET`, `HEAD` or `OPTIONS`, because other methods can change data.
//! - Without a configured key, the server accepts every non-empty `X-API-KEY`, shows its pages without a
//!   login, and listens on loopback addresses only. With [`Config::api_key`], the API and the pages require
//!   that key. The pages have a login form, and a browser stays logged in for 12 hours.
//! - The server checks the key before it reads a body. Older clients send the key in the field `api_key` of the body.
//!   The paths that they use therefore also accept it there if the request has no `X-API-KEY`. The server then finds the
//!   key before it creates any other value of the body, and reads up to 4 KiB of a `POST /create-group`.
//!
//! # Replay
//!
//! The page Replay sends the prompt of a request or of a template to a model, with the messages, tools and parameters that
//! the reader has edited. It is off unless the server has a provider (`Config::provider`, `--provider NAME=URL`), and calls
//! only the address of that provider.
//!
//! - `anthropic` is called with Anthropic's Messages API, every other provider with OpenAI's chat completions.
//!   [`promptlayer_blueprint::providers`] writes the request and reads the response. Parameters that differ by API in
//!   nothing but their name are renamed. Parts of a prompt that the API cannot express are named on the page and in the
//!   metadata `replay_omitted`.
//! - A call is logged with the name and the tags of its original, the tag `replay` and the metadata `replay_of`. It is
//!   linked to the template of its original if the messages and the tools are unchanged. `stream` is not logged as a
//!   parameter.
//! - A call that fails, takes too long or is stopped is logged with what arrived. Closing the page stops it.
//! - Redirects are not followed.
//!
//! # Limits
//!
//! | what | limit | if exceeded |
//! |---|---|---|
//! | length of a body, after decompression | [`Config::body_limit`], 64 MiB | 413 |
//! | memory of a body's parsed values | 96 MiB, or 1.5 times the limit of the length | 413 |
//! | length of all texts that an OTLP body is stored as | twice [`Config::body_limit`], at least 32 MiB | 413 |
//! | length of one of these texts | 3/4 of the limit above | the span is rejected |
//! | memory of the `gen_ai` attributes of one span, once parsed | 64 MiB | the span is rejected |
//! | length of a rendered template | [`Config::body_limit`] | 413 |
//! | snippets inside snippets, and different references of a template | 32 levels, 1,000 | the reference stays as it is |
//! | time to render a template, checked between its texts | 10 seconds | 413 |
//! | steps of one jinja2 text, and its length | 10 million, 4 MiB | the text stays as it is |
//! | requests that a page of a list reads one by one | 30,000; 10,000 with one model, name or status; 3,000 in the order of a number | the page offers to go on |
//! | requests that the figures of a list count, if they do not count all | 10,000 | the page says so |
//! | requests that the page with figures counts | about 4,000, as a sample | the page says so |
//! | conditions of a search, groups inside each other, values of a condition | 200, 20, 100 | 400 |
//! | words of a search | 64 | further words are ignored |
//! | problems in a 422 response | 10,000 | checking stops |
//! | time for a body to arrive | 2 minutes | 408 |
//! | time for headers to arrive | [`Config::header_timeout`], 30 seconds | the connection is closed |
//! | length of the form of Replay, and of the texts that it begins with | 8 MiB, 2 MiB | 413 |
//! | time of a call of Replay | `Config::provider_timeout`, `--replay-timeout`, 120 seconds | the call is logged as failed |
//! | length of its response, and memory of its parsed values | 16 MiB, 96 MiB | the call is logged as failed |
//! | calls of Replay at once | 8 | 503 |
//! | connections | [`Config::connection_limit`], 512 | further connections wait |
//! | bodies in memory at once | 64 small, 2 large (above 1 MiB, or above 4 MiB once parsed) | further bodies wait |
//!
//! A body of 64 MiB needs at most 200 MiB of memory, and an OTLP body at most 250 MiB. The server returns this memory to the operating system
//! afterwards, except for about 64 MiB that the allocator may keep for the next body.
//!
//! # Features
//!
//! - `cli` (default): the binary `promptlayer-local` with its commands, and the HTTP client that `push` needs. A
//!   program that uses only the library leaves it off. It turns on `replay` and `mcp`.
//! - `replay`: the page Replay, and the HTTP client that calls providers.
//! - `mcp`: what the command `mcp` needs. `cli` turns it on, and it does nothing without `cli`.

mod access;
mod api;
mod app;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod command;
mod comparison;
mod config;
mod error;
mod filters;
mod format;
mod integer;
mod json_text;
mod limits;
mod logged_request;
mod memory;
mod pages;
#[cfg(feature = "replay")]
mod replay;
mod router;
mod server;
#[cfg(test)]
#[allow(dead_code, reason = "each crate uses a part of it")]
#[path = "../../tests/src/shared.rs"]
mod shared;
mod store;
mod template_variables;
mod timestamp;
mod trace_tree;

pub use config::{Config, Database};
pub use error::Error;
pub use logged_request::LoggedRequest;
pub use promptlayer_blueprint as blueprint;
pub use server::Server;
