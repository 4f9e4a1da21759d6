//! Proof of who approves, where a rule asks for one (`approve.factor`).

use crate::{
    control::{api::Factor, command::RequestError, peer::Caller},
    daemon::serve::refusals::{refusal, with_hint},
};
use interlock_core::{facts::FactorKind, holds::Hold, words::Word as _};

/// What the caller has proven to be itself by, for this hold as it stands; `None` where it has proven nothing, which is enough
/// where the hold's terms ask for nothing.
///
/// Nothing verifies a factor yet, so each is refused, and what asks for one cannot be approved. Fails closed.
///
/// # Errors
/// The proof is not the caller's, not for this hold, or was used before.
pub fn verified(
    hold: &Hold,
    _caller: &Caller,
    factor: Option<&Factor>,
) -> Result<Option<FactorKind>, RequestError> {
    let Some(Factor { kind, .. }) = factor else { return Ok(None) };
    let error = format!("{} is approved by nobody: this daemon verifies no {}", hold.id(), kind.word());
    Err(RequestError::NotPermitted(with_hint(refusal(&error), "a denial needs no factor")))
}
