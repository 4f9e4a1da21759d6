//! Who may decide: approve and deny holds, freeze and thaw.

use nix::unistd::User;

/// Who may decide. Root always may, and a process that carries a label never, whoever it runs as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Approvers {
    /// The user whose session it is.
    Owner,
    /// Root alone.
    Root,
    /// These users, by uid.
    Users(Vec<u32>),
}

impl Approvers {
    /// Whether `caller` may decide about a session that runs as `owner`; both are uids.
    #[must_use]
    pub fn permit(&self, caller: u32, owner: u32) -> bool {
        caller == 0
            || match self {
                Self::Owner => caller == owner,
                Self::Root => false,
                Self::Users(users) => users.contains(&caller),
            }
    }
}

/// The uid that `name` means: a number, or a name that the system's user database knows.
pub fn uid(name: &str) -> Result<u32, String> {
    if let Ok(uid) = name.parse() {
        return Ok(uid);
    }
    match User::from_name(name) {
        Ok(Some(user)) => Ok(user.uid.as_raw()),
        Ok(None) => Err(format!("no user is named {name:?}")),
        Err(error) => Err(format!("the user {name:?} cannot be looked up: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_may_always_and_others_as_configured() {
        let users = Approvers::Users(vec![1001]);
        for approvers in [Approvers::Owner, Approvers::Root, users.clone()] {
            assert!(approvers.permit(0, 1000));
        }
        assert!(Approvers::Owner.permit(1000, 1000));
        assert!(!Approvers::Owner.permit(1001, 1000));
        assert!(!Approvers::Root.permit(1000, 1000));
        assert!(users.permit(1001, 1000));
        assert!(!users.permit(1000, 1000));
    }

    #[test]
    fn a_uid_is_given_by_number_or_by_name() {
        assert_eq!(uid("1234"), Ok(1234));
        assert_eq!(uid("root"), Ok(0));
        assert!(uid("no-such-user-here").is_err_and(|text| text.contains("no-such-user-here")));
    }
}
