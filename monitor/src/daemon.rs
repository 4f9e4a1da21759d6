//! Placeholder of the branch `control`: the engine's author writes this module.

#[derive(Debug, thiserror::Error)]
#[error("this build has no engine")]
pub struct StartError;

pub fn run(_: crate::config::Config, _: bool) -> Result<(), StartError> {
    Err(StartError)
}
