//! What the person types.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::leaving::leave;
use crate::cli::watch::{
    dialog::{CONSENT, Decision, Dialog, Looking, Question, Text, room},
    evidence::whose,
    message::Order,
    model::{Link, Pane, State},
};

/// Lines of a page.
const PAGE: isize = 10;
/// Beyond any end.
const END: isize = 1 << 20;
/// Letters of a filter.
const FILTER_MAX: usize = 200;

const HELP: [&str; 20] = [
    "tab          the next pane: holds, sessions, events",
    "j k, arrows  down and up; g and G to the ends; PageDown, PageUp",
    "enter        holds, events: explain; sessions: their events alone",
    "a            approve the chosen hold: its evidence is shown, and a word asked for",
    "d            deny the chosen hold",
    "r c          in a question: type a reason, or the code of your device",
    "f t          freeze, thaw the chosen session, or the session of the chosen hold",
    "/            narrow the events: words of a line, or session=ID kind=KIND rule=ID alert",
    "Esc          leave a question, or show all events again",
    "?            this",
    "q            end",
    "",
    "Marks: > is chosen, ! is an alert. A pane with thick lines has the keys.",
    "A question about a hold shows what the daemon says of it at that moment, and takes no",
    "answer before it has been on the screen, all of it, for a moment. Who joins the hold",
    "later is not approved with it: the daemon refuses, and says who.",
    "What is decided here is decided as by `interlock approve`: by this process's user, and",
    "from this terminal. A terminal that an agent was started in may be refused.",
    "",
    "Without colours: NO_COLOR=1.",
];

pub fn pressed(state: &mut State, key: KeyEvent) -> Vec<Order> {
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return if key.code == KeyCode::Char('c') { vec![Order::Quit] } else { Vec::new() };
    }
    if state.is_too_small() {
        // Nobody can see what a key would be about.
        return if key.code == KeyCode::Char('q') { vec![Order::Quit] } else { Vec::new() };
    }
    match state.dialog.take() {
        None => in_panes(state, key.code),
        Some(Dialog::Looking(asked)) => looking(state, asked, key.code),
        Some(Dialog::Question(question)) => in_question(state, question, key.code),
        Some(Dialog::Text(text)) => in_text(state, text, key.code),
        Some(Dialog::Filter(before)) => in_filter(state, before, key.code),
    }
}

/// How far a key goes.
fn step(code: KeyCode) -> Option<isize> {
    Some(match code {
        KeyCode::Char('j') | KeyCode::Down => 1,
        KeyCode::Char('k') | KeyCode::Up => -1,
        KeyCode::PageDown | KeyCode::Char(' ') => PAGE,
        KeyCode::PageUp => -PAGE,
        KeyCode::Char('G') | KeyCode::End => END,
        KeyCode::Char('g') | KeyCode::Home => -END,
        _ => return None,
    })
}

fn in_panes(state: &mut State, code: KeyCode) -> Vec<Order> {
    state.notice = None;
    if let Some(by) = step(code) {
        go(state, by);
        return Vec::new();
    }
    match code {
        KeyCode::Char('q') => return vec![Order::Quit],
        KeyCode::Tab => state.focus = state.focus.next(),
        KeyCode::BackTab => state.focus = state.focus.next().next(),
        KeyCode::Enter => return entered(state),
        KeyCode::Char('?') => {
            let lines = HELP.map(str::to_owned).to_vec();
            state.dialog = Some(Dialog::Text(Text::new("help", lines)));
            state.settle();
        }
        KeyCode::Char('/') => {
            state.focus = Pane::Events;
            state.dialog = Some(Dialog::Filter(state.events.filter.clone()));
        }
        KeyCode::Esc => state.events.filter.clear(),
        KeyCode::Char(key @ ('a' | 'd' | 'f' | 't')) => return decide(state, key),
        _ => {}
    }
    Vec::new()
}

fn go(state: &mut State, by: isize) {
    match state.focus {
        Pane::Holds => state.holds.go(by),
        Pane::Sessions => state.sessions.go(by),
        Pane::Events => state.events.go(by, &state.zone),
    }
}

fn entered(state: &mut State) -> Vec<Order> {
    let explain = |id: Option<String>| id.map(|id| Order::Explain { id, shown: true });
    match state.focus {
        Pane::Holds => explain(state.holds.chosen().map(|hold| hold.id.clone())).into_iter().collect(),
        Pane::Events => explain(state.events.chosen_id(&state.zone)).into_iter().collect(),
        Pane::Sessions => {
            if let Some(session) = state.sessions.chosen() {
                state.events.filter = format!("session={}", session.id);
                state.events.chosen = None;
                state.focus = Pane::Events;
            }
            Vec::new()
        }
    }
}

/// Begins to decide. Nothing is decided about what is not chosen in the pane that has the keys.
fn decide(state: &mut State, key: char) -> Vec<Order> {
    if state.link != Link::Up {
        state.notice = Some("nothing can be decided: the daemon does not answer".to_owned());
        return Vec::new();
    }
    let hold = state.holds.chosen().filter(|_| state.focus == Pane::Holds);
    if matches!(key, 'a' | 'd') {
        let Some(hold) = hold.map(|hold| hold.id.clone()) else {
            state.notice = Some("no hold is chosen: tab goes to the holds".to_owned());
            return Vec::new();
        };
        let decision = if key == 'a' { Decision::Approve { hold } } else { Decision::Deny { hold } };
        state.looks += 1;
        let looking = Looking { decision, serial: state.looks };
        state.dialog = Some(Dialog::Looking(looking.clone()));
        return vec![Order::Look(looking)];
    }
    let of_hold = hold.and_then(|hold| state.session(&hold.session));
    let chosen = of_hold.or_else(|| state.sessions.chosen().filter(|_| state.focus == Pane::Sessions));
    let Some(session) = chosen else {
        state.notice = Some("no session is chosen: tab goes to the sessions".to_owned());
        return Vec::new();
    };
    let id = session.id.clone();
    let decision = if key == 'f' { Decision::Freeze { session: id } } else { Decision::Thaw { session: id } };
    state.dialog = Some(Dialog::Question(Question::about_session(decision, session, &whose(session))));
    state.settle();
    Vec::new()
}

/// Nothing that is typed before the question stands there answers it.
fn looking(state: &mut State, asked: Looking, code: KeyCode) -> Vec<Order> {
    if code == KeyCode::Esc {
        return leave(state, "nothing was decided".to_owned());
    }
    state.dialog = Some(Dialog::Looking(asked));
    Vec::new()
}

/// Nothing but Esc, and reading on, before it has stood there for a moment.
fn in_question(state: &mut State, mut question: Question, code: KeyCode) -> Vec<Order> {
    let (word, open) = (question.decision.lets_go_on(), question.is_open());
    if question.draft.is_typing() {
        question.draft.press(code);
        state.dialog = Some(Dialog::Question(question));
        return Vec::new();
    }
    let word_is_taken = word && open && question.text.seen && !question.lacks_reason();
    match code {
        KeyCode::Esc => return leave(state, "nothing was decided".to_owned()),
        KeyCode::Char('y') if !word && open => return decided(question),
        KeyCode::Enter if word_is_taken && question.typed == CONSENT => return decided(question),
        KeyCode::Backspace => drop(question.typed.pop()),
        KeyCode::Char('r') if open && question.takes_reason() => question.draft.type_reason(),
        KeyCode::Char('c') if open && word => question.draft.type_code(),
        KeyCode::Char(letter)
            if word_is_taken && CONSENT.starts_with(&format!("{}{letter}", question.typed)) =>
        {
            question.typed.push(letter);
        }
        code => {
            if let Some(by) = step(code) {
                question.text.scroll(by, room(state.size, true));
            }
        }
    }
    state.dialog = Some(Dialog::Question(question));
    Vec::new()
}

fn decided(question: Question) -> Vec<Order> {
    let given = question.given();
    vec![Order::Decide { decision: question.decision, given }]
}

fn in_text(state: &mut State, mut text: Text, code: KeyCode) -> Vec<Order> {
    match step(code) {
        Some(by) => text.scroll(by, room(state.size, false)),
        None if matches!(code, KeyCode::Esc | KeyCode::Char('q' | '?') | KeyCode::Enter) => {
            return Vec::new();
        }
        None => {}
    }
    state.dialog = Some(Dialog::Text(text));
    Vec::new()
}

/// The events follow what is typed.
fn in_filter(state: &mut State, before: String, code: KeyCode) -> Vec<Order> {
    match code {
        KeyCode::Enter => return Vec::new(),
        KeyCode::Esc => {
            state.events.filter = before;
            return Vec::new();
        }
        KeyCode::Backspace => drop(state.events.filter.pop()),
        KeyCode::Char(letter) if state.events.filter.len() < FILTER_MAX => state.events.filter.push(letter),
        _ => {}
    }
    state.events.chosen = None;
    state.dialog = Some(Dialog::Filter(before));
    Vec::new()
}
