//! What is known of the sessions' surroundings: their mounts, stores, programs and pods.

pub mod pods;
pub mod strangers;
pub mod surveys;

use std::collections::HashMap;

use crate::daemon::context::surveying::{pods::Pods, strangers::Strangers, surveys::Surveys};
use interlock_core::facts::SessionId;
use interlock_host::{
    probes::inode::MountCache,
    proc::{contents::Fingerprints, surroundings::Surroundings},
};

/// What was found around the sessions.
#[derive(Default)]
pub struct Surveying {
    /// Of every session of the registry that was looked at.
    pub surroundings: HashMap<SessionId, Surroundings>,
    pub mounts: MountCache,
    pub surveys: Surveys,
    pub fingerprints: Fingerprints,
    pub strangers: Strangers,
    pub pods: Pods,
}
