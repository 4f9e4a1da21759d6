//! Reads `[roles]`.

use super::{
    reader::{Reader, Value},
    roles::{Approver, Limit, Member, Roles},
};
use interlock_core::{
    facts::{DestinationClass, Severity},
    words::{Word, words},
};

const MEMBER: &str = "a user name, a uid, or \"group:NAME\"";
const ROLES: [&str; 3] = ["viewer", "approver", "admin"];
const APPROVER: [&str; 4] = ["who", "up_to", "providers", "classes"];

impl Reader<'_> {
    /// Each role that the table names is replaced whole.
    pub fn roles(&mut self, value: &Value<'_>, key: &str, roles: &mut Roles) {
        let Some(table) = value.get_ref().as_table() else {
            self.refuse_found::<()>(value, key, "a table with viewer, approver and admin");
            return;
        };
        for (name, members) in table {
            let (role, key) = (name.get_ref().as_ref(), format!("{key}.{}", name.get_ref()));
            match role {
                "viewer" => roles.viewer = self.each(members, &key, Self::member),
                "admin" => roles.admin = self.each(members, &key, Self::member),
                "approver" => roles.approver = self.each(members, &key, Self::approver),
                _ => {
                    let problem = self.refuse_bytes(name.span(), &key, "there is no such role".to_owned());
                    problem.near(role, ROLES).expected(ROLES.join(", "));
                }
            }
        }
    }

    pub(super) fn each<T>(
        &mut self,
        value: &Value<'_>,
        key: &str,
        read: impl Fn(&mut Self, &Value<'_>, &str) -> Option<T>,
    ) -> Vec<T> {
        let Some(list) = value.get_ref().as_array() else {
            return self.refuse_found(value, key, "a list").unwrap_or_default();
        };
        list.iter()
            .enumerate()
            .filter_map(|(place, item)| read(self, item, &format!("{key}[{place}]")))
            .collect()
    }

    /// A user is looked up now, and a group when it is asked for: who is in it changes.
    fn member(&mut self, value: &Value<'_>, key: &str) -> Option<Member> {
        if let Some(name) = value.get_ref().as_str().and_then(|text| text.strip_prefix("group:")) {
            let is_fit = !name.is_empty() && !name.contains([':', ',']) && !name.contains(char::is_control);
            return if is_fit {
                Some(Member::Group(name.to_owned()))
            } else {
                self.refuse_found(value, key, MEMBER)
            };
        }
        self.user(value, key, MEMBER).map(Member::User)
    }

    fn approver(&mut self, value: &Value<'_>, key: &str) -> Option<Approver> {
        let Some(table) = value.get_ref().as_table() else {
            return self.member(value, key).map(|who| Approver { who, limit: Limit::default() });
        };
        let (mut who, mut limit) = (None, Limit::default());
        let mut sound = true; // an approver whose limit is not understood is none
        for (name, value) in table {
            let (field, key) = (name.get_ref().as_ref(), format!("{key}.{}", name.get_ref()));
            match field {
                "who" => who = self.member(value, &key),
                "up_to" => limit.up_to = self.word::<Severity>(value, &key),
                "providers" => limit.providers = self.each(value, &key, Self::text),
                "classes" => limit.classes = self.each(value, &key, Self::word::<DestinationClass>),
                _ => {
                    sound = false;
                    let problem = self.refuse_bytes(name.span(), &key, "there is no such field".to_owned());
                    problem.near(field, APPROVER).expected(APPROVER.join(", "));
                }
            }
        }
        if !table.contains_key("who") {
            self.refuse_bytes(value.span(), &format!("{key}.who"), "the field is missing".to_owned())
                .expected(MEMBER);
        }
        Some(Approver { who: who?, limit }).filter(|_| sound)
    }

    fn text(&mut self, value: &Value<'_>, key: &str) -> Option<String> {
        let text = value.get_ref().as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        text.or_else(|| self.refuse_found(value, key, "the name of a provider, as a string"))
    }

    fn word<T: Word>(&mut self, value: &Value<'_>, key: &str) -> Option<T> {
        let word = value.get_ref().as_str().and_then(T::from_word);
        word.or_else(|| self.refuse_found(value, key, &words::<T>().join(", ")))
    }
}
