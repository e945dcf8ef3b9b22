//! The version of a client crate, from the lock file.

const LOCK: &str = include_str!("../../Cargo.lock");

/// Returns the version of the crate `dependency` with which `package` of this workspace is built.
///
/// # Panics
///
/// Panics if the lock file does not say it.
pub fn locked(package: &str, dependency: &str) -> String {
    find(LOCK, package, dependency).unwrap_or_else(|| panic!("{package} does not depend on {dependency}"))
}

/// Several versions of a crate can be locked. Then the dependency is listed as `name version`, else as
/// `name`.
fn find(lock: &str, package: &str, dependency: &str) -> Option<String> {
    let listed = entry(lock, package)?.lines().find_map(|line| {
        let line = line.trim().strip_prefix('"')?.strip_suffix("\",")?;
        let (name, version) = line.split_once(' ').unwrap_or((line, ""));
        (name == dependency).then_some(version)
    })?;
    let version = if listed.is_empty() { field(entry(lock, dependency)?, "version")? } else { listed };
    Some(version.to_owned())
}

/// Returns the part of the lock file about a package.
fn entry<'a>(lock: &'a str, package: &str) -> Option<&'a str> {
    lock.split("[[package]]").find(|entry| field(entry, "name") == Some(package))
}

fn field<'a>(entry: &'a str, name: &str) -> Option<&'a str> {
    let line = entry.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = \""))?;
    line.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::find;

    const LOCK: &str = r#"
[[package]]
name = "client-a"
version = "0.0.0"
dependencies = [
 "a 2.0.0",
 "b",
]

[[package]]
name = "a"
version = "1.0.0"

[[package]]
name = "a"
version = "2.0.0"

[[package]]
name = "b"
version = "3.1.0"
"#;

    #[test]
    fn version_is_that_of_the_dependency() {
        assert_eq!(find(LOCK, "client-a", "a").as_deref(), Some("2.0.0"));
        assert_eq!(find(LOCK, "client-a", "b").as_deref(), Some("3.1.0"));
        assert_eq!(find(LOCK, "client-a", "c"), None);
        assert_eq!(find(LOCK, "client-b", "a"), None);
    }
}
