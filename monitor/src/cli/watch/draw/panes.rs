//! The three lists.

use ratatui::{
    Frame,
    layout::Rect,
    style::Style,
    symbols::border,
    text::Line,
    widgets::{Block, Paragraph},
};
use serde_json::Value;

use crate::{
    cli::{
        clip::clipped,
        events::line::words,
        language::{moment, plain, since, word},
        watch::{
            evidence::{LABEL, evidence, labelled},
            model::{Pane, State},
            theme::Theme,
        },
        wrap::{LongWords, wrapped},
    },
    control::api::{HoldView, SessionView},
};
use interlock_core::{
    event_fields::{at, text},
    facts::SessionStatus,
};

/// From this width on, events tell their date.
const WIDE: u16 = 110;

/// Where the evidence does not fit.
const MORE: &str = " (enter: all)";

pub fn holds(state: &State, theme: Theme, frame: &mut Frame<'_>, area: Rect) {
    let waiting = state.holds.items.len();
    let inside = inside(state, Pane::Holds, &format!("waiting for a decision: {waiting}"), frame, area);
    if waiting == 0 {
        frame.render_widget(Paragraph::new("nothing waits"), inside);
        return;
    }
    let width = usize::from(inside.width);
    let evidence = evidence_lines(state, area.width);
    let room = usize::from(inside.height);
    let listed = waiting.min(4).min(room);
    let mut lines: Vec<Line<'_>> = window(&state.holds.items, state.holds.place(), listed)
        .map(|(place, hold)| row(&hold_row(hold, state), place == state.holds.place(), theme.urgent(), width))
        .collect();
    lines.push(Line::raw("─".repeat(width)));
    let left = room.saturating_sub(lines.len());
    let cut = evidence.len() > left;
    lines.extend(evidence.into_iter().take(left).map(Line::raw));
    if cut && let Some(last) = lines.last_mut() {
        let text = clipped(&last.to_string(), width.saturating_sub(MORE.len()));
        *last = Line::raw(text + MORE);
    }
    frame.render_widget(Paragraph::new(lines), inside);
}

fn hold_row(hold: &HoldView, state: &State) -> String {
    let silence = match hold.deadline {
        Some(deadline) => format!("{} in {}", word(hold.then), since(state.now, deadline)),
        None => "waits".to_owned(),
    };
    let more = match hold.others.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let HoldView { id, command, destination, agent, session, .. } = hold;
    plain(&format!("{id}  {silence}  {agent} {session}  {command}{more} → {destination}"))
}

/// Of the chosen hold.
pub fn evidence_lines(state: &State, width: u16) -> Vec<String> {
    let Some(hold) = state.holds.chosen() else { return Vec::new() };
    let width = usize::from(width.saturating_sub(2));
    let parts = evidence(hold, state.story(&hold.id));
    let lines = parts.iter().flat_map(|(label, facts)| labelled(label, facts));
    lines.flat_map(|line| wrapped(&line, width, LABEL, LongWords::Cut)).collect()
}

pub fn sessions(state: &State, theme: Theme, frame: &mut Frame<'_>, area: Rect) {
    let count = state.sessions.items.len();
    let inside = inside(state, Pane::Sessions, &format!("sessions: {count}"), frame, area);
    if count == 0 {
        frame.render_widget(Paragraph::new("no agent session lives"), inside);
        return;
    }
    let place = state.sessions.place();
    let lines: Vec<Line<'_>> = window(&state.sessions.items, place, usize::from(inside.height))
        .map(|(at, session)| {
            let stands = matches!(session.status, SessionStatus::Frozen | SessionStatus::Holding);
            let style = if stands { theme.standing() } else { Style::new() };
            row(&session_row(session, state), at == place, style, usize::from(inside.width))
        })
        .collect();
    frame.render_widget(Paragraph::new(lines), inside);
}

fn session_row(session: &SessionView, state: &State) -> String {
    let incomplete = if session.incomplete { ", incomplete" } else { "" };
    plain(&format!(
        "{}  {}  {}{incomplete}  {}  {} processes  risk {}  {} read  {}",
        session.id,
        session.agent,
        word(session.status),
        since(session.started, state.now),
        session.processes,
        session.risk,
        session.touched.len(),
        session.workspace.as_deref().unwrap_or("unknown")
    ))
}

pub fn events(state: &State, theme: Theme, frame: &mut Frame<'_>, area: Rect) {
    let shown = state.events.shown(&state.zone);
    let title = match state.events.filter.as_str() {
        "" => format!("events: {}", shown.len()),
        filter => plain(&format!("events with {filter:?}: {}", shown.len())),
    };
    let inside = inside(state, Pane::Events, &title, frame, area);
    if shown.is_empty() {
        frame.render_widget(Paragraph::new("no events"), inside);
        return;
    }
    let place = state.events.place(&shown);
    let chosen = state.focus == Pane::Events || state.events.chosen.is_some();
    let lines: Vec<Line<'_>> = window(&shown, place, usize::from(inside.height))
        .map(|(at, event)| {
            let alert = text(event, "event.kind") == Some("alert");
            let style = if alert { theme.urgent() } else { Style::new() };
            let mark = if alert { '!' } else { ' ' };
            let line = format!("{mark} {}  {}", when(event, state, area.width), words(event, &state.zone));
            row(&line, chosen && at == place, style, usize::from(inside.width))
        })
        .collect();
    frame.render_widget(Paragraph::new(lines), inside);
}

/// On a narrow screen without the date: what is shown is of now.
fn when(event: &Value, state: &State, width: u16) -> String {
    let Some(at) = at(event) else { return "--:--:--".to_owned() };
    let moment = moment(at, &state.zone);
    if width >= WIDE { moment } else { moment.get(11..19).unwrap_or_default().to_owned() }
}

/// Draws the frame of a pane, and returns what is inside of it.
fn inside(state: &State, pane: Pane, title: &str, frame: &mut Frame<'_>, area: Rect) -> Rect {
    let focused = state.focus == pane;
    let title = clipped(&format!(" {title} "), usize::from(area.width.saturating_sub(2)));
    let block = Block::bordered().title(title).title_style(Theme::title());
    let block = if focused { block.border_set(border::THICK) } else { block };
    let inside = block.inner(area);
    frame.render_widget(block, area);
    inside
}

/// `count` items around `place`, each with its own place.
fn window<T>(items: &[T], place: usize, count: usize) -> impl Iterator<Item = (usize, &T)> {
    let first = (place + 1).saturating_sub(count);
    items.iter().enumerate().skip(first).take(count)
}

fn row(text: &str, chosen: bool, style: Style, width: usize) -> Line<'static> {
    let mark = if chosen { '>' } else { ' ' };
    let text = clipped(&format!("{mark} {text}"), width);
    if chosen {
        Line::styled(format!("{text:<width$}"), style.patch(Theme::selected()))
    } else {
        Line::styled(text, style)
    }
}
