//! What a held exec said it would run. Its arguments lie in memory that another process may share, which is not stopped
//! and may change them until the kernel copies them: so what runs is compared with what was judged.

use std::{collections::HashMap, sync::Arc};

use crate::facts::Process;

/// Execs that may be announced and not run yet; above it nothing is compared.
const MAX: usize = 4096;

/// Whole argument lists by process.
#[derive(Default)]
pub struct Announced(HashMap<u32, Arc<[String]>>);

impl Announced {
    pub fn note(&mut self, pid: u32, args: Arc<[String]>) {
        if self.0.len() < MAX || self.0.contains_key(&pid) {
            self.0.insert(pid, args);
        }
    }

    /// It was refused, or the process has ended.
    pub fn forget(&mut self, pid: u32) {
        self.0.remove(&pid);
    }

    /// Whether what runs is something else than was announced; `false` where nothing was.
    pub fn is_broken(&mut self, running: &Process) -> bool {
        self.0.remove(&running.pid).is_some_and(|announced| !fits(&announced, running))
    }
}

fn fits(announced: &[String], running: &Process) -> bool {
    let args = &running.args;
    if running.args_unknown {
        return announced
            .iter()
            .zip(args.iter())
            .all(|(said, is)| is.starts_with(said) || said.starts_with(is));
    }
    *announced == **args || is_script(announced, running)
}

/// The kernel puts the interpreter, its one argument and the script's path in place of the name (fs/binfmt_script.c).
fn is_script(announced: &[String], running: &Process) -> bool {
    let rest = announced.get(1..).unwrap_or_default();
    let Some(put) = running.args.strip_suffix(rest) else { return false };
    matches!(put, [_, script] | [_, _, script] if *script == running.executable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(announced: &[&str], executable: &str, args: &[&str], args_unknown: bool) -> bool {
        let list = |args: &[&str]| args.iter().map(|arg| (*arg).to_owned()).collect::<Arc<[String]>>();
        let running = Process {
            pid: 7,
            executable: executable.into(),
            args: list(args),
            args_unknown,
            ..Process::default()
        };
        let mut all = Announced::default();
        all.note(7, list(announced));
        let broken = all.is_broken(&running);
        assert!(!all.is_broken(&running), "it is compared once");
        broken
    }

    #[test]
    fn what_was_said_is_what_runs() {
        assert!(!broken(&["seq", "7"], "/bin/seq", &["seq", "7"], false));
        assert!(broken(&["seq", "7"], "/bin/seq", &["seq", "6"], false));
        assert!(broken(&["seq", "7"], "/bin/seq", &["seq", "7", "8"], false));
        assert!(!broken(&["seq", "7", "8"], "/bin/seq", &["seq", "7"], true), "the rest was cut off");
        assert!(broken(&["seq", "7", "8"], "/bin/seq", &["seq", "6"], true));
    }

    #[test]
    fn a_script_runs_by_its_interpreter() {
        assert!(!broken(&["it", "a"], "/x/it", &["/bin/sh", "/x/it", "a"], false));
        assert!(!broken(&["it"], "/x/it", &["/usr/bin/env", "-S python3", "/x/it"], false));
        assert!(broken(&["it", "a"], "/x/it", &["/bin/sh", "/x/it", "b"], false));
        assert!(broken(&["it", "a"], "/x/it", &["/bin/sh", "-c", "evil", "/x/it", "a"], false));
        assert!(broken(&["sh", "a"], "/bin/sh", &["sh", "-c", "evil", "a"], false));
    }

    #[test]
    fn nothing_is_known_of_who_ended_and_of_too_many() {
        let mut all = Announced::default();
        let args: Arc<[String]> = ["a".to_owned()].into();
        let other = |pid| Process { pid, args: ["b".to_owned()].into(), ..Process::default() };
        (0..=MAX as u32).for_each(|pid| all.note(pid, Arc::clone(&args)));
        all.forget(1);
        assert!(all.is_broken(&other(0)) && !all.is_broken(&other(1)) && !all.is_broken(&other(MAX as u32)));
    }
}
