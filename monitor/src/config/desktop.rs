//! What a click in a notification of the desktop may do.

/// Whether it approves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Desktop {
    /// It shows and denies. Whoever is on the session bus or the X server, an agent's processes too, can click or put another text
    /// over the question.
    #[default]
    Show,
    /// It approves too, where no session is seen in between.
    Decide,
}
