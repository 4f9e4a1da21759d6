//! How a person is told on the terminal that a session was started at.

/// The most that is done there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Terminal {
    /// A line where lines are read; where a program reads keys and draws the screen itself, the window's title and a bell.
    #[default]
    Line,
    /// The window's title, and nothing on its screen.
    Title,
    /// A bell.
    Bell,
    Off,
}
