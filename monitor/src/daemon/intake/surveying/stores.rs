//! What a survey has found: the session's workspace, and its stores, which are tagged as secrets.

use std::path::PathBuf;

use monitor_common::policy::InodeKey;

use crate::daemon::context::Context;
use interlock_core::facts::SessionId;
use interlock_host::{
    clock::boot_now,
    proc::{stores::Store, survey::Survey, workspace::Workspace},
};

/// Takes in what was found.
pub fn settle(ctx: &mut Context, id: SessionId, survey: Survey) {
    let Survey { whole, homes, workspace, stores, mounts } = survey;
    let Some(session) = ctx.decider.sessions.get_mut(id) else { return }; // it has ended meanwhile
    if whole {
        session.home = homes.first().map(|home| home.to_string_lossy().into_owned());
        ctx.surveying.surroundings.entry(id).or_default().mounts = mounts;
    }
    if let Some((found, key)) = workspace {
        settle_workspace(ctx, id, found, key);
    }
    tag_found(ctx, id, stores, &homes);
}

/// Tells the kernel which directory tree is the session's own.
fn settle_workspace(ctx: &mut Context, id: SessionId, found: Workspace, key: InodeKey) {
    if let Err(error) = ctx.kernel.maps.settle_workspace(id, key) {
        tracing::warn!(session = %id, %error, "the workspace is unknown to the kernel: every secret is foreign");
    }
    if let Some(session) = ctx.decider.sessions.get_mut(id) {
        session.workspace = Some(found.root);
        session.workspace_told = boot_now();
        session.project = found.project;
    }
    ctx.state.save();
}

/// Tags by device and inode: a hard link or another name leads to the same tag.
fn tag_found(ctx: &mut Context, id: SessionId, stores: Vec<Store>, homes: &[PathBuf]) {
    let workspace = ctx.decider.sessions.get(id).and_then(|session| session.workspace.clone());
    // What lies in the workspace is its own, and known by name.
    let is_own = |store: &Store| workspace.as_ref().is_some_and(|own| store.path.starts_with(own));
    for store in stores.into_iter().filter(|store| !is_own(store)) {
        let secrets = &ctx.policies.catalog.secrets;
        let entry = store.found.to_str().and_then(|path| secrets.found_at(&store.place, path, homes));
        if let Some(tag) = entry.and_then(|entry| secrets.kernel_tag(entry)) {
            ctx.kernel.tag(id, store.anchor, tag);
        }
    }
}

/// Notes where the session's variables put its stores. `env` is its root's.
pub fn move_stores(ctx: &mut Context, id: SessionId, env: &[(String, String)]) {
    let moved = ctx.policies.catalog.secrets.moved(&|name: &str| variable(env, name));
    let names_change = !moved.is_empty();
    if let Some(session) = ctx.decider.sessions.get_mut(id) {
        session.moved = moved;
    }
    if names_change
        && let Err(error) = ctx.kernel.write_names(&ctx.decider.sessions, &ctx.policies.catalog.secrets)
    {
        tracing::error!(session = %id, %error, "stores that variables moved are known by their inodes only");
    }
}

pub fn variable(env: &[(String, String)], name: &str) -> Option<String> {
    env.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
}
