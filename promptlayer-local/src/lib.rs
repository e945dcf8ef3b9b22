//! A PromptLayer on one machine: the same REST API over SQLite, with web pages to look at what was logged.
//!
//! Nothing leaves the machine and no account is needed. Start it inside a test or a program with [`Server`], or run the
//! binary `promptlayer-local` and point a program at it:
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
//! # The database
//!
//! SQLite runs on threads of its own, with up to eight readers beside one writer, so that a locked database, a large body
//! or a slow query delays no other request. Up to 256 reads and 256 writes wait for their turn, and a write waits up to 5
//! seconds for a lock that another program holds; then the answer is 503 with `Retry-After`, and nothing was stored. A call
//! whose client leaves before its turn is dropped; a write that has begun is finished.
//!
//! - What was answered with success survives the end of the program, however it ends. Only a power cut can cost the last
//!   writes. A server that is stopped writes everything back into the file.
//! - On Unix, the file and those that SQLite keeps beside it (`-wal`, `-shm`) can be read and written by their owner alone
//!   (0600). The rights of others are taken from a file that was there before.
//! - A file of another program is refused and left as it is: one with another `application_id`, with other tables, or
//!   that is no database. This program marks its own with the `application_id` `0x504c4c6f` (`PLLo`).
//! - In memory, a reader can see what a write under way has not committed yet.
//!
//! # What it answers
//!
//! | path | what it does |
//! |---|---|
//! | `POST /spans-bulk` | stores spans, and a request log for each that carries `log_request`; all of a body or nothing of it |
//! | `POST /log-request` | stores one request log |
//! | `POST /rest/track-score`, `-metadata`, `-prompt`, `-group`, `POST /create-group` | adds to a request log |
//! | `POST /rest/prompt-templates` | publishes a template, or its next version |
//! | `GET` and `POST /prompt-templates/{name or id}`, `GET /prompt-templates` | reads templates; the `POST` fills variables in |
//! | `GET /api/public/v2/requests/{id}`, `GET /api/public/v2/traces/{id}` | reads back what was logged |
//! | `POST /api/public/v2/traces/{id}/close` | refuses further spans of a trace |
//! | `GET /`, `GET /requests/{id}` | pages for people |
//! | `GET` and `POST /key`, `POST /logout` | the form that asks for the key, where the server has one |
//!
//! Statuses and bodies follow PromptLayer's published API document. Where the document is silent: a span sent twice is
//! stored twice (so that a client which resends is seen doing it), an unknown prompt name in a request log is kept as
//! it was sent, and a `score` of 0 without a `score_name` in a request log is no score, because the vendor's own
//! software always sends that field.
//!
//! # Who is answered
//!
//! - Requests whose `Host` is not an IP address, `localhost` or a name of [`Config::allow_host`] get 421, so that no web
//!   page can read the prompts by way of DNS rebinding. Requests with a foreign `Origin` that could change anything, which
//!   is any method but `GET`, `HEAD` and `OPTIONS`, get 403.
//! - Without a key of its own, the server accepts any `X-API-KEY` that is not empty, shows its pages without one, and
//!   listens on loopback addresses only. With [`Config::api_key`], the API and the pages demand that key; the pages ask
//!   for it with a form and keep a browser logged in for 12 hours.
//! - The key is checked before a body is read. `POST /create-group` is no exception, but the vendor's Python client sends
//!   the key of that call in the body: without `X-API-KEY`, up to 4 KiB of the body are read for it.
//!
//! # Limits
//!
//! | what | limit | beyond it |
//! |---|---|---|
//! | a body's length | [`Config::body_limit`], 64 MiB | 413 |
//! | a body's values in memory, once parsed | 96 MiB, or 1.5 times the limit of the length | 413 |
//! | a template with its variables filled in | [`Config::body_limit`] | 413 |
//! | problems in an answer 422 | 10,000 | checking stops |
//! | time for a body to arrive | 2 minutes | 408 |
//! | time for headers to arrive | [`Config::header_timeout`], 30 seconds | the connection is closed |
//! | connections | [`Config::connection_limit`], 512 | further ones wait |
//! | bodies in memory at once | 64 small ones and 2 large ones (above 1 MiB, or above 4 MiB once parsed) | further ones wait |
//!
//! A body of 64 MiB costs at most 200 MiB of memory, which is given back to the operating system afterwards,
//! but for some 64 MiB that the allocator may keep for the next body.

mod access;
mod api;
mod config;
mod error;
mod json_text;
mod memory;
mod moment;
mod pages;
mod server;
mod store;
mod whole;

pub use config::{Config, Database};
pub use error::Error;
pub use server::Server;
