//! HTML of the few tags that Telegram and Matrix both show.

use crate::notifier::{notice::fit, page::Page};

/// The title, the lines and the commands; `budget` is in what `cost` counts, of the text that is shown.
pub fn html(page: &Page, budget: usize, cost: impl Fn(char) -> usize + Copy) -> String {
    let length = |text: &str| text.chars().map(cost).sum::<usize>();
    let commands = page.commands.join("\n");
    let around = length(&page.title) + length(&commands) + length(page.note) + 8;
    let table = fit(&page.table(), budget.saturating_sub(around), cost);
    let mut text = format!("<b>{}</b>\n<pre>{}</pre>", escaped(&page.title), escaped(&table));
    if !page.commands.is_empty() {
        text.push_str(&format!("\n<pre>{}</pre>\n<i>{}</i>", escaped(&commands), escaped(page.note)));
    }
    text
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
