//! The `promptlayer-local` program: a local PromptLayer server, and commands that read its database.

use std::process::ExitCode;

fn main() -> ExitCode {
    promptlayer_local::command::main()
}
