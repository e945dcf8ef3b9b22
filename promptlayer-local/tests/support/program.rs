//! The program `promptlayer-local` on a database file.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The running program. It is killed when this is dropped.
pub(crate) struct Program {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
}

impl Program {
    pub(crate) fn start(database: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_promptlayer-local"))
            .args(["--port", "0", "--database", database.to_str().unwrap()])
            .env_remove("PROMPTLAYER_LOCAL_API_KEY")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let line = BufReader::new(child.stdout.take().unwrap()).lines().next().unwrap().unwrap();
        let address = line.strip_prefix("listening on http://").unwrap().split(' ').next().unwrap();
        Self { address: address.parse().unwrap(), child }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It has ended already if this fails.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
