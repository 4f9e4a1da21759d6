//! The real binary.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use interlock_tests::{
    daemon::{binary, text},
    schema,
};

/// Runs it. What it prints as JSON is held against its schema.
pub fn interlock(args: &[&str]) -> Output {
    let output = Command::new(binary()).args(args).output().unwrap();
    if args.ends_with(&["--output", "json"])
        && let Ok(printed) = serde_json::from_slice(&output.stdout)
    {
        schema::check(args, &printed);
    }
    output
}

/// Starts a daemon that must refuse to start; returns what it says.
pub fn refuses(dir: &Path, keys: &str) -> (Option<i32>, String) {
    let config = dir.join("config.toml");
    let rest = format!("socket = \"{0}/s\"\nstate = \"{0}/state\"\npins = \"none\"\n", dir.display());
    let given: Vec<&str> = keys.lines().filter_map(|line| line.split(' ').next()).collect();
    let rest: String = rest
        .lines()
        .filter(|line| !given.iter().any(|key| line.starts_with(key)))
        .map(|line| format!("{line}\n"))
        .collect();
    let metrics = if keys.contains("metrics") { "" } else { "metrics = \"none\"\n" };
    fs::write(&config, format!("{keys}\n{rest}{metrics}watch_below = {}\n", std::process::id())).unwrap();
    let output = interlock(&["--config", config.to_str().unwrap(), "daemon"]);
    (output.status.code(), text(&output))
}
