//! What the daemon says.

use serde_json::Value;
use unicode_width::UnicodeWidthStr as _;

use super::leaving::leave;
use crate::{
    alerts::Weight,
    cli::{
        explain,
        language::plain,
        watch::{
            dialog::{Dialog, Looking, Question, Text, room},
            evidence::whose,
            message::{Input, Order, Sighting},
            model::{Link, State},
        },
    },
    control::api::{HoldView, SessionView, Status},
};
use interlock_core::{event_fields::text, explanation::Explanation};

/// Events after which a hold waits no more.
const DECIDED: [&str; 4] = ["flow-released", "flow-denied", "hold-expired", "hold-gone"];

pub fn came(state: &mut State, input: Input) -> Vec<Order> {
    match input {
        Input::News(status, sessions, holds) => renewed(state, *status, sessions, holds),
        Input::Looked(looking, looked) => looked_at(state, looking, looked),
        Input::Explained { id, shown, story } => explained(state, &id, shown, story),
        Input::Answered(answer) => {
            answered(state, answer);
            Vec::new()
        }
        Input::Happened(event) => happened(state, *event),
        Input::Remark(text) => {
            state.events.remark(&text);
            Vec::new()
        }
        Input::Lost(why) => lost(state, &why),
        Input::Key(_) | Input::Resized(..) | Input::Tick(_) | Input::Ended => Vec::new(),
    }
}

/// What the daemon said, in its words: where they do not fit the last line, as a text to read.
fn answered(state: &mut State, answer: Result<String, String>) {
    let refused = answer.is_err();
    let words = plain(&answer.unwrap_or_else(|refused| format!("refused: {refused}")));
    if refused && state.dialog.is_none() && words.width() > usize::from(state.size.0) {
        state.dialog = Some(Dialog::Text(Text::new("refused", vec![words.clone()])));
        state.settle();
    }
    state.notice = Some(words);
}

fn renewed(
    state: &mut State,
    status: Status,
    sessions: Vec<SessionView>,
    holds: Vec<HoldView>,
) -> Vec<Order> {
    if matches!(state.link, Link::Lost { .. }) {
        state.notice = Some("the daemon answers again".to_owned());
    }
    state.link = Link::Up;
    state.status = Some(status);
    state.sessions.renew(sessions);
    state.holds.renew(holds);
    let State { holds, stories, asked, .. } = state;
    let waits = |id: &str| holds.items.iter().any(|hold| hold.id == id);
    stories.retain(|id, _| waits(id));
    asked.retain(|id, _| waits(id));
    // Once for each who joins, and not with each news until the answer is there.
    let unasked =
        |hold: &&HoldView| asked.insert(hold.id.clone(), hold.others.len()) != Some(hold.others.len());
    let explain = |hold: &HoldView| Order::Explain { id: hold.id.clone(), shown: false };
    holds.items.iter().filter(unasked).map(explain).collect()
}

/// The question stands on what the daemon has just said, and on nothing older.
fn looked_at(state: &mut State, looking: Looking, looked: Result<Box<Sighting>, String>) -> Vec<Order> {
    if !matches!(&state.dialog, Some(Dialog::Looking(asked)) if *asked == looking) {
        return Vec::new(); // left meanwhile
    }
    let decision = looking.decision;
    let Sighting { hold, story } = match looked {
        Ok(looked) => *looked,
        Err(why) => return leave(state, plain(&why)),
    };
    let Some(hold) = hold else {
        let words = format!("{} waits no more", decision.hold().unwrap_or("it"));
        return leave(state, words);
    };
    let session =
        state.session(&hold.session).map_or_else(|| format!("{} {}", hold.agent, hold.session), whose);
    let question = Question::about_hold(decision, &hold, story.as_ref(), &session);
    state.dialog = Some(Dialog::Question(question));
    state.settle();
    Vec::new()
}

fn explained(
    state: &mut State,
    id: &str,
    shown: bool,
    story: Result<Box<Explanation>, String>,
) -> Vec<Order> {
    let story = match story {
        Ok(story) => *story,
        Err(why) if shown => {
            state.notice = Some(plain(&why));
            return Vec::new();
        }
        Err(_) => {
            state.asked.remove(id); // decided meanwhile, or asked for again with the next news
            return Vec::new();
        }
    };
    if shown && state.dialog.is_none() {
        let (width, _) = room(state.size, false);
        let lines = explain::story(&story, width).lines().map(str::to_owned).collect();
        state.dialog = Some(Dialog::Text(Text::new(format!("explain {id}"), lines)));
        state.settle();
    }
    if let Some(hold) = state.holds.items.iter().find(|hold| hold.id == id) {
        state.stories.insert(id.to_owned(), (hold.others.len(), story));
    }
    Vec::new()
}

fn happened(state: &mut State, event: Value) -> Vec<Order> {
    let moves = !Weight::of(&event).is_plain();
    let over = decided_elsewhere(state, &event);
    let is_new = state.events.take(event);
    let mut orders = over.map(|why| leave(state, why)).unwrap_or_default();
    // A stream that begins anew tells thousands of events again.
    if moves && is_new && orders.is_empty() {
        orders.push(Order::Refresh);
    }
    orders
}

/// Says so where an event ends the hold that a question is about.
fn decided_elsewhere(state: &State, event: &Value) -> Option<String> {
    let Some(Dialog::Question(question)) = &state.dialog else { return None };
    let hold = question.decision.hold().filter(|hold| text(event, "interlock.hold.id") == Some(hold))?;
    let action = text(event, "event.action").filter(|action| DECIDED.contains(action))?;
    let by = text(event, "interlock.hold.decided_by").map(|by| format!(" by {by}")).unwrap_or_default();
    Some(plain(&format!("{hold} is decided: {action}{by}")))
}

/// What a question stands on is not known any more.
fn lost(state: &mut State, why: &str) -> Vec<Order> {
    let since = match &state.link {
        Link::Lost { since, .. } => *since,
        Link::Connecting | Link::Up => state.now,
    };
    state.link = Link::Lost { since, why: plain(why) };
    if matches!(state.dialog, Some(Dialog::Question(_) | Dialog::Looking(_))) {
        return leave(state, "nothing was decided: the daemon does not answer".to_owned());
    }
    Vec::new()
}
