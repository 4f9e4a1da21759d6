//! `docs/clients.md`: what was measured, for people.

use std::fmt::Write;

use anyhow::Result;

use crate::{
    client::Client,
    coverage::{Coverage, Part, Reasons},
    judge::{Difference, Judge},
    measure::{Host, Measured, Place, Role},
    records::Records,
};

const HEAD: &str = "\
# Infrastructure clients, as they really behave

`cargo xtask clients` writes this file; see [development](development.md#the-client-laboratory). Each client is installed in this version from
its registry and run, traced, in a home, a network and mounts of its own, where every name leads to a server that refuses every login.

*Runs as*: the program that read its login, and what it was told to run. *Stores*, in the order in which they were asked for: **bold** was there and was read, the others were looked for; after
`also` stand other tools' logins that it reads in passing. *Moved by*: variables that move a store (tried: in brackets those that do not). *Login by*: variables
that replace it. *Hosts*: those that got the login with their class in the catalogue; `t` telemetry, `u` update checks, `o` the rest. *Differs*:
what the catalogue does not say, or says otherwise; empty means that it agrees.

";
/// Places that are only looked for, in one cell.
const SHOWN: usize = 6;

/// The whole document.
///
/// # Errors
/// There is no temporary directory.
pub fn document(
    clients: &[Client],
    records: &Records,
    reasons: &Reasons,
    judge: &Judge<'_>,
) -> Result<String> {
    let (mut rows, mut meant) = (Vec::new(), Vec::new());
    let (mut ran, mut agree) = (0, 0);
    for client in clients {
        let Some(measured) = records.get(&client.id).filter(|measured| measured.shows_something()) else {
            continue;
        };
        let (excused, differences): (Vec<_>, Vec<_>) =
            judge.all(measured)?.into_iter().partition(|found| found.excuse(client).is_some());
        ran += 1;
        agree += usize::from(differences.is_empty());
        rows.push(row(measured, judge, &differences));
        meant.extend(excused.iter().filter_map(|found| excuse(client, found)));
    }
    let mut text = HEAD.to_owned();
    writeln!(text, "{ran} clients were run; the catalogue agrees with {agree} of them.\n")?;
    text.push_str(
        "| client | version | registry | runs as | stores | moved by | login by | hosts | differs |\n",
    );
    text.push_str("| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n");
    text.extend(rows);
    text.push_str(&section("Differences that are meant", ["client", "difference", "why"], &meant));
    text.push_str(&section("Not measured", ["client", "package", "why"], &not_run(clients, records)));
    text.push_str(&confirmed(&Coverage::new(records, reasons, judge), reasons)?);
    Ok(text)
}

/// Lines of three cells below a heading; nothing where there are none.
fn section(heading: &str, columns: [&str; 3], lines: &[[String; 3]]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let rows: String = lines.iter().map(|cells| format!("| {} |\n", cells.join(" | "))).collect();
    format!("\n## {heading}\n\n| {} |\n| --- | --- | --- |\n{rows}", columns.join(" | "))
}

fn excuse(client: &Client, found: &Difference) -> Option<[String; 3]> {
    let why = cell(found.excuse(client)?);
    Some([client.id.clone(), cell(&format!("{} `{}`", found.kind, found.subject)), why])
}

/// How much of the catalogue a run confirms, and why the rest is not.
fn confirmed(coverage: &Coverage, reasons: &Reasons) -> Result<String> {
    let share = |part: &Part| format!("{} of {}", part.confirmed.len(), part.entries);
    let mut text = String::from("\n## The catalogue's entries\n\n");
    writeln!(
        text,
        "A run confirms {} kinds of stores (the client read its login there, as its owner) and {} kinds of endpoints \
         (it got the login). The others, by why not (`lab/unconfirmed.yaml`):\n",
        share(&coverage.stores),
        share(&coverage.endpoints)
    )?;
    let list = |ids: &std::collections::BTreeSet<String>| ids.iter().cloned().collect::<Vec<_>>().join(", ");
    text.push_str("| why | stores | endpoints |\n| --- | --- | --- |\n");
    for reason in &reasons.reasons {
        writeln!(text, "| {} | {} | {} |", cell(&reason.why), list(&reason.stores), list(&reason.endpoints))?;
    }
    if !(coverage.stores.open.is_empty() && coverage.endpoints.open.is_empty()) {
        writeln!(
            text,
            "| no reason is known | {} | {} |",
            list(&coverage.stores.open),
            list(&coverage.endpoints.open)
        )?;
    }
    Ok(text)
}

fn not_run(clients: &[Client], records: &Records) -> Vec<[String; 3]> {
    let line = |client: &Client| {
        let why = match (&client.skip, records.get(&client.id)) {
            (Some(why), _) => why.clone(),
            (None, None) => "not yet run".to_owned(),
            (None, Some(measured)) => match &measured.skipped {
                Some(why) => why.clone(),
                None if measured.shows_something() => return None,
                None => "it ran, and neither read a login nor sent one".to_owned(),
            },
        };
        Some([client.id.clone(), cell(&client.package), cell(&why)])
    };
    clients.iter().filter_map(line).collect()
}

fn row(measured: &Measured, judge: &Judge<'_>, differences: &[Difference]) -> String {
    let differs: Vec<String> =
        differences.iter().map(|found| format!("{} `{}`", found.kind, found.subject)).collect();
    let cells = [
        measured.id.clone(),
        measured.version.clone(),
        measured.registry.clone(),
        runs_as(&measured.stores),
        stores(&measured.stores),
        moves(measured),
        logins(measured),
        hosts(&measured.hosts, judge),
        differs.join(", "),
    ];
    format!("| {} |\n", cells.map(|text| cell(&text)).join(" | "))
}

/// `node /usr/bin/x`; empty where no login was read.
fn runs_as(places: &[Place]) -> String {
    let program = places.iter().filter(|place| place.own).find_map(|place| place.program.as_ref());
    program.map_or_else(String::new, |program| {
        let name = program.exe.rsplit('/').next().unwrap_or_default();
        let script = program.argv.iter().skip(1).find(|word| !word.starts_with('-') && word.starts_with('/'));
        script.map_or_else(|| format!("`{name}`"), |script| format!("`{name} {script}`"))
    })
}

/// A bar would end the cell.
pub(crate) fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

fn stores(places: &[Place]) -> String {
    let mut looked = 0;
    let mut words = Vec::new();
    for place in places.iter().filter(|place| place.own || !place.opened) {
        if place.opened {
            words.push(format!("**`{}`**", place.path));
            continue;
        }
        looked += 1;
        if looked <= SHOWN || place.own {
            words.push(format!("`{}`", place.path));
        }
    }
    if looked > SHOWN {
        words.push(format!("{} more", looked - SHOWN));
    }
    let others: Vec<String> = (places.iter())
        .filter(|place| !place.own && place.opened)
        .map(|place| format!("`{}`", place.path))
        .collect();
    if !others.is_empty() {
        words.push(format!("also {}", others.join(" ")));
    }
    words.join(", ")
}

fn moves(measured: &Measured) -> String {
    let words = measured.moves.iter().map(|moved| match moved.opened.is_empty() {
        true => format!("({})", moved.variable),
        false => moved.variable.clone(),
    });
    words.collect::<Vec<_>>().join(", ")
}

fn logins(measured: &Measured) -> String {
    let words = measured.logins.iter().map(|login| match login.seen {
        true => login.variable.clone(),
        false => format!("({})", login.variable),
    });
    words.collect::<Vec<_>>().join(", ")
}

fn hosts(hosts: &[Host], judge: &Judge<'_>) -> String {
    let words = hosts.iter().map(|host| {
        let port = if host.port == 443 { String::new() } else { format!(":{}", host.port) };
        let name = format!("{}{port}", host.name);
        let class = || format!("{:?}", judge.class(host).0).to_lowercase();
        match host.role {
            Role::Api => format!("**{name}** [{}]", class()),
            Role::Telemetry => format!("t {name}"),
            Role::Update => format!("u {name}"),
            Role::Other => format!("o {name} [{}]", class()),
        }
    });
    words.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
