//! Who decides through the cluster: its users and groups, which are nobody of this machine.

use std::collections::BTreeMap;

use super::reader::{Reader, Value};

const MEMBER: &str = "\"user:NAME\" or \"group:NAME\", as the cluster names them";
const MEMBERS: &str = "a list of \"user:NAME\" and \"group:NAME\", or \"rbac\"";
const GROUPS: &str = "a table of groups that rules name, each with a list of groups of the cluster";

/// `approvers`, `admins` and `groups` of `[kubernetes]`. By default holds are shown there, and nobody decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterRoles {
    /// They approve and deny.
    pub approvers: ClusterMembers,
    /// They let frozen sessions go on beside.
    pub admins: ClusterMembers,
    /// For a group that rules name in `approve.by`: groups of the cluster whose members count as its own.
    pub groups: BTreeMap<String, Vec<String>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClusterMembers {
    /// Whomever the cluster's own roles permit it, which the admission policy asks.
    Rbac,
    /// Of those, these.
    Named(Vec<ClusterMember>),
}

impl Default for ClusterMembers {
    fn default() -> Self {
        Self::Named(Vec::new())
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClusterMember {
    User(String),
    Group(String),
}

impl ClusterMembers {
    #[must_use]
    pub fn has(&self, user: &str, groups: &[String]) -> bool {
        match self {
            Self::Rbac => true,
            Self::Named(members) => members.iter().any(|member| match member {
                ClusterMember::User(name) => name == user,
                ClusterMember::Group(name) => groups.contains(name),
            }),
        }
    }

    #[must_use]
    pub fn is_nobody(&self) -> bool {
        *self == Self::default()
    }

    fn groups(&self) -> impl Iterator<Item = &String> {
        let named = match self {
            Self::Rbac => &[][..],
            Self::Named(members) => members,
        };
        named.iter().filter_map(|member| match member {
            ClusterMember::Group(name) => Some(name),
            ClusterMember::User(_) => None,
        })
    }
}

impl ClusterRoles {
    /// Whether the user approves and denies.
    #[must_use]
    pub fn may_decide(&self, user: &str, groups: &[String]) -> bool {
        self.approvers.has(user, groups) || self.may_thaw(user, groups)
    }

    #[must_use]
    pub fn may_thaw(&self, user: &str, groups: &[String]) -> bool {
        self.admins.has(user, groups)
    }

    /// Whether anybody decides anything.
    #[must_use]
    pub fn is_nobody(&self) -> bool {
        self.approvers.is_nobody() && self.admins.is_nobody()
    }

    /// The groups that rules name of which a member of these groups of the cluster counts as one.
    #[must_use]
    pub fn standing_for(&self, groups: &[String]) -> Vec<String> {
        let is_member = |of: &&Vec<String>| of.iter().any(|group| groups.contains(group));
        self.groups.iter().filter(|(_, of)| is_member(of)).map(|(name, _)| name.clone()).collect()
    }

    /// Of these groups of the cluster, those that anything here depends on.
    #[must_use]
    pub fn that_matter(&self, groups: &[String]) -> Vec<String> {
        let named: Vec<&String> = self
            .approvers
            .groups()
            .chain(self.admins.groups())
            .chain(self.groups.values().flatten())
            .collect();
        groups.iter().filter(|group| named.contains(group)).cloned().collect()
    }
}

impl Reader<'_> {
    pub fn cluster_members(&mut self, value: &Value<'_>, key: &str) -> Option<ClusterMembers> {
        if value.get_ref().as_str() == Some("rbac") {
            return Some(ClusterMembers::Rbac);
        }
        if value.get_ref().as_array().is_none() {
            return self.refuse_found(value, key, MEMBERS);
        }
        Some(ClusterMembers::Named(self.each(value, key, Self::cluster_member)))
    }

    fn cluster_member(&mut self, value: &Value<'_>, key: &str) -> Option<ClusterMember> {
        let member = value.get_ref().as_str().and_then(|text| match text.split_once(':')? {
            ("user", name) if is_name(name) => Some(ClusterMember::User(name.to_owned())),
            ("group", name) if is_name(name) => Some(ClusterMember::Group(name.to_owned())),
            _ => None,
        });
        member.or_else(|| self.refuse_found(value, key, MEMBER))
    }

    pub fn cluster_groups(&mut self, value: &Value<'_>, key: &str) -> BTreeMap<String, Vec<String>> {
        let Some(table) = value.get_ref().as_table() else {
            return self.refuse_found(value, key, GROUPS).unwrap_or_default();
        };
        let mut groups = BTreeMap::new();
        for (name, of) in table {
            let key = format!("{key}.{}", name.get_ref());
            groups.insert(name.get_ref().to_string(), self.each(of, &key, Self::cluster_group));
        }
        groups
    }

    fn cluster_group(&mut self, value: &Value<'_>, key: &str) -> Option<String> {
        let name = value.get_ref().as_str().filter(|name| is_name(name)).map(str::to_owned);
        name.or_else(|| self.refuse_found(value, key, "the name of a group of the cluster, as a string"))
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(members: &[ClusterMember]) -> ClusterMembers {
        ClusterMembers::Named(members.to_vec())
    }

    #[test]
    fn a_role_is_given_by_name_by_group_or_by_the_cluster() {
        let sre = ["corp:sre".to_owned(), "system:authenticated".to_owned()];
        let roles = ClusterRoles {
            approvers: named(&[ClusterMember::User("ann".into()), ClusterMember::Group("corp:sre".into())]),
            admins: named(&[ClusterMember::Group("corp:admins".into())]),
            groups: BTreeMap::from([("ops".into(), vec!["corp:sre".into()])]),
        };
        assert!(roles.may_decide("ann", &[]) && roles.may_decide("ben", &sre));
        assert!(!roles.may_decide("ben", &[]) && !roles.may_thaw("ann", &sre));
        assert!(roles.may_decide("eve", &["corp:admins".into()]), "an admin approves");
        assert_eq!(roles.standing_for(&sre), ["ops"]);
        assert_eq!(roles.that_matter(&sre), ["corp:sre"]);
        assert!(ClusterRoles::default().is_nobody() && !ClusterRoles::default().may_decide("ann", &sre));
        assert!(ClusterMembers::Rbac.has("anybody", &[]));
    }
}
