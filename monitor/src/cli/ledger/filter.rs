//! Which records are shown.

use clap::Args;
use jiff::Timestamp;

use crate::{
    cli::{language::id, time::moment_before},
    ledger::chain::Link,
};
use interlock_core::record::Kind;

#[derive(Args, Debug)]
pub struct Filter {
    /// Only from this time on: 2h, 7d, 10:00, 2026-11-20, 2026-11-20T10:00
    #[arg(long, value_name = "TIME", value_parser = moment_before)]
    since: Option<Timestamp>,
    /// Only records of this kind; may be given several times
    #[arg(long, value_name = "KIND", value_parser = kind)]
    kind: Vec<Kind>,
    /// Only a session's records: its id, or its root's process id
    #[arg(long, value_name = "ID", value_parser = id)]
    session: Option<String>,
}

impl Filter {
    pub fn admits(&self, link: &Link) -> bool {
        let record = &link.record;
        let is_meant = |session: &String| {
            record.session.as_deref().is_some_and(|id| {
                id == session || id.split_once('-').is_some_and(|(root, _)| root == session)
            })
        };
        self.since.is_none_or(|since| record.at >= since)
            && (self.kind.is_empty() || self.kind.contains(&record.kind))
            && self.session.as_ref().is_none_or(is_meant)
    }
}

fn kind(text: &str) -> Result<Kind, String> {
    let known = Kind::ALL.into_iter().find(|kind| kind.word() == text);
    known.ok_or_else(|| format!("expected one of {}", Kind::ALL.map(Kind::word).join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_kind_is_told_the_right_ones() {
        assert_eq!(kind("approve"), Ok(Kind::Approve));
        assert!(kind("aprove").unwrap_err().contains("hold, approve, deny"));
    }
}
