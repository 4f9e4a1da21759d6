//! Decisions from a terminal that a session has, too: whether they count.

use interlock_host::proc::seat::Pushing;

/// Whether what lets something go on may be decided from a terminal that a session has, too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SharedTerminal {
    /// Where the kernel keeps processes from typing for the person.
    #[default]
    Detect,
    Refuse,
    Allow,
}

impl SharedTerminal {
    /// Whether such a decision is refused, on a kernel that is so.
    #[must_use]
    pub fn is_refused(self, pushing: Pushing) -> bool {
        match self {
            Self::Detect => pushing != Pushing::Forbidden,
            Self::Refuse => true,
            Self::Allow => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_asked_only_where_nobody_has_said() {
        for pushing in [Pushing::Forbidden, Pushing::Switched, Pushing::Always] {
            assert!(SharedTerminal::Refuse.is_refused(pushing) && !SharedTerminal::Allow.is_refused(pushing));
            assert_eq!(SharedTerminal::Detect.is_refused(pushing), pushing != Pushing::Forbidden);
        }
    }
}
