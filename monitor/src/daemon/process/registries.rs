//! Package registries that the package managers have compiled in: asked in the background, at the start and after each
//! reload.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::daemon::context::mailbox::handle::{Handle, Message};
use interlock_host::packages;

/// Asks now, and whenever `again` says so; ends with the event loop, or at once where nobody is to be asked.
pub async fn ask(handle: Arc<Handle>, again: Option<Arc<Notify>>) {
    while let Some(again) = &again {
        let answers = packages::defaults().await;
        if handle.send(Message::Registries(answers)).is_err() {
            return;
        }
        again.notified().await;
    }
}
