//! The thread that watches: what the API says comes through the inbox.

use std::{collections::BTreeSet, io, path::PathBuf};

use tokio::{runtime::Builder, sync::watch::Receiver};

use crate::daemon::context::mailbox::handle::{Inbox, Message};
use interlock_host::capabilities::{self, Duty};
use interlock_kubernetes::{
    access::Access,
    pods::{Pace, Watch},
};

/// # Errors
/// No thread, or no runtime, can be had.
pub fn start(
    kubeconfig: Option<PathBuf>,
    node: String,
    keep: Receiver<BTreeSet<String>>,
    back: Inbox,
) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let watch = Watch { access: Access { kubeconfig }, node, keep, pace: Pace::default() };
    capabilities::start("interlock-pods", Duty::Own, move || {
        runtime.block_on(watch.run(|update| back.send(Message::Pods(Box::new(update))).is_ok()));
    })?;
    Ok(())
}
