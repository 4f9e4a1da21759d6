//! The self-check that begins every run: whether what is let through is seen to arrive, by every way that programs send it,
//! and whether what must be held is.

use anyhow::{Result, bail, ensure};

use super::{
    act::{Act, By, Form, How, Means, Program, Reading, To, Way},
    daemon::Mode,
    grammar,
    round::{Place, Round},
};

const TOUCH: Act = Act::Touch { way: Way::Open, read: Reading::Read, by: By::Itself };
const SEND: Act = Act::Send { form: Form::Http, by: Means::Write, pieces: 1, gap: 0 };
const PAUSE: Act = Act::Await(500);
/// How often the control is played before the stub counts as broken.
const ATTEMPTS: usize = 5;

/// Returns the backend's name.
///
/// # Errors
/// Something does not arrive although nothing stops it, or arrives although it must not; says which.
pub fn run(place: &Place) -> Result<String> {
    let mut round = Round::begin(place, "observed", Mode::Observe)?;
    let all = everything();
    let batch = round.play(&all)?;
    let missing: Vec<String> = all
        .iter()
        .zip(&batch.played)
        .filter(|(_, (played, arrived))| !(*arrived && played.was("secret-read")))
        .map(|(program, (played, arrived))| {
            format!("{program:?}: arrived: {arrived}, {:?}, {:?}", played.words, played.events)
        })
        .collect();
    ensure!(
        missing.is_empty(),
        "the self-check fails: with a daemon that only observes, these must arrive and their touch be told:\n{}",
        missing.join("\n")
    );
    drop(round);
    let mut round = Round::begin(place, "enforced", Mode::Enforce)?;
    let batch = round.play(&[control(), vec![TOUCH, SEND, PAUSE]])?;
    match batch.played.as_slice() {
        [(_, true), (held, false)] if held.was("flow-held") => {}
        other => bail!(
            "the self-check fails: a program that touches nothing must arrive, and one that does be held: {other:?}"
        ),
    }
    eprintln!(
        "self-check: {} programs arrived at the stub where nothing holds, and one is held",
        all.len() + 1
    );
    round.backend()
}

/// Touches nothing, so that it must arrive: where it does not, the stub or the workers are broken, and no find means nothing.
pub fn control() -> Program {
    vec![Act::Touch { way: Way::Known, read: Reading::Read, by: By::Itself }, SEND, PAUSE]
}

/// Plays the control alone: in a crowd a daemon that lost records takes everybody for having touched everything.
///
/// # Errors
/// Nothing arrives any more.
pub fn still_arrives(round: &mut Round) -> Result<()> {
    let mut last = None;
    for _ in 0..ATTEMPTS {
        let batch = round.play(&[control()])?;
        if batch.played.iter().any(|(_, arrived)| *arrived) {
            return Ok(());
        }
        last = batch.played.into_iter().next();
    }
    bail!("nothing arrives any more, not even of a program that touches nothing: {last:?}")
}

/// Each way to touch, to connect and to send, once.
fn everything() -> Vec<Program> {
    let mut all = Vec::new();
    for way in grammar::WAYS.into_iter().filter(|way| *way != Way::Inherited) {
        all.push(vec![Act::Touch { way, read: Reading::Read, by: By::Itself }, SEND, PAUSE]);
    }
    for read in grammar::READS {
        all.push(vec![Act::Touch { way: Way::Open, read, by: By::Itself }, SEND, PAUSE]);
    }
    for by in grammar::WHO {
        all.push(vec![Act::Touch { way: Way::Open, read: Reading::Read, by }, SEND, PAUSE]);
    }
    for to in grammar::PLACES {
        all.push(vec![TOUCH, Act::Connect { to, how: How::Plain }, SEND, PAUSE]);
    }
    for how in grammar::HOWS {
        all.push(vec![Act::Connect { to: To::V4, how }, TOUCH, SEND, PAUSE]);
    }
    for pass in grammar::PASSES {
        all.push(vec![Act::Connect { to: To::V4, how: How::Plain }, TOUCH, Act::Pass(pass), SEND, PAUSE]);
    }
    for form in grammar::FORMS {
        all.push(vec![TOUCH, Act::Send { form, by: Means::Write, pieces: 3, gap: 1 }, PAUSE]);
    }
    for by in grammar::MEANS {
        all.push(vec![TOUCH, Act::Send { form: Form::Http, by, pieces: 3, gap: 1 }, PAUSE]);
    }
    for act in grammar::ALIASES.into_iter().chain(grammar::CARRIERS) {
        // They need namespaces, or end every connection.
        if !matches!(act, Act::BindFile | Act::BindFolder | Act::Namespaces | Act::NetworkNamespace) {
            all.push(vec![act, TOUCH, SEND, PAUSE]);
        }
    }
    all
}
