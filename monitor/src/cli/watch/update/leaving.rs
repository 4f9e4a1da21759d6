//! The end of a dialog.

use crate::cli::watch::{message::Order, model::State};

/// Ends the dialog with a word about why.
pub fn leave(state: &mut State, why: String) -> Vec<Order> {
    state.dialog = None;
    state.notice = Some(why);
    vec![Order::Refresh]
}
