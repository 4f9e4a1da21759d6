//! What the thread that looks at factors has done, told before anything else is asked.

use super::{enrolling, given::tell_refused};
use crate::{
    control::command::{Command, Request, Strength},
    daemon::context::Context,
};
use interlock_core::{record::Factor, words::Word as _};

/// Counts and tells what the thread found, which is used up or on disk by now: also of a caller that has ended meanwhile, or asks too often.
pub fn tell(ctx: &mut Context, command: &Command) {
    match &command.strength {
        Some(Strength::Listed(Ok(_)) | Strength::Surveyed(_)) | None => {}
        Some(Strength::Proven(_, Ok(factor))) => count(ctx, factor),
        Some(Strength::Changed(by, Ok(changed))) => {
            count(ctx, by);
            let change = match command.request {
                Request::RemoveFactor(..) => "removed",
                _ => "added",
            };
            enrolling::tell(ctx, &command.caller, changed, by, change);
        }
        Some(
            Strength::Proven(_, Err(refused))
            | Strength::Changed(_, Err(refused))
            | Strength::Listed(Err(refused)),
        ) => tell_refused(ctx, &command.caller, refused),
    }
}

/// Which factor counted.
fn count(ctx: &Context, factor: &Factor) {
    if let Some(kind) = factor.kind() {
        ctx.reporter.metrics.factor_checked(kind.word());
    }
}
