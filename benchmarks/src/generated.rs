//! A package that a part writes, to measure the compiler or what it makes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use harness::Error;

/// A package in the target folder, with the versions of this workspace's lock file.
pub(crate) struct Generated {
    folder: PathBuf,
    /// Shared by the packages of a group, so that each dependency is compiled once.
    target: PathBuf,
}

impl Generated {
    pub(crate) fn new(group: &str, name: &str, dependencies: &str) -> Result<Self, Error> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let group = here.join("target/generated").join(group);
        let folder = group.join(name);
        fs::create_dir_all(folder.join("src"))?;
        let manifest = format!(
            "[workspace]\n\n[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
             [profile.release]\nstrip = true\n\n[dependencies]\n{dependencies}\n"
        );
        fs::write(folder.join("Cargo.toml"), manifest)?;
        fs::copy(here.join("Cargo.lock"), folder.join("Cargo.lock"))?;
        Ok(Self { folder, target: group.join("target") })
    }

    /// Returns a dependency on the library of this project.
    pub(crate) fn our_library() -> Result<String, Error> {
        let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("../promptlayer-tracing").canonicalize()?;
        Ok(format!("promptlayer-tracing = {{ path = {library:?} }}"))
    }

    /// Writes a file of the folder `src`.
    pub(crate) fn write(&self, file: &str, text: &str) -> Result<(), Error> {
        Ok(fs::write(self.folder.join("src").join(file), text)?)
    }

    pub(crate) fn cargo(&self, arguments: &[&str]) -> Result<String, Error> {
        let output = Command::new(env!("CARGO"))
            .args(arguments)
            .current_dir(&self.folder)
            .env("CARGO_TARGET_DIR", &self.target)
            .stderr(Stdio::inherit())
            .output()?;
        if !output.status.success() {
            return Err(format!("`cargo {}` ended with {}", arguments.join(" "), output.status).into());
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Returns the size of a release binary in bytes.
    pub(crate) fn binary_size(&self, name: &str) -> Result<u64, Error> {
        Ok(fs::metadata(self.target.join("release").join(name))?.len())
    }
}
