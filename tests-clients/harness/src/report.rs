//! The results of a crate, as its program writes them for the table.

use std::collections::BTreeMap;
use std::process::ExitCode;

use serde::{Deserialize, Serialize};

use crate::{Case, Client};

/// The results of a client crate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Name of the crate.
    pub name: String,
    /// Version of the crate.
    pub version: String,
    /// The APIs in order.
    pub rows: Vec<Row>,
}

/// The results of an API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Name of the API.
    pub api: String,
    /// The cells. A case that the crate does not have is absent.
    pub cells: BTreeMap<Case, String>,
}

impl Report {
    /// Runs all cases of a client.
    ///
    /// # Errors
    ///
    /// Returns what is wrong, if a log is not as declared.
    pub fn of(client: &Client) -> Result<Self, String> {
        let mut wrong = Vec::new();
        let mut rows = Vec::new();
        for api in &client.apis {
            let mut cells = BTreeMap::new();
            for case in Case::ALL {
                match api.run(case) {
                    Some(Ok(cell)) => drop(cells.insert(case, cell)),
                    Some(Err(text)) => wrong.push(format!("{} {}, {case}:\n{text}", client.name, api.name)),
                    None => {}
                }
            }
            rows.push(Row { api: api.name.clone(), cells });
        }
        let report = Self { name: client.name.clone(), version: client.version.clone(), rows };
        if wrong.is_empty() { Ok(report) } else { Err(wrong.join("\n\n")) }
    }
}

/// The program of a client: writes its [`Report`] to standard output as JSON, or what is wrong to standard
/// error.
#[must_use]
pub fn main(client: &Client) -> ExitCode {
    match Report::of(client) {
        Ok(report) => {
            println!("{}", serde_json::to_string(&report).expect("a report is JSON"));
            ExitCode::SUCCESS
        }
        Err(wrong) => {
            eprintln!("{wrong}");
            ExitCode::FAILURE
        }
    }
}
