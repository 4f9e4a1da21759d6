//! Records as lines of comma-separated values, RFC 4180.

use interlock_core::record::Who;

use crate::ledger::chain::{Head, Link};

/// The first line. `user` is one of the cluster's, where one decided.
pub const HEADER: &str = "seq,at,boot,kind,session,who,uid,pid,login_uid,tty,rule,detail,prev,hash,user";

/// One record; what belongs to its kind alone stands as JSON in `detail`.
#[must_use]
pub fn line(link: &Link, head: Head) -> String {
    let record = &link.record;
    let number = |number: Option<u32>| number.map(|number| number.to_string()).unwrap_or_default();
    let (mut uid, mut pid, mut login, mut tty, mut rule) = (None, None, None, None, None);
    let mut cluster_user = None;
    let who = match &record.who {
        Who::Caller { uid: user, pid: process, from } => {
            (uid, pid) = (Some(*user), Some(*process));
            (login, tty) = from.as_ref().map_or((None, None), |from| (from.login_uid, from.tty.clone()));
            "caller"
        }
        Who::Kubernetes(user) => {
            cluster_user = Some(user.user.clone());
            "kubernetes"
        }
        Who::Rule(id) => {
            rule = Some(id.clone());
            "rule"
        }
        Who::Kernel => "kernel",
        Who::Daemon => "daemon",
    };
    let detail = serde_json::to_string(&record.detail).unwrap_or_default();
    let cells = [
        link.seq.to_string(),
        record.at.to_string(),
        record.boot.clone().unwrap_or_default(),
        record.kind.word().to_owned(),
        record.session.clone().unwrap_or_default(),
        who.to_owned(),
        number(uid),
        number(pid),
        number(login),
        tty.unwrap_or_default(),
        rule.unwrap_or_default(),
        detail,
        link.prev.clone(),
        head.hash.to_string(),
        cluster_user.unwrap_or_default(),
    ];
    cells.map(|cell| quoted(&cell)).join(",")
}

/// A cell that a spreadsheet would take for a formula begins with an apostrophe: agents choose their paths and arguments.
fn quoted(cell: &str) -> String {
    let harmless =
        if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell.to_owned() };
    if harmless.contains(['"', ',', '\n', '\r']) {
        return format!("\"{}\"", harmless.replace('"', "\"\""));
    }
    harmless
}

#[cfg(test)]
mod tests {
    use interlock_core::record::Kind;
    use serde_json::json;

    use super::*;
    use crate::ledger::Record;

    #[test]
    fn a_record_is_one_line_of_as_many_cells_as_the_header() {
        let detail = json!({"object": "open \"a,b\""}).as_object().cloned().unwrap();
        let at = "2026-04-25T10:00:00.5Z".parse().unwrap();
        let record =
            Record { at, boot: None, kind: Kind::Commit, who: Who::caller(1000, 7), session: None, detail };
        let link = Link { seq: 3, record, prev: "00".into() };
        assert_eq!(
            line(&link, Head::START),
            format!(
                "3,2026-04-25T10:00:00.5Z,,commit,,caller,1000,7,,,,\"{{\"\"object\"\":\"\"open \\\"\"a,b\\\"\"\"\"}}\",00,{},",
                "0".repeat(64)
            )
        );
        assert_eq!(HEADER.split(',').count(), 15);
    }

    #[test]
    fn a_formula_is_a_text() {
        assert_eq!(quoted("=cmd()"), "'=cmd()");
        assert_eq!(quoted("a\"b"), "\"a\"\"b\"");
    }
}
