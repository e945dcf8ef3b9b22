//! The command line.

use std::str::FromStr;

use harness::Error;
use harness::work::{WORKS, Work};

use crate::subjects::{SUBJECTS, Subject};
use crate::{PARTS, Part};

/// What to measure, and how often.
pub(crate) struct Options {
    only: Option<Vec<String>>,
    works: Option<Vec<String>>,
    parts: Option<Vec<String>>,
    pub(crate) rounds: usize,
    /// The calls of the part `memory`.
    pub(crate) calls: usize,
}

const ROUNDS: usize = 15;
const CALLS: usize = 1_000_000;

impl Options {
    /// Reads the arguments. Returns `None` if they ask for help.
    pub(crate) fn read(mut arguments: impl Iterator<Item = String>) -> Result<Option<Self>, Error> {
        let mut options = Self { only: None, works: None, parts: None, rounds: ROUNDS, calls: CALLS };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("`{argument}` needs a value"));
            match argument.as_str() {
                "--help" | "-h" => return Ok(None),
                "--only" => {
                    options.only = Some(list(&value()?, SUBJECTS.iter().map(|subject| subject.name))?)
                }
                "--work" => options.works = Some(list(&value()?, WORKS.iter().map(|work| work.name))?),
                "--part" => options.parts = Some(list(&value()?, PARTS.iter().map(|part| part.name))?),
                "--rounds" => options.rounds = usize::from_str(&value()?)?.max(1),
                "--calls" => options.calls = usize::from_str(&value()?)?,
                other => return Err(format!("unknown argument `{other}`\n\n{}", usage()).into()),
            }
        }
        Ok(Some(options))
    }

    /// Returns `true` if the part is asked for. By default, those are the parts that are not slow.
    pub(crate) fn runs(&self, part: &Part) -> bool {
        match &self.parts {
            Some(parts) => contains(parts, part.name),
            None => !part.is_slow,
        }
    }

    pub(crate) fn subjects(&self) -> impl Iterator<Item = &'static Subject> {
        SUBJECTS.iter().filter(|subject| self.only.as_ref().is_none_or(|only| contains(only, subject.name)))
    }

    pub(crate) fn works(&self) -> impl Iterator<Item = &'static Work> {
        WORKS.iter().filter(|work| self.works.as_ref().is_none_or(|works| contains(works, work.name)))
    }
}

fn contains(list: &[String], name: &str) -> bool {
    list.iter().any(|item| item == name)
}

fn list<'a>(value: &str, known: impl Iterator<Item = &'a str>) -> Result<Vec<String>, Error> {
    let known: Vec<_> = known.collect();
    let items: Vec<String> = value.split(',').map(str::to_owned).collect();
    match items.iter().find(|item| !known.contains(&item.as_str())) {
        Some(unknown) => Err(format!("unknown name `{unknown}`; known are {}", known.join(", ")).into()),
        None => Ok(items),
    }
}

pub(crate) fn usage() -> String {
    let mut usage = format!(
        "Prints tables in Markdown.\n\n\
         --part <names>     only these parts; without it, those marked with *\n\
         --only <names>     only these subjects\n\
         --work <names>     only these workloads\n\
         --rounds <number>  rounds of each measurement, {ROUNDS} by default\n\
         --calls <number>   calls of the part `memory`, {CALLS} by default\n"
    );
    let mut add = |title: &str, rows: Vec<(&str, String)>| {
        usage += &format!("\n{title}:\n");
        for (name, what) in rows {
            usage += &format!("  {name:<14}{what}\n");
        }
    };
    let star = |part: &Part| if part.is_slow { "  " } else { "* " };
    add("parts", PARTS.iter().map(|part| (part.name, format!("{}{}", star(part), part.what))).collect());
    add("subjects", SUBJECTS.iter().map(|subject| (subject.name, subject.what.to_owned())).collect());
    add("workloads", WORKS.iter().map(|work| (work.name, work.title.to_owned())).collect());
    usage
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str]) -> Result<Option<Options>, Error> {
        Options::read(arguments.iter().map(|argument| (*argument).to_owned()))
    }

    #[test]
    fn names_select_subjects_and_workloads() {
        let options = read(&["--only", "promptlayer,serde_json", "--work", "call_1k"]).unwrap().unwrap();
        assert_eq!(
            options.subjects().map(|subject| subject.name).collect::<Vec<_>>(),
            ["serde_json", "promptlayer"]
        );
        assert_eq!(options.works().map(|work| work.name).collect::<Vec<_>>(), ["call_1k"]);
    }

    #[test]
    fn slow_parts_run_only_if_asked_for() {
        let runs = |arguments: &[&str]| {
            let options = read(arguments).unwrap().unwrap();
            PARTS.iter().filter(|part| options.runs(part)).map(|part| part.name).collect::<Vec<_>>()
        };
        assert_eq!(runs(&[]), ["calls", "threads", "instructions", "export", "memory", "latency"]);
        assert_eq!(runs(&["--part", "size"]), ["size"]);
    }

    #[test]
    fn unknown_names_and_arguments_are_errors() {
        for arguments in
            [&["--only", "x"][..], &["--work", "x"], &["--part", "x"], &["--rounds", "x"], &["x"]]
        {
            assert!(read(arguments).is_err(), "{arguments:?}");
        }
        assert!(read(&["--only"]).is_err());
    }
}
