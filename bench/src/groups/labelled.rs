//! What a session pays for ordinary work that touches nothing secret.

use std::process::Command;

use anyhow::{Context, Result, bail};

use super::Effort;
use crate::{
    agent::Agent,
    arena::Arena,
    load::find,
    measure::Spread,
    report::{Goal, Line, Unit},
    setup::{Setup, State, order},
    worker::Task,
};

/// Outside of any session without a daemon and with one, and inside a session.
const STATES: [State; 3] = [State::Off, State::Alone, State::Untainted];

struct Work {
    name: &'static str,
    task: Task,
    goal: Option<Goal>,
    times: [Vec<f64>; STATES.len()],
}

pub fn measure(arena: &Arena, effort: Effort) -> Result<Vec<Line>> {
    let mut works = works(arena, effort)?;
    let mut process = Agent::outside(arena)?;
    let mut setup = Setup::new(arena);
    for round in 0..effort.of(12, 3) {
        for state in order(round, STATES) {
            setup.arrange(state)?;
            let column = STATES.iter().position(|known| *known == state).unwrap_or_default();
            let process = setup.session.as_mut().unwrap_or(&mut process);
            for work in &mut works {
                work.times[column].push(process.time(&work.task)?);
            }
        }
    }
    Ok(works.iter().flat_map(lines).collect())
}

fn works(arena: &Arena, effort: Effort) -> Result<Vec<Work>> {
    let tree = arena.tree(100, 100)?;
    let run = |program: &[&str], times| Task::Run {
        program: program.iter().map(|word| (*word).to_owned()).collect(),
        at: tree.clone(),
        times,
    };
    let work = |name, task, goal| Work { name, task, goal, times: Default::default() };
    let open = Task::Open { path: arena.ordinary(), times: effort.of(200_000, 50_000) };
    let limit = Some(Goal::AtMost(1.03));
    let mut works = vec![work("open+close", open, None)];
    // The pattern of the trees' last line, so that every file is read whole.
    works.push(match find("rg") {
        Some(_) => work("ripgrep of 10,000 files", run(&["rg", "--count", "f99"], effort.of(10, 3)), limit),
        None => work("grep -r of 10,000 files", run(&["grep", "-rc", "f99", "."], effort.of(10, 3)), limit),
    });
    if find("git").is_some() {
        commit(&tree)?;
        works.push(work(
            "git status of 10,000 files",
            run(&["git", "status", "--short"], effort.of(10, 3)),
            limit,
        ));
    }
    if find("cc").is_some() {
        let compile = run(&["cc", "-O1", "-c", "-o", "/dev/null", "unit.c"], effort.of(10, 3));
        std::fs::write(
            tree.join("unit.c"),
            "#include <stdio.h>\n#include <stdlib.h>\nint main(void){return puts(\"\");}\n",
        )?;
        works.push(work("one C compilation", compile, None));
    }
    Ok(works)
}

fn commit(tree: &std::path::Path) -> Result<()> {
    for arguments in [
        &["init", "--quiet"][..],
        &["add", "--all"],
        &["-c", "user.name=b", "-c", "user.email=b@localhost", "commit", "--quiet", "-m", "all"],
    ] {
        let ended = Command::new("git")
            .args(arguments)
            .current_dir(tree)
            .output()
            .context("git cannot be started")?;
        if !ended.status.success() {
            bail!("git {arguments:?} failed: {}", String::from_utf8_lossy(&ended.stderr));
        }
    }
    Ok(())
}

fn lines(work: &Work) -> Vec<Line> {
    let [off, outside, inside] = &work.times;
    let line = |what: &str, against: &[f64]| {
        Line::spread(
            format!("labelled: {}, {what}", work.name),
            Spread::of_ratios(inside, against),
            Unit::Ratio,
        )
    };
    let against_off = line("in a session ÷ no daemon", off);
    let against_off = match work.goal {
        Some(goal) => against_off.goal(goal),
        None => against_off,
    };
    vec![line("in a session ÷ outside of it", outside), against_off]
}
