//! Proof of what is in force: each forbidden act is tried, and must be seen held, refused or reported.
//!
//! Loading and attaching prove nothing. Where `bpf` is not in the kernel's active LSM list both succeed, and the programs
//! never run (seen on 6.12 booted with `lsm=` without bpf). So there are two proofs. `first` is the loader's: one
//! act, to choose between backends. [`run`] is the claim's: a child of the daemon's own, a session that nobody else sees,
//! tries one act for every program that promises something (`case::CASES`).
//!
//! Fails open: what is not proven stays in force, and the claim is lowered.

pub mod act;
mod attempt;
mod case;
mod child;
mod evidence;
mod finding;
pub(super) mod first;
mod fixture;
mod flow;

pub use self::finding::{Finding, Proof, SESSION};
use self::{attempt::Attempt, case::CASES, child::Child, fixture::Fixture};
use super::{
    loader::Probes,
    maps::Maps,
    table::{BackendSpec, Feature},
};

/// One finding of one program.
type Found = (Feature, &'static str, Finding);

/// Tries everything that is in force. Everything is attached then; the caller detaches what it does not need afterwards.
///
/// Takes some 30 ms, and at most 20 s for the child to start and 20 s for the acts on a machine that is emulated.
pub fn run(probes: &mut Probes, maps: &mut Maps) -> Vec<Proof> {
    if let Err(error) = probes.follow_sessions(true) {
        tracing::warn!(%error, "not everything can be attached, and be tried");
    }
    let specs: Vec<(Feature, &BackendSpec)> =
        probes.in_force().iter().filter_map(|served| Some((served.feature, served.spec?))).collect();
    let found = try_all(probes, maps);
    for (feature, program, finding) in found.iter().flatten() {
        tracing::debug!(feature = feature.name(), program, ?finding, "tried");
    }
    let proof = |(feature, spec): (Feature, &BackendSpec)| {
        let finding = match &found {
            Ok(found) => sum_up(found.iter().filter(|(of, ..)| *of == feature)),
            Err(reason) => Finding::NotTried(reason.clone()),
        };
        let enforces = ["hold", "deny"].iter().any(|word| spec.can.contains(word));
        Proof { feature, backend: spec.backend, enforces, finding }
    };
    specs.into_iter().map(proof).collect()
}

/// Tries everything that is attached; `Err` where nothing could be tried.
fn try_all(probes: &mut Probes, maps: &mut Maps) -> Result<Vec<Found>, String> {
    let fixture = Fixture::build(maps)?;
    let found = with_fixture(&fixture, probes, maps);
    fixture.disarm(maps);
    found
}

fn with_fixture(fixture: &Fixture, probes: &mut Probes, maps: &mut Maps) -> Result<Vec<Found>, String> {
    let scene = fixture.scene().map_err(|error| error.to_string())?;
    let child = Child::start(&scene).map_err(|error| format!("the child does not start: {error}"))?;
    fixture.arm(maps, child.pid()).map_err(|error| format!("nothing can be forbidden: {error}"))?;
    Ok(everything(&mut Attempt::new(fixture, maps, probes, child)))
}

fn everything(attempt: &mut Attempt<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    if attempt.is_attached("egress") {
        found.push((Feature::HoldFlow, "egress", flow::held(attempt)));
    }
    if attempt.is_attached("ingress") {
        found.push((Feature::ReadNames, "ingress", flow::read_names(attempt)));
    }
    for case in CASES {
        if attempt.is_attached(case.program) {
            found.push((case.feature, case.program, attempt.make(case)));
        }
    }
    found
}

/// A feature is proven by all of its programs; what this machine cannot do counts neither way.
fn sum_up<'a>(found: impl Iterator<Item = &'a Found>) -> Finding {
    let (mut proven, mut failed, mut untried) = (false, Vec::new(), Vec::new());
    for (_, program, finding) in found {
        match finding {
            Finding::Proven => proven = true,
            Finding::NotProven(reason) => failed.push(format!("{program}: {reason}")),
            Finding::NotTried(reason) => untried.push(format!("{program}: {reason}")),
        }
    }
    match (failed.is_empty(), proven) {
        (false, _) => Finding::NotProven(failed.join("; ")),
        (true, true) => Finding::Proven,
        (true, false) if untried.is_empty() => Finding::NotTried("no act is known for it".into()),
        (true, false) => Finding::NotTried(untried.join("; ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(finding: Finding) -> Found {
        (Feature::Connect, "connect4", finding)
    }

    #[test]
    fn one_broken_program_lowers_the_claim_of_its_feature() {
        let untried = || found(Finding::NotTried("no IPv6".into()));
        assert_eq!(sum_up([found(Finding::Proven), untried()].iter()), Finding::Proven);
        let broken = found(Finding::not_proven("it went through"));
        let sum = sum_up([found(Finding::Proven), untried(), broken].iter());
        assert_eq!(sum.reason().unwrap(), "not proven: connect4: it went through");
        assert_eq!(sum_up([untried()].iter()).reason().unwrap(), "not tried: connect4: no IPv6");
        assert!(!sum_up([].iter()).is_proven(), "nothing tried proves nothing");
    }
}
