//! The verifier's budget: no program costs the verifier noticeably more than what is committed in `monitor/ebpf/budget.toml`.
//!
//! `INTERLOCK_BUDGET=record` prints what this kernel says as the table's section, and writes it there where the sources are.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed expectation is a failed test")]

use std::{collections::BTreeMap, env, fs, path::Path};

use interlock_host::probes::budget::{self, Cost};
use interlock_tests::is_root;
use toml::Table;

/// As it was committed: a guest has no sources.
const COMMITTED: &str = include_str!("../../monitor/ebpf/budget.toml");
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../monitor/ebpf/budget.toml");
const RECORD: &str = "INTERLOCK_BUDGET=record cargo test -p interlock-tests --test budget -- --nocapture, and explain it in the commit";
/// Growth that needs no explanation, in per cent.
const SLACK: u64 = 5;

type Costs = BTreeMap<String, Cost>;

/// `6.18` of `6.18.44-generic`.
fn series() -> String {
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    release.splitn(3, '.').take(2).collect::<Vec<_>>().join(".")
}

fn committed(text: &str, series: &str) -> Option<Costs> {
    let table: Table = text.parse().expect("monitor/ebpf/budget.toml is TOML");
    let number = |value: &toml::Value| u64::try_from(value.as_integer().unwrap()).unwrap();
    let cost = |value: &toml::Value| Cost {
        instructions: number(&value["instructions"]),
        stack: number(&value["stack"]),
    };
    let section = table.get(series)?.as_table()?;
    Some(section.iter().map(|(program, value)| (program.clone(), cost(value))).collect())
}

/// What the table says of one kernel.
fn section(series: &str, costs: &Costs) -> String {
    let lines = costs.iter().map(|(program, cost)| {
        format!("{program} = {{ instructions = {}, stack = {} }}\n", cost.instructions, cost.stack)
    });
    format!("[\"{series}\"]\n{}", lines.collect::<String>())
}

/// The table with one kernel's section replaced, or added; the comment at its head stays.
fn with_section(text: &str, series: &str, costs: &Costs) -> String {
    let head: String =
        text.lines().take_while(|line| line.starts_with('#')).map(|line| format!("{line}\n")).collect();
    let table: Table = text.parse().expect("monitor/ebpf/budget.toml is TOML");
    let mut all: BTreeMap<String, Costs> =
        table.keys().filter_map(|known| Some((known.clone(), committed(text, known)?))).collect();
    all.insert(series.to_owned(), costs.clone());
    all.iter().fold(head, |text, (series, costs)| format!("{text}\n{}", section(series, costs)))
}

fn grew(old: u64, new: u64) -> bool {
    new * 100 > old * (100 + SLACK)
}

/// Everything in which a kernel's programs differ from the table, all at once.
fn differences(old: &Costs, new: &Costs) -> Vec<String> {
    let mut found = Vec::new();
    for (program, cost) in new {
        let Some(before) = old.get(program) else {
            found.push(format!("{program}: not in the table; it has {cost:?}"));
            continue;
        };
        for (what, before, now) in [
            ("instructions", before.instructions, cost.instructions),
            ("bytes of stack", before.stack, cost.stack),
        ] {
            if grew(before, now) {
                found.push(format!("{program}: {before} {what} before, {now} now (more than {SLACK} % up)"));
            }
        }
    }
    let gone = old.keys().filter(|program| !new.contains_key(*program));
    found.extend(gone.map(|program| format!("{program}: in the table, and not loadable or not there now")));
    found
}

#[test]
fn no_program_costs_the_verifier_more_than_is_committed() {
    if !is_root() {
        return;
    }
    let measured = budget::measure().expect("the kernel object loads");
    let (mut costs, series) = (Costs::new(), series());
    for (program, result) in measured {
        match result {
            Ok(cost) => {
                costs.insert(program.to_owned(), cost);
            }
            Err(reason) => println!("not loadable here: {program}: {reason}"),
        }
    }
    assert!(!costs.is_empty(), "no program could be verified");
    println!("{}", section(&series, &costs));
    if env::var("INTERLOCK_BUDGET").is_ok_and(|text| text == "record") {
        if Path::new(FILE).exists() {
            fs::write(FILE, with_section(&fs::read_to_string(FILE).unwrap(), &series, &costs)).unwrap();
        }
        return;
    }
    let Some(old) = committed(COMMITTED, &series) else {
        println!("skipped: no budget is committed for kernel {series}; record it by {RECORD}");
        return;
    };
    let found = differences(&old, &costs);
    assert!(found.is_empty(), "on kernel {series}:\n  {}\nIf that is meant: {RECORD}", found.join("\n  "));
}

#[test]
fn every_program_of_the_object_has_a_hook() {
    assert_eq!(budget::unused().unwrap(), Vec::<String>::new());
}

#[test]
fn growth_missing_programs_and_leftovers_are_told_all_at_once() {
    let cost = |instructions, stack| Cost { instructions, stack };
    let costs = |list: &[(&str, Cost)]| -> Costs {
        list.iter().map(|(name, cost)| ((*name).to_owned(), *cost)).collect()
    };
    let old = costs(&[
        ("same", cost(100, 40)),
        ("grown", cost(100, 40)),
        ("gone", cost(1, 0)),
        ("deep", cost(9, 400)),
    ]);
    let new = costs(&[
        ("same", cost(105, 40)),
        ("grown", cost(106, 40)),
        ("fresh", cost(1, 0)),
        ("deep", cost(9, 424)),
    ]);
    let found = differences(&old, &new).join("\n");
    assert_eq!(found.lines().count(), 4, "{found}");
    for words in
        ["deep: 400 bytes", "fresh: not in the table", "grown: 100 instructions before, 106", "gone: in"]
    {
        assert!(found.contains(words), "{found}");
    }
    let text = with_section("# head\n", "6.1", &old);
    assert!(text.starts_with("# head\n\n[\"6.1\"]\n"), "{text}");
    let text = with_section(&text, "7.0", &new);
    assert_eq!((committed(&text, "6.1"), committed(&text, "7.0")), (Some(old), Some(new)));
    assert_eq!(committed(&text, "6.12"), None);
}
