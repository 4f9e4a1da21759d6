//! Rule evaluations per second on one core: single facts against 300 rules, and a session's mix of facts, with all its state,
//! against 10 to 3,000 rules of every shape.

use std::{hint::black_box, time::Instant};

use anyhow::Result;

use super::Effort;
use crate::{
    report::{Goal, Line, Unit},
    workload::{self, Workload},
};

pub fn measure(effort: Effort) -> Result<Vec<Line>> {
    let facts = effort.of(1_280_000, 256_000);
    let mut lines = Vec::new();
    for name in workload::names() {
        let workload = Workload::named(&name)?;
        let start = Instant::now();
        black_box(workload.judge(facts));
        let rate = facts as f64 / start.elapsed().as_secs_f64();
        let line = Line::new(format!("rules: {name}"), rate, Unit::PerSecond);
        lines.push(if name.starts_with("mix") && name != GOAL {
            line
        } else {
            line.goal(Goal::AtLeast(1e6))
        });
    }
    Ok(lines)
}

/// The mix that has a goal; the others are its curve.
const GOAL: &str = "mix, 300 rules";
