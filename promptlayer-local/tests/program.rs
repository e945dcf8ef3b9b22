//! The program `promptlayer-local`.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod support;

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

/// The program, killed if a test ends before it does.
struct Program(Child);

impl Program {
    fn run(arguments: &[&str]) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_promptlayer-local"))
            .args(arguments)
            .env_remove("PROMPTLAYER_LOCAL_API_KEY")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self(child)
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.0.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    fn errors(&mut self) -> String {
        let mut errors = String::new();
        self.0.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        errors
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn it_says_where_it_listens_and_ends_cleanly_when_asked() {
    for signal in ["-INT", "-TERM"] {
        let mut program = Program::run(&["--memory", "--address", "127.0.0.1:0"]);
        let mut lines = BufReader::new(program.0.stdout.take().unwrap()).lines();
        let line = lines.next().unwrap().unwrap();
        let url = line.strip_prefix("listening on ").unwrap().split(' ').next().unwrap();
        assert_eq!(
            line,
            format!(
                "listening on {url} - run your program with PROMPTLAYER_BASE_URL={url} PROMPTLAYER_API_KEY=local"
            )
        );
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        assert_eq!(client.get(url).send().await.unwrap().status(), 200);

        program.signal(signal);
        assert!(program.0.wait().unwrap().success(), "after {signal}");
        assert!(lines.next().is_none(), "nothing more is printed");
        assert_eq!(program.errors(), "");
    }
}

#[test]
fn a_key_given_to_it_is_not_printed() {
    let mut program = Program::run(&["--memory", "--address", "127.0.0.1:0", "--api-key", "pl_secret"]);
    let line = BufReader::new(program.0.stdout.take().unwrap()).lines().next().unwrap().unwrap();
    assert!(line.ends_with("PROMPTLAYER_API_KEY=<your key>"), "{line}");
    assert!(!line.contains("pl_secret"), "{line}");
}

#[test]
fn what_keeps_it_from_starting_is_told_with_its_cause() {
    let taken = promptlayer_local::Server::start(promptlayer_local::Config::default()).unwrap();
    let address = taken.address().to_string();
    let mut program = Program::run(&["--memory", "--address", &address]);
    assert!(!program.0.wait().unwrap().success());
    let errors = program.errors();
    assert!(errors.starts_with(&format!("error: cannot listen on {address}; ")), "{errors}");
    assert!(errors.to_lowercase().contains("in use"), "{errors}");
}
