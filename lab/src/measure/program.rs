//! A program as the daemon would see it on a person's machine.

use std::{fs::File, io::Read, path::Path};

use crate::{install::Installed, trace::Program};

/// With a script's interpreter for its program, links resolved, and the usual places for the laboratory's.
pub fn usual(installed: &Installed, program: &Program) -> Program {
    // A package that is laid over /usr for the run lies elsewhere afterwards.
    let laid = installed.overlay.as_ref().map(|tree| tree.join(program.exe.trim_start_matches('/')));
    let script = laid.filter(|path| path.exists()).unwrap_or_else(|| program.exe.clone().into());
    let (exe, argv) = match interpreter(&script) {
        Some(words) => {
            let exe = words.first().cloned().unwrap_or_default();
            let rest = program.argv.iter().skip(1).cloned();
            (exe, words.into_iter().chain([program.exe.clone()]).chain(rest).collect())
        }
        None => (program.exe.clone(), program.argv.clone()),
    };
    let exe = Path::new(&exe).canonicalize().map_or(exe, |path| path.to_string_lossy().into_owned());
    Program {
        exe: installed.usual(&exe),
        comm: program.comm.clone(),
        argv: argv.iter().take(6).map(|word| installed.usual(&shown(word))).collect(),
    }
}

/// A long argument says nothing more.
fn shown(word: &str) -> String {
    word.chars().take(160).collect()
}

/// What the first line of a script names, with its argument.
fn interpreter(script: &Path) -> Option<Vec<String>> {
    let mut head = Vec::new();
    File::open(script).ok()?.take(256).read_to_end(&mut head).ok()?;
    let line = head.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let line = String::from_utf8_lossy(line);
    let (program, argument) = match line.trim().split_once(' ') {
        Some((program, argument)) => (program, Some(argument.trim().to_owned())),
        None => (line.trim(), None),
    };
    Some([program.to_owned()].into_iter().chain(argument).collect())
}
