//! What lies over the panes.

use ratatui::{
    Frame,
    layout::Rect,
    style::Style,
    symbols::border,
    text::Line,
    widgets::{Block, Clear, Paragraph},
};

use crate::cli::watch::{
    dialog::{Question, Text, room},
    theme::Theme,
};

pub fn question(question: &Question, theme: Theme, frame: &mut Frame<'_>, area: Rect) {
    let size = (frame.area().width, frame.area().height);
    let inside = paper(&question.text.title, theme.urgent(), frame, area);
    let (width, height) = room(size, true);
    let body = Rect { height: inside.height.saturating_sub(1), ..inside };
    lines(&question.text, (width, height), frame, body);
    let ask = Rect { y: inside.bottom().saturating_sub(1), height: 1, ..inside };
    frame.render_widget(Paragraph::new(Line::styled(question.prompt(width), Theme::title())), ask);
}

pub fn text(text: &Text, frame: &mut Frame<'_>, area: Rect) {
    let size = (frame.area().width, frame.area().height);
    let inside = paper(&text.title, Theme::title(), frame, area);
    lines(text, room(size, false), frame, inside);
}

fn paper(title: &str, style: Style, frame: &mut Frame<'_>, area: Rect) -> Rect {
    let block = Block::bordered().border_set(border::THICK).title(format!(" {title} ")).title_style(style);
    let inside = block.inner(area);
    frame.render_widget(Clear, area);
    frame.render_widget(block, area);
    Rect { x: inside.x + 1, width: inside.width.saturating_sub(2), ..inside }
}

fn lines(text: &Text, (width, height): (usize, usize), frame: &mut Frame<'_>, area: Rect) {
    let all = text.wrapped(width);
    let shown = all.into_iter().skip(text.top).take(height);
    frame.render_widget(Paragraph::new(shown.map(Line::raw).collect::<Vec<_>>()), area);
}
