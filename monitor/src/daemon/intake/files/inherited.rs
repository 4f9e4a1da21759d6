//! Files that a process had open before it became an agent: nobody opens them any more, so they are looked at once.

use std::{fs, path::Path};

use monitor_common::event::file::matched;

use crate::daemon::{
    context::Context,
    intake::{files::reader, judge},
};
use interlock_core::{
    facts::{SecretAccess, SessionId, Subject},
    recognition,
};
use interlock_host::{
    clock::boot_now,
    proc::{descriptors, procfs},
};

/// `O_ACCMODE` and `O_WRONLY` (include/uapi/asm-generic/fcntl.h).
const ACCESS: u32 = 0o3;
const WRITE_ONLY: u32 = 0o1;

/// Judges the secrets that a session's root has open for reading as if it opened them now.
pub fn judge_inherited(ctx: &mut Context, id: SessionId, pid: u32) {
    let mut bounds = ctx.flows.searches.wide_bounds(id);
    let began = std::time::Instant::now();
    let open: Vec<(i32, String)> = descriptors::links(pid, &mut bounds)
        .filter_map(|(number, target)| Some((number, target.to_str()?.to_owned())))
        .filter(|(_, target)| target.starts_with('/') && !target.starts_with("/dev/"))
        .collect();
    ctx.flows.searches.took(id, began.elapsed(), bounds.were_met().then_some("inherited"));
    for (number, path) in open {
        if let Some(secret) = inherited_secret(ctx, id, pid, number, path) {
            judge::judge_fact(ctx, id, pid, boot_now(), Subject::Open(secret));
        }
    }
}

fn inherited_secret(
    ctx: &mut Context,
    id: SessionId,
    pid: u32,
    number: i32,
    path: String,
) -> Option<SecretAccess> {
    if !is_read(pid, number) {
        return None;
    }
    let own = ctx.decider.sessions.get(id)?.workspace.as_deref();
    let foreign = recognition::is_outside(own, Path::new(&path));
    let file = procfs::living(pid).join("fd").join(number.to_string());
    let tagged =
        ctx.surveying.mounts.of(pid)?.identify(&file).ok().and_then(|key| ctx.kernel.maps.tag_of(key));
    match tagged {
        Some(tag) => reader::secret(ctx, pid, id, path, tag.entry, matched::INODE, true),
        None => reader::secret(ctx, pid, id, path, u32::MAX, matched::NAME, foreign),
    }
}

/// Whether the descriptor may be read from; unreadable: yes.
fn is_read(pid: u32, number: i32) -> bool {
    let text = fs::read_to_string(procfs::living(pid).join("fdinfo").join(number.to_string()));
    let flags = text.ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("flags:"))?;
        u32::from_str_radix(line.trim(), 8).ok()
    });
    flags.is_none_or(|flags| flags & ACCESS != WRITE_ONLY)
}
