//! The service: how systemd runs it, and what it wrote to the journal.

use std::process::{Command, Stdio};

use super::part::Part;

const UNIT: &str = "interlock.service";
/// Lines of the journal.
const LINES: &str = "--lines=500";

pub fn parts() -> Vec<Part> {
    let show = ["show", UNIT, "--no-pager"];
    let journal = ["--unit", UNIT, LINES, "--output=short-iso-precise", "--no-pager", "--quiet"];
    vec![output("service.txt", "systemctl", &show), output("journal.txt", "journalctl", &journal)]
}

fn output(name: &str, program: &str, args: &[&str]) -> Part {
    let output = Command::new(program).args(args).stdin(Stdio::null()).output();
    match output {
        Ok(output) if output.status.success() => Part::text(name, &String::from_utf8_lossy(&output.stdout)),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let first = said.lines().next().unwrap_or("it says nothing");
            Part::missing(name, format!("{program}: {first} ({})", output.status))
        }
        Err(error) => Part::missing(name, format!("{program}: {error}")),
    }
}
