//! Who may do what, beside owners: viewers, approvers and admins, by user and by group.

use interlock_core::{
    facts::{Destination, DestinationClass, Severity},
    holds::{Hold, Object},
};

/// The table `[roles]`. Root is an admin whatever it says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roles {
    pub viewer: Vec<Member>,
    pub approver: Vec<Approver>,
    pub admin: Vec<Member>,
}

/// A user, or everybody in a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Member {
    User(u32),
    /// By name; who is in it is looked up when somebody asks for something.
    Group(String),
}

/// Who may approve, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approver {
    pub who: Member,
    pub limit: Limit,
}

/// What may be approved; empty: everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limit {
    /// By rules of at most that severity.
    pub up_to: Option<Severity>,
    /// Connections to these providers.
    pub providers: Vec<String>,
    /// Connections to hosts of these classes.
    pub classes: Vec<DestinationClass>,
}

impl Limit {
    /// Whether an approver of this limit may approve the hold. Fails closed: what no provider or class is known of is within none.
    #[must_use]
    pub fn permits(&self, hold: &Hold) -> bool {
        let to = match &hold.object {
            Object::Connection(to) => Some(to),
            Object::Secret(_) | Object::Program(_) | Object::Service(_) => None,
        };
        let provider = to.and_then(|to| to.provider.as_ref());
        let class = to.map(|Destination { class, .. }| class);
        self.up_to.is_none_or(|most| hold.severity <= most)
            && (self.providers.is_empty() || provider.is_some_and(|known| self.providers.contains(known)))
            && (self.classes.is_empty() || class.is_some_and(|known| self.classes.contains(known)))
    }
}

/// Somebody who asks, as far as roles go.
#[derive(Clone, Copy, Debug)]
pub struct Person<'a> {
    pub uid: u32,
    /// Of the groups that [`Roles::groups`] names, those that the user is in.
    pub groups: &'a [String],
}

impl Person<'_> {
    fn is(&self, member: &Member) -> bool {
        match member {
            Member::User(uid) => *uid == self.uid,
            Member::Group(name) => self.groups.contains(name),
        }
    }
}

impl Roles {
    /// Groups that somebody has to look up.
    pub fn groups(&self) -> impl Iterator<Item = &String> {
        let members =
            self.viewer.iter().chain(&self.admin).chain(self.approver.iter().map(|approver| &approver.who));
        members.filter_map(|member| match member {
            Member::Group(name) => Some(name),
            Member::User(_) => None,
        })
    }

    #[must_use]
    pub fn is_admin(&self, person: Person<'_>) -> bool {
        person.uid == 0 || self.admin.iter().any(|member| person.is(member))
    }

    /// Whether the person is an approver of anything.
    #[must_use]
    pub fn is_approver(&self, person: Person<'_>) -> bool {
        self.is_admin(person) || self.approver.iter().any(|approver| person.is(&approver.who))
    }

    #[must_use]
    pub fn may_approve(&self, person: Person<'_>, hold: &Hold) -> bool {
        let approver = |approver: &Approver| person.is(&approver.who) && approver.limit.permits(hold);
        self.is_admin(person) || self.approver.iter().any(approver)
    }

    /// Whether the person sees everybody's sessions.
    #[must_use]
    pub fn sees_all(&self, person: Person<'_>) -> bool {
        self.is_approver(person) || self.viewer.iter().any(|member| person.is(member))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person<'g>(uid: u32, groups: &'g [String]) -> Person<'g> {
        Person { uid, groups }
    }

    #[test]
    fn a_role_comes_with_those_below_it_and_root_is_an_admin() {
        let roles = Roles {
            viewer: vec![Member::Group("dev".into())],
            approver: vec![Approver { who: Member::User(7), limit: Limit::default() }],
            admin: vec![Member::Group("ops".into())],
        };
        let (dev, ops) = (["dev".to_owned()], ["ops".to_owned()]);
        let seen = |uid, groups| {
            let person = person(uid, groups);
            (roles.sees_all(person), roles.is_approver(person), roles.is_admin(person))
        };
        assert_eq!(seen(5, &[]), (false, false, false));
        assert_eq!(seen(5, &dev), (true, false, false));
        assert_eq!(seen(7, &[]), (true, true, false));
        assert_eq!(seen(5, &ops), (true, true, true));
        assert_eq!(seen(0, &[]), (true, true, true));
        assert_eq!(roles.groups().collect::<Vec<_>>(), ["dev", "ops"]);
    }
}
