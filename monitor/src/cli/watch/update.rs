//! How the state changes by what happens, and what is asked of the daemon because of it.

mod keys;
mod leaving;
mod news;

use super::{
    message::{Input, Order},
    model::State,
};

/// Changes the state; returns what is to be asked.
pub fn update(state: &mut State, input: Input) -> Vec<Order> {
    match input {
        Input::Key(key) => keys::pressed(state, key),
        Input::Resized(width, height) => {
            state.size = (width, height);
            state.settle();
            Vec::new()
        }
        Input::Tick(now) => {
            state.now = now;
            Vec::new()
        }
        Input::Ended => vec![Order::Quit],
        other => news::came(state, other),
    }
}
