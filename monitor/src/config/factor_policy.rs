//! When a decision takes a factor.

/// Which decisions take more than being who the kernel says that the caller is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FactorPolicy {
    /// Every one that lets something go on, of whoever has enrolled a factor.
    #[default]
    IfEnrolled,
    /// Those alone whose rule asks for it.
    ByRule,
}
