//! Who may see which events.

use serde_json::Value;

use crate::config::Approvers;

/// What one caller may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sight {
    uid: u32,
    approvers: Approvers,
    /// A viewer.
    all: bool,
}

impl Sight {
    #[must_use]
    pub fn of(uid: u32, approvers: &Approvers) -> Self {
        Self { uid, approvers: approvers.clone(), all: false }
    }

    #[must_use]
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// Of root: everything.
    #[must_use]
    pub fn of_root() -> Self {
        Self { uid: 0, approvers: Approvers::Root, all: true }
    }

    /// The same of whoever sees everybody's sessions: every event that says whose it is.
    #[must_use]
    pub fn of_everything(self) -> Self {
        Self { all: true, ..self }
    }

    /// Whether the caller may see an event: of an own session, or of one that it may decide about. Fails closed: an event that
    /// does not say whose it is, is root's alone; so are those that an older daemon wrote.
    #[must_use]
    pub fn sees(&self, event: &Value) -> bool {
        let owner = || event.get("user.id").and_then(Value::as_str).and_then(|id| id.parse().ok());
        self.uid == 0
            || owner()
                .is_some_and(|owner| self.all || self.uid == owner || self.approvers.permit(self.uid, owner))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn everybody_sees_their_own_and_what_they_may_decide_about() {
        let own = json!({ "user.id": "1000" });
        let sees = |uid, approvers: &Approvers, event| Sight::of(uid, approvers).sees(event);
        assert!(sees(1000, &Approvers::Root, &own));
        assert!(!sees(1001, &Approvers::Owner, &own));
        assert!(sees(1001, &Approvers::Users(vec![1001]), &own));
        assert!(sees(0, &Approvers::Owner, &own));
    }

    #[test]
    fn what_does_not_say_whose_it_is_is_roots_alone() {
        let all = Approvers::Users(vec![1000]);
        for event in [json!({}), json!({ "user.id": 1000 }), json!({ "user.id": "x" }), json!(7)] {
            assert!(!Sight::of(1000, &all).sees(&event), "{event}");
            assert!(Sight::of_root().sees(&event), "{event}");
        }
    }
}
