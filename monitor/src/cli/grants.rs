//! `interlock grants`, `revoke`.

use clap::Args;
use jiff::Timestamp;

use super::{
    exit::{Exit, Failure},
    language::{id, plain, since},
    printer::Printer,
    wait::wait,
};
use crate::control::{
    api::GrantView,
    client::{Client, ClientError},
};

const HEADERS: [&str; 7] = ["ID", "SESSION", "COVERS", "BY", "AGE", "ENDS", "LEFT"];

pub fn list(client: &Client, printer: &Printer) -> Result<Exit, Failure> {
    let grants: Vec<GrantView> = wait(async { Ok(client.get("/v1/grants").await?) })?;
    let now = Timestamp::now();
    printer.list(&grants, "nothing is granted beyond what was approved once", &HEADERS, |grant| {
        row(grant, now)
    })?;
    Ok(Exit::Success)
}

fn row(grant: &GrantView, now: Timestamp) -> Vec<String> {
    vec![
        grant.id.clone(),
        grant.session.clone(),
        plain(&grant.covers),
        grant.by.clone(),
        since(grant.since, now),
        grant.until.map_or_else(|| "with the session".into(), |until| format!("in {}", since(now, until))),
        grant.left.map_or_else(|| "any".into(), |left| left.to_string()),
    ]
}

#[derive(Args, Debug)]
pub struct Revoke {
    /// As `interlock grants` prints it
    #[arg(value_parser = id)]
    id: String,
}

impl Revoke {
    pub fn perform(&self, client: &Client, printer: &Printer) -> Result<Exit, Failure> {
        let path = format!("/v1/grants/{}/revoke", self.id);
        let revoked: Vec<GrantView> = wait(async {
            match client.post(&path, &()).await {
                Err(error @ ClientError::NotFound(_)) => Err(Failure::new(Exit::Negative, error)),
                answer => Ok(answer?),
            }
        })?;
        for grant in &revoked {
            let GrantView { id, session, covers, .. } = grant;
            printer.data(&plain(&format!(
                "revoked {id}: session {session} asks again before it may {covers}"
            )))?;
        }
        Ok(Exit::Success)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{printer::table, tests::sample};

    #[test]
    fn a_grant_says_what_it_covers_and_when_it_ends() {
        let now = Timestamp::from_second(130).unwrap();
        let counted = GrantView { id: "g2".into(), until: None, left: Some(3), ..sample::grant() };
        let rows = [sample::grant(), counted].iter().map(|grant| row(grant, now)).collect();
        insta::assert_snapshot!(table(&HEADERS, rows, None), @"
        ID  SESSION     COVERS                             BY        AGE  ENDS              LEFT
        g1  4711-0a1b2  connect backboard.railway.app:443  uid 1000  30s  in 9m30s          any
        g2  4711-0a1b2  connect backboard.railway.app:443  uid 1000  30s  with the session  3
        ");
    }
}
