//! Colours that help and are never needed: what they say stands in words too.

use std::env;

use ratatui::style::{Color, Modifier, Style};

#[derive(Clone, Copy, Debug)]
pub struct Theme {
    colour: bool,
}

impl Theme {
    /// Without colours where `NO_COLOR` says something (no-color.org), or the terminal has none.
    #[must_use]
    pub fn of_environment() -> Self {
        let unwanted = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = env::var_os("TERM").is_none_or(|terminal| terminal == "dumb");
        Self { colour: !unwanted && !dumb }
    }

    #[cfg(test)]
    pub fn plain() -> Self {
        Self { colour: false }
    }

    /// What a person should look at.
    #[must_use]
    pub fn urgent(self) -> Style {
        self.coloured(Color::Red).add_modifier(Modifier::BOLD)
    }

    /// What stands still.
    #[must_use]
    pub fn standing(self) -> Style {
        self.coloured(Color::Yellow)
    }

    #[must_use]
    pub fn selected() -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    #[must_use]
    pub fn title() -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    fn coloured(self, colour: Color) -> Style {
        if self.colour { Style::new().fg(colour) } else { Style::new() }
    }
}
