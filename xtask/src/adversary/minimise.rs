//! Makes a find smaller: acts are taken away, several at once, then one by one, as long as it stays a find
//! (delta debugging, Zeller and Hildebrandt 2002). Then what is left is made plainer, part by part.

use anyhow::Result;

use super::act::{Act, By, Form, How, Means, Program, Reading, To, Way};

/// `finds` plays all candidates and tells of each whether it is a find. The touch and the send are among the acts that may
/// go: a find without its touch is none, which the judge says.
///
/// # Errors
/// As the judge.
pub fn minimise(found: &Program, mut finds: impl FnMut(&[Program]) -> Result<Vec<bool>>) -> Result<Program> {
    let mut smallest = found.clone();
    let mut parts = 2;
    while smallest.len() > 1 {
        let size = smallest.len().div_ceil(parts);
        let candidates: Vec<Program> =
            (0..smallest.len()).step_by(size).map(|from| without(&smallest, from, size)).collect();
        let verdicts = finds(&candidates)?;
        match candidates.into_iter().zip(verdicts).find(|(_, is_find)| *is_find) {
            Some((candidate, _)) => {
                smallest = candidate;
                parts = (parts - 1).max(2);
            }
            None if size == 1 => break,
            None => parts = (parts * 2).min(smallest.len()),
        }
    }
    plainer(smallest, finds)
}

/// Each act in the plainest way in which it stays a find.
fn plainer(mut program: Program, mut finds: impl FnMut(&[Program]) -> Result<Vec<bool>>) -> Result<Program> {
    for place in 0..program.len() {
        loop {
            let with = |act: Act| {
                let mut candidate = program.clone();
                candidate[place] = act;
                candidate
            };
            let candidates: Vec<Program> = plainer_acts(program[place]).into_iter().map(with).collect();
            if candidates.is_empty() {
                break;
            }
            let verdicts = finds(&candidates)?;
            match candidates.into_iter().zip(verdicts).find(|(_, is_find)| *is_find) {
                Some((candidate, _)) => program = candidate,
                None => break,
            }
        }
    }
    Ok(program)
}

/// The act with one part made plain; nothing where it is as plain as can be.
fn plainer_acts(act: Act) -> Vec<Act> {
    let all = match act {
        Act::Touch { way, read, by } => vec![
            Act::Touch { way: Way::Open, read, by },
            Act::Touch { way, read: Reading::Read, by },
            Act::Touch { way, read, by: By::Itself },
        ],
        Act::Connect { to, how } => {
            vec![Act::Connect { to: To::V4, how }, Act::Connect { to, how: How::Plain }]
        }
        Act::Send { form, by, pieces, gap } => vec![
            Act::Send { form: Form::Http, by, pieces, gap },
            Act::Send { form, by: Means::Write, pieces, gap },
            Act::Send { form, by, pieces: 1, gap },
            Act::Send { form, by, pieces, gap: 0 },
        ],
        _ => Vec::new(),
    };
    all.into_iter().filter(|plainer| *plainer != act).collect()
}

fn without(program: &Program, from: usize, size: usize) -> Program {
    let kept = |place: &usize| !(from..from + size).contains(place);
    (0..program.len()).filter(kept).map(|place| program[place]).collect()
}

#[cfg(test)]
mod tests {
    use super::{
        super::{act::Act, grammar, left_out::LeftOut},
        *,
    };

    /// A made-up hole: a touch, then an exec somewhere after it, then a send.
    fn is_find(program: &Program) -> bool {
        let place = |wanted: fn(&Act) -> bool| program.iter().position(wanted);
        let touch = place(|act| matches!(act, Act::Touch { .. }));
        let send = place(|act| matches!(act, Act::Send { .. }));
        let (Some(touch), Some(send)) = (touch, send) else { return false };
        program.iter().enumerate().any(|(at, act)| *act == Act::Exec && touch < at && at < send)
    }

    #[test]
    fn the_find_persists_and_nothing_of_it_is_too_much() {
        let finds: Vec<Program> = (0..20_000)
            .map(|seed| grammar::program(seed, &LeftOut::default()).program)
            .filter(is_find)
            .collect();
        assert!(finds.len() > 50, "{}", finds.len());
        for find in finds {
            let small = minimise(&find, |candidates| Ok(candidates.iter().map(is_find).collect())).unwrap();
            assert!(is_find(&small), "{find:?} became {small:?}");
            let plain = [
                Act::Touch { way: Way::Open, read: Reading::Read, by: By::Itself },
                Act::Exec,
                Act::Send { form: Form::Http, by: Means::Write, pieces: 1, gap: 0 },
            ];
            assert_eq!(small, plain, "{find:?} became {small:?}");
        }
    }

    #[test]
    fn a_part_that_it_is_about_stays() {
        let find = vec![
            Act::Touch { way: Way::Openat, read: Reading::Mmap, by: By::Thread },
            Act::Send { form: Form::Bare, by: Means::Urgent, pieces: 4, gap: 9 },
        ];
        let urgent =
            |program: &Program| program.iter().any(|act| matches!(act, Act::Send { by: Means::Urgent, .. }));
        let small = minimise(&find, |candidates| {
            Ok(candidates.iter().map(|candidate| candidate.len() == 2 && urgent(candidate)).collect())
        });
        assert_eq!(
            small.unwrap(),
            [
                Act::Touch { way: Way::Open, read: Reading::Read, by: By::Itself },
                Act::Send { form: Form::Http, by: Means::Urgent, pieces: 1, gap: 0 }
            ]
        );
    }

    #[test]
    fn what_every_act_is_needed_for_stays_whole() {
        let find = grammar::program(7, &LeftOut::default()).program;
        let small =
            minimise(&find, |candidates| Ok(candidates.iter().map(|candidate| *candidate == find).collect()));
        assert_eq!(small.unwrap(), find);
    }

    #[test]
    fn a_judge_that_fails_ends_it() {
        let find = grammar::program(7, &LeftOut::default()).program;
        assert!(minimise(&find, |_| anyhow::bail!("no daemon")).is_err());
    }
}
