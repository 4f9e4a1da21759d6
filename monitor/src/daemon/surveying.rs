//! Surveys: what a session has in its own mounts, looked at when it begins, when one of its processes turns up in another
//! mount namespace, when mounts change, and now and then: a kubelet renews a token under a name that says nothing.
//!
//! A session can have its files on a file system that never answers. The engine waits for a moment when the session
//! begins, for nothing otherwise, and for so long in a minute altogether; what was not found in time is tagged when it is
//! found, and known by its name until then.

use std::{
    path::PathBuf,
    sync::mpsc::RecvTimeoutError,
    time::{Duration, Instant},
};

use monitor_common::policy::InodeKey;

use super::{
    beginning::variable,
    engine::Engine,
    surveys::{RUNNING_MAX, Running, View},
};
use interlock_core::facts::{BootNanos, SessionId};
use interlock_host::{
    clock::boot_now,
    proc::{
        procfs,
        stores::Store,
        survey::{self, Namespace, Question, Survey, namespace},
        workspace::Workspace,
    },
};

/// How long a survey takes where everything answers, on a loaded machine.
const USUAL: Duration = Duration::from_millis(100);
/// How long the engine waits for the survey of a session that begins: while look-ups are answered, and no longer than this.
const SURVEY_TIMEOUT: Duration = Duration::from_secs(2);
const QUIET: Duration = Duration::from_secs(1);
/// Processes that are looked at for one that still is in a namespace.
const SEARCHED_MAX: usize = 256;

impl Engine {
    /// Looks at what a session that begins has, `pid` being its root, and waits for it a moment.
    pub fn survey_whole(&mut self, id: SessionId, pid: u32, env: &[(String, String)]) {
        let question = self.question(pid, env, true);
        self.survey(id, question, SURVEY_TIMEOUT);
    }

    /// Looks at the session's stores again, by the environment that its root has, or another of its processes.
    pub fn tag_stores(&mut self, id: SessionId) {
        let pids = self.decider.sessions.pids(id, id.root());
        if let Some(running) = pids.into_iter().take(SEARCHED_MAX).find_map(procfs::read) {
            self.move_stores(id, &running.env);
            let question = self.question(running.process.pid, &running.env, false);
            self.survey(id, question, SURVEY_TIMEOUT);
        }
    }

    /// A process of a session runs a program: in mounts that were not looked at yet, or that have changed?
    pub fn look_around(&mut self, id: SessionId, pid: u32) {
        let namespace = namespace(pid);
        self.note_stranger(id, pid, namespace);
        let Some(namespace) = namespace.filter(|_| self.decider.sessions.get(id).is_some()) else { return };
        let now = boot_now();
        if self.surveys.view(id, namespace, pid).is_some_and(|view| view.stale && view.is_due(now)) {
            self.survey_namespace(id, namespace, pid);
        }
    }

    /// A process of a session mounts something, or takes a mount away: told before it happens, so looked at a little later.
    pub fn mounts_change(&mut self, id: SessionId, pid: u32) {
        let Some(namespace) = namespace(pid).filter(|_| self.decider.sessions.get(id).is_some()) else {
            return;
        };
        self.surveys.view(id, namespace, pid);
        self.surveys.unsettle(namespace);
    }

    /// What is due.
    pub fn survey_again(&mut self, now: BootNanos) {
        for id in self.decider.sessions.ids() {
            let mut views = self.surveys.views.remove(&id).unwrap_or_default();
            views.retain_mut(|view| self.is_there(id, view));
            let mut due = Vec::new();
            for view in &mut views {
                view.stale |= view.has_changed();
                due.extend(view.is_due(now).then_some((view.namespace, view.pid)));
            }
            self.surveys.views.insert(id, views);
            due.into_iter().for_each(|(namespace, pid)| self.survey_namespace(id, namespace, pid));
        }
    }

    /// Takes in what late surveys have found.
    pub fn take_surveys(&mut self) {
        for (id, survey) in self.surveys.answers() {
            self.settle(id, survey);
        }
        if self.surveys.strangers && self.surveys.running.is_empty() {
            self.surveys.strangers = false;
            self.untag_strangers();
        }
    }

    /// Tags that an earlier daemon left and this one does not find go once every survey has answered. Fails closed: while
    /// one does not, they stay.
    pub fn untag_strangers_later(&mut self) {
        self.surveys.strangers = true;
        self.take_surveys();
    }

    pub fn forget_surveys(&mut self, id: SessionId) {
        self.surveys.views.remove(&id);
        self.strangers.forget(id);
    }

    /// Whether somebody of the session still is in the namespace; whoever is stands for it from now on.
    fn is_there(&self, id: SessionId, view: &mut View) -> bool {
        let pids = std::iter::once(view.pid).chain(self.decider.sessions.pids(id, id.root()));
        let found = pids.take(SEARCHED_MAX).find(|pid| namespace(*pid) == Some(view.namespace));
        view.pid = found.unwrap_or(view.pid);
        found.is_some()
    }

    fn survey_namespace(&mut self, id: SessionId, namespace: Namespace, pid: u32) {
        if self.surveys.is_running(id, namespace) || !self.surveys.has_room(id) {
            return; // still stale: tried again at the next tick
        }
        // Its own environment: a sandbox may give it another home.
        let Some(running) = procfs::read(pid) else { return };
        let question = self.question(pid, &running.env, false);
        self.survey(id, question, Duration::ZERO);
    }

    fn question(&self, pid: u32, env: &[(String, String)], workspace: bool) -> Question {
        let secrets = &self.policies.catalog.secrets;
        let lookup = |name: &str| variable(env, name);
        Question {
            pid,
            user: procfs::user(pid).unwrap_or_default(),
            home: lookup("HOME"),
            workspace,
            places: secrets.places(&secrets.moved(&lookup)),
        }
    }

    fn survey(&mut self, id: SessionId, question: Question, patience: Duration) {
        let (pid, found) = (question.pid, namespace(question.pid));
        if let Some(namespace) = found
            && let Some(view) = self.surveys.view(id, namespace, pid)
        {
            let _ = view.has_changed(); // what was mounted so far is looked at now
            (view.looked, view.stale) = (boot_now(), false);
        }
        if self.decider.sessions.get(id).is_some() {
            let around = self.surroundings.entry(id).or_default();
            around.namespace = around.namespace.or(found);
        }
        // Fails open, visibly: what is not found is known by its name only, and a workspace that is not known is foreign.
        if self.surveys.running.len() >= RUNNING_MAX {
            tracing::warn!(session = %id, pid, "too many file systems do not answer: its stores are known by name only");
            return;
        }
        let answer = match survey::start(question, self.waker()) {
            Ok(answer) => answer,
            Err(error) => {
                tracing::warn!(session = %id, pid, %error, "its stores are known by name only");
                return;
            }
        };
        let (patience, began) = (self.surveys.patience.of(patience), Instant::now());
        let answered = answer.wait(QUIET, patience);
        // A file system that answers as file systems do costs nobody his patience, however many sessions begin.
        self.surveys.patience.spend(began.elapsed().saturating_sub(USUAL));
        match answered {
            Ok(survey) => self.settle(id, survey),
            Err(RecvTimeoutError::Disconnected) => {}
            Err(RecvTimeoutError::Timeout) => {
                tracing::warn!(session = %id, pid, "a file system is slow to answer: its stores are known by name only until it does");
                if patience.is_zero() {
                    // Nobody waited for this one at all: fails closed.
                    self.doubt_unsurveyed(id, pid);
                }
                self.surveys.running.push(Running { session: id, namespace: found, answer });
            }
        }
    }

    fn settle(&mut self, id: SessionId, survey: Survey) {
        let Survey { whole, homes, workspace, stores, mounts } = survey;
        let Some(session) = self.decider.sessions.get_mut(id) else { return }; // it has ended meanwhile
        if whole {
            session.home = homes.first().map(|home| home.to_string_lossy().into_owned());
            self.surroundings.entry(id).or_default().mounts = mounts;
        }
        if let Some((found, key)) = workspace {
            self.settle_workspace(id, found, key);
        }
        self.tag_found(id, stores, &homes);
    }

    /// Tells the kernel which directory tree is the session's own.
    fn settle_workspace(&mut self, id: SessionId, found: Workspace, key: InodeKey) {
        if let Err(error) = self.maps.settle_workspace(id, key) {
            tracing::warn!(session = %id, %error, "the workspace is unknown to the kernel: every secret is foreign");
        }
        if let Some(session) = self.decider.sessions.get_mut(id) {
            session.workspace = Some(found.root);
            session.workspace_told = boot_now();
            session.project = found.project;
        }
        self.save();
    }

    /// Tags by device and inode: a hard link or another name leads to the same tag.
    fn tag_found(&mut self, id: SessionId, stores: Vec<Store>, homes: &[PathBuf]) {
        let workspace = self.decider.sessions.get(id).and_then(|session| session.workspace.clone());
        // What lies in the workspace is its own, and known by name.
        let is_own = |store: &Store| workspace.as_ref().is_some_and(|own| store.path.starts_with(own));
        for store in stores.into_iter().filter(|store| !is_own(store)) {
            let secrets = &self.policies.catalog.secrets;
            let entry = store.found.to_str().and_then(|path| secrets.found_at(&store.place, path, homes));
            if let Some(tag) = entry.and_then(|entry| secrets.kernel_tag(entry)) {
                self.tag(id, store.anchor, tag);
            }
        }
    }
}
