//! Placeholder of the branch `control`: the engine's author writes this module.

pub fn doctor() -> Vec<crate::control::api::Check> {
    Vec::new()
}
