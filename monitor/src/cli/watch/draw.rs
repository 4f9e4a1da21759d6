//! The state on a screen.

mod over;
mod panes;

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    text::{Line, Span},
    widgets::Paragraph,
};

use super::{
    dialog::Dialog,
    model::{Link, Pane, SMALLEST, State},
    theme::Theme,
};
use crate::cli::{
    clip::clipped,
    language::{since, word},
};

const KEYS: &str =
    "tab pane  j k move  enter explain  a approve  d deny  f freeze  t thaw  / filter  ? help  q quit";
const KEYS_SHORT: &str = "tab jk enter  a approve  d deny  f freeze  t thaw  / filter  ? help  q quit";

pub fn draw(state: &State, theme: Theme, frame: &mut Frame<'_>) {
    let area = frame.area();
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        let text = format!("this window is too small: {} by {} at least; q ends", SMALLEST.0, SMALLEST.1);
        frame.render_widget(Paragraph::new(text).wrap(ratatui::widgets::Wrap { trim: true }), area);
        return;
    }
    let rows = Layout::vertical([Constraint::Length(1), Constraint::Fill(1), Constraint::Length(1)]);
    let [head, middle, foot] = rows.areas(area);
    frame.render_widget(header(state, theme, head.width), head);
    match &state.dialog {
        Some(Dialog::Question(question)) => over::question(question, theme, frame, middle),
        Some(Dialog::Text(text)) => over::text(text, frame, middle),
        _ => draw_panes(state, theme, frame, middle),
    }
    frame.render_widget(footer(state, foot.width), foot);
}

fn draw_panes(state: &State, theme: Theme, frame: &mut Frame<'_>, area: Rect) {
    let [holds, sessions, events] = heights(state, area);
    let rows = Layout::vertical([holds, sessions, events].map(Constraint::Length));
    let [holds, sessions, events] = rows.areas(area);
    panes::holds(state, theme, frame, holds);
    panes::sessions(state, theme, frame, sessions);
    panes::events(state, theme, frame, events);
}

/// The pane that has the keys gets what it asks for, as far as the others keep a few lines.
fn heights(state: &State, area: Rect) -> [u16; 3] {
    let few = |wanted: usize, most: u16| u16::try_from(wanted).unwrap_or(most).min(most);
    let (holds, sessions) = (state.holds.items.len(), state.sessions.items.len());
    let focused = |pane, room: u16, else_: u16| if state.focus == pane { room } else { else_ };
    let for_holds =
        if holds == 0 { 3 } else { holds.min(4) + 3 + panes::evidence_lines(state, area.width).len() };
    let for_holds = few(for_holds, focused(Pane::Events, area.height / 3, area.height.saturating_sub(8)));
    let rest = area.height - for_holds;
    let for_sessions = few(sessions.max(1) + 2, focused(Pane::Sessions, rest.saturating_sub(4), 5)).min(rest);
    [for_holds, for_sessions, rest - for_sessions]
}

fn header(state: &State, theme: Theme, width: u16) -> Line<'static> {
    let width = usize::from(width);
    match &state.link {
        Link::Connecting => Line::raw("interlock watch: asking the daemon"),
        Link::Lost { since: lost, why } => {
            let ago = since(*lost, state.now);
            let text = format!("NO DAEMON for {ago}, trying again; below is what was known. {why}");
            Line::styled(clipped(&text, width), theme.urgent())
        }
        Link::Up => {
            let Some(status) = &state.status else { return Line::raw("interlock watch") };
            let waiting = status.holds_waiting;
            let waits = format!("{waiting} waiting");
            let more = format!(
                "  {} sessions, {} frozen{}  mode {}  daemon {}",
                status.sessions,
                status.frozen,
                if status.suspended > 0 { ", EVERYTHING ALLOWED in some" } else { "" },
                word(status.mode),
                status.version
            );
            let style = if waiting > 0 { theme.urgent() } else { Theme::title() };
            let used = waits.len() + "interlock watch  ".len();
            let more = clipped(&more, width.saturating_sub(used));
            Line::from(vec![Span::raw("interlock watch  "), Span::styled(waits, style), Span::raw(more)])
        }
    }
}

fn footer(state: &State, width: u16) -> Line<'static> {
    let width = usize::from(width);
    let keys = if KEYS.len() <= width { KEYS } else { KEYS_SHORT };
    let text = match (&state.dialog, &state.notice) {
        (Some(Dialog::Looking(looking)), _) => {
            format!("{}: asking the daemon what waits …", looking.decision.words())
        }
        (Some(Dialog::Question(question)), _) => question.beside(),
        (Some(Dialog::Text(_)), _) => "j k go on and back, Esc leaves".to_owned(),
        (Some(Dialog::Filter(_)), _) => format!("show events with: {}▏ (Enter, Esc)", state.events.filter),
        (None, Some(notice)) => notice.clone(),
        (None, None) => keys.to_owned(),
    };
    Line::styled(clipped(&text, width), Theme::title())
}
