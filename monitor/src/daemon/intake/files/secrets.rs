//! From an opened file to the secret that rules speak about.

use std::path::{Path, PathBuf};

use monitor_common::event::file::{self, Open, Probe, Relink};

use crate::daemon::{
    context::Context,
    intake::files::{copies, paths, reader},
};
use interlock_core::{
    catalog::normalise,
    facts::{SecretAccess, SessionId},
    recognition,
    strings::text,
};
use interlock_host::proc::{origin, procfs};

/// The secret that was opened; `None` where its name only looked like one.
pub fn opened_secret(ctx: &mut Context, open: &Open) -> Option<SecretAccess> {
    let (pid, session) = (open.header.tgid, SessionId(open.header.session));
    let (path, real) = paths::called(&mut ctx.surveying, pid, session, open.file.dev, &open.path);
    let foreign = open.foreign != 0
        && !paths::is_own(
            &ctx.kernel.maps,
            &ctx.decider.sessions,
            &mut ctx.surveying.mounts,
            open,
            real.as_ref().unwrap_or(&path),
        );
    if open.matched == file::matched::COPY {
        let found = reader::secret(ctx, pid, session, path, open.tag.entry, file::matched::INODE, true);
        let copy = found.map(|secret| SecretAccess { copy: true, foreign: true, owner: false, ..secret });
        return copy.filter(|copy| copies::is_copy(ctx, open, copy));
    }
    let real =
        real.and_then(|real| reader::secret(ctx, pid, session, real, open.tag.entry, open.matched, foreign));
    // A container's mounts give a store its name, too.
    real.or_else(|| reader::secret(ctx, pid, session, path.clone(), open.tag.entry, open.matched, foreign))
        .or_else(|| renamed_secret(ctx, pid, session, path, open, foreign))
}

/// A foreign file that counts for nothing by the name of a directory that somebody renamed since the session began: what
/// it was called before is not known, so it is what the kernel took it for.
fn renamed_secret(
    ctx: &Context,
    pid: u32,
    id: SessionId,
    path: String,
    open: &Open,
    foreign: bool,
) -> Option<SecretAccess> {
    let session = ctx.decider.sessions.get(id).filter(|_| foreign && open.matched == file::matched::NAME)?;
    let is_renamed =
        origin::is_renamed_since(&[pid, id.root()], Path::new(&path), ctx.reporter.wall.at(session.started));
    is_renamed.then(|| reader::secret(ctx, pid, id, path, open.tag.entry, file::matched::INODE, foreign))?
}

/// The secret that got another name, by the one it had.
pub fn relinked_secret(ctx: &mut Context, relink: &Relink) -> Option<SecretAccess> {
    let (pid, session) = (relink.header.tgid, SessionId(relink.header.session));
    let (path, _) = paths::called(&mut ctx.surveying, pid, session, relink.file.dev, &relink.path);
    reader::secret(ctx, pid, session, path, relink.tag.entry, relink.matched, relink.foreign != 0)
}

/// The secret that could not be opened.
pub fn probed_secret(ctx: &Context, probe: &Probe) -> Option<SecretAccess> {
    let (pid, session) = (probe.header.tgid, SessionId(probe.header.session));
    let given = PathBuf::from(text(&probe.path));
    let path = if given.is_absolute() {
        given
    } else {
        procfs::working_directory(pid).map(|cwd| cwd.join(&given)).unwrap_or(given)
    };
    // `WORKSPACE/../.env` only looks as if it were inside.
    let path = normalise(&path.to_string_lossy());
    let known = ctx.decider.sessions.get(session);
    let own = known.into_iter().flat_map(|known| known.workspace.iter().chain(&known.project));
    let foreign = own.into_iter().all(|tree| recognition::is_outside(Some(tree), Path::new(&path)));
    reader::secret(ctx, pid, session, path, probe.tag.entry, probe.matched, foreign)
}
