//! Sessions that can hand each other what they have read: what one of them has touched counts for the other, because nobody sees
//! what they say. Only later acts are judged by it: the other one has read nothing, so no rule about reading is asked.

use monitor_common::event::meeting::{Meeting, how};

use crate::daemon::{
    apply,
    context::{Context, reporter::Reporter},
    intake::judge,
};
use interlock_core::{
    facts::{BootNanos, SessionId},
    sessions::Registry,
};

pub fn on_meeting(ctx: &mut Context, meeting: &Meeting) {
    let (one, other) = (SessionId(meeting.header.session), SessionId(meeting.other));
    report_meeting(&mut ctx.reporter, &ctx.decider.sessions, meeting, one, other);
    apply::pass_on(ctx, [one, other]); // who was met may have been pushed out of the kernel's list
    judge::settle_touch(&mut ctx.kernel.maps, &mut ctx.decider.sessions, one, meeting.touch);
    judge::settle_touch(&mut ctx.kernel.maps, &mut ctx.decider.sessions, other, meeting.other_touch);
}

fn report_meeting(
    reporter: &mut Reporter,
    sessions: &Registry,
    meeting: &Meeting,
    one: SessionId,
    other: SessionId,
) {
    let process = sessions.actor(one, meeting.header.tgid).cloned().unwrap_or_default();
    let place = match meeting.how {
        how::UNIX_SOCKET => "a Unix socket",
        how::PORT => "a TCP port of this machine",
        _ => "a named pipe",
    };
    let event = reporter
        .event(sessions, "sessions-met", BootNanos(meeting.header.at_ns), one)
        .process(&process)
        .with("session.met", other.to_string())
        .with("message", format!("by {place}: what one of them has read counts for the other from now on"));
    reporter.publish(sessions, event);
}
