//! Rule files and catalogues that change are read again without being asked to.

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use futures_util::StreamExt as _;
use inotify::{EventStream, Inotify, WatchMask};

use crate::{
    config::Config,
    daemon::context::mailbox::handle::{Handle, Message},
};

/// An editor, or a configuration manager, changes several files, or one in several steps.
const SETTLED: Duration = Duration::from_millis(250);

/// Listens from this call on. Directories are watched, because files are replaced rather than written to.
///
/// # Errors
/// The kernel gives no inotify instance. A directory that cannot be watched is only said: SIGHUP still works.
pub fn forward_changes(
    config: &Config,
    handle: Arc<Handle>,
) -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let inotify = Inotify::init()?;
    let changes = WatchMask::CLOSE_WRITE | WatchMask::MOVE | WatchMask::CREATE | WatchMask::DELETE;
    for directory in directories(config) {
        if let Err(error) = inotify.watches().add(&directory, changes | WatchMask::ONLYDIR) {
            tracing::warn!(directory = %directory.display(), %error, "changes are not noticed: reload by hand");
        }
    }
    let stream = inotify.into_event_stream([0; 4096])?;
    Ok(forward(stream, handle))
}

async fn forward(mut stream: EventStream<[u8; 4096]>, handle: Arc<Handle>) {
    while stream.next().await.is_some() {
        while let Ok(Some(_)) = tokio::time::timeout(SETTLED, stream.next()).await {}
        if handle.send(Message::FilesChanged).is_err() {
            return;
        }
    }
}

fn directories(config: &Config) -> Vec<PathBuf> {
    let directory = |path: &PathBuf| match path.is_dir() {
        true => Some(path.clone()),
        false => path.parent().map(PathBuf::from),
    };
    // Where no bundle was ever installed there is nothing to watch; whoever installs the first one has it read.
    let policy = config.policy.iter().filter(|path| path.is_dir()).cloned();
    [&config.rules, &config.catalog].into_iter().flatten().filter_map(directory).chain(policy).collect()
}
