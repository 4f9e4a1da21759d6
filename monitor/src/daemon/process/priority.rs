//! The threads that judge and answer come before what sessions run: a tree that forks as fast as it can must not keep its
//! own breaker from the processor.
//!
//! The priority is the highest of SCHED_OTHER, not a real-time one: an event loop that never rests must not keep everybody else
//! from the processor for ever. It counts among processes of one cgroup; between cgroups it is for systemd and Kubernetes to say.

use rustix::process::setpriority_process;

/// setpriority(2), of one thread on Linux.
const HIGHEST: i32 = -20;

/// Raises the calling thread, and what it starts. Open: without CAP_SYS_NICE it goes on with the priority it has, and
/// says so; everything is judged, later under load.
pub fn raise() {
    if let Err(error) = setpriority_process(None, HIGHEST) {
        tracing::warn!(%error, "the daemon's priority cannot be raised (CAP_SYS_NICE): under load it answers late");
    }
}
