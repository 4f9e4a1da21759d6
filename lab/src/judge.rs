//! What was measured, held against the catalogue.

use std::{collections::BTreeMap, fmt, fs};

use anyhow::{Context, Result};
use interlock_core::{
    catalog::{Catalog, secrets::Moved as MovedStores},
    facts::{DestinationClass, Grade, Habit, SecretAccess},
    recognition::{self, Grounds, KnownBy, Reader},
};

use crate::{
    client::Client,
    measure::{Host, Measured, Moved, Place, Role},
    sandbox::{FOLDER, HOME},
    trace::Program,
};

/// What kind of difference it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A login that is no secret to the catalogue.
    UnknownStore,
    /// The client reads its own store, and is not its owner.
    NotOwner,
    /// The client reads another tool's login in the course of its ordinary work.
    ReadsOthers,
    /// The host that gets the login is of no known class.
    UnknownHost,
    /// A host of telemetry or of an update check that counts as a place where something can be destroyed.
    HarmlessHost,
    /// A variable moves the store, and the catalogue does not follow it.
    NotFollowed,
}

impl Kind {
    const ALL: [(Self, &str); 6] = [
        (Self::UnknownStore, "unknown-store"),
        (Self::NotOwner, "not-owner"),
        (Self::ReadsOthers, "reads-others"),
        (Self::UnknownHost, "unknown-host"),
        (Self::HarmlessHost, "harmless-host"),
        (Self::NotFollowed, "not-followed"),
    ];
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::ALL.iter().find(|(kind, _)| kind == self).map_or("", |(_, name)| name);
        formatter.write_str(name)
    }
}

/// One line of the laboratory's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub client: String,
    pub kind: Kind,
    /// The path, host or variable.
    pub subject: String,
    pub what: String,
}

impl Difference {
    /// Why the data file says that it is meant.
    #[must_use]
    pub fn excuse<'c>(&self, client: &'c Client) -> Option<&'c str> {
        client.known.get(&self.subject).map(String::as_str)
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {} {}: {}", self.client, self.kind, self.subject, self.what)
    }
}

/// The catalogue's answers to what was measured.
#[derive(Debug)]
pub struct Judge<'a> {
    pub catalog: &'a Catalog,
}

impl Judge<'_> {
    /// Everything that differs, but for what the data file calls known.
    ///
    /// # Errors
    /// There is no temporary directory.
    pub fn differences(&self, measured: &Measured, client: Option<&Client>) -> Result<Vec<Difference>> {
        let mut found = self.all(measured)?;
        found.retain(|difference| client.is_none_or(|client| difference.excuse(client).is_none()));
        Ok(found)
    }

    /// Everything that differs, meant or not.
    ///
    /// # Errors
    /// There is no temporary directory.
    pub fn all(&self, measured: &Measured) -> Result<Vec<Difference>> {
        let mut found = Vec::new();
        let asked: Vec<&str> = measured.hosts.iter().filter_map(|host| self.class(host).1).collect();
        let name = format!("{} {}", measured.id, measured.version);
        let mut add = |kind, subject: &str, what: String| {
            let subject = subject.to_owned();
            found.push(Difference { client: name.clone(), kind, subject, what });
        };
        for place in &measured.stores {
            if let Some((kind, what)) = self.place(place, &asked) {
                add(kind, &place.path, what);
            }
        }
        for host in &measured.hosts {
            if let Some((kind, what)) = self.host(host) {
                add(kind, &host.name, what);
            }
        }
        for moved in &measured.moves {
            for path in self.not_followed(moved)? {
                add(Kind::NotFollowed, &moved.variable, format!("moves {path}"));
            }
        }
        Ok(found)
    }

    /// `asked`: the providers that the client talked to.
    fn place(&self, place: &Place, asked: &[&str]) -> Option<(Kind, String)> {
        let program = place.program.as_ref().filter(|_| place.opened);
        let Some(access) = self.access(&place.path, program) else {
            return (place.own && place.opened)
                .then(|| (Kind::UnknownStore, "no secret to the catalogue".to_owned()));
        };
        let program = program?;
        let what = format!("{} (grade {:?}) read by {}", access.entry, access.grade, shape(program));
        let kind = if place.own { Kind::NotOwner } else { Kind::ReadsOthers };
        // What a library reads by habit counts towards the provider that the login is for, and no other.
        let is_habit = |habit: &Habit| {
            !place.own && !habit.providers.iter().any(|provider| asked.contains(&provider.as_str()))
        };
        let is_alert = !access.owner && (place.own || access.grade == Grade::A);
        let is_alert = is_alert && !access.habit.as_ref().is_some_and(is_habit);
        // What lies in the workspace is the session's own, whoever reads it.
        let is_alert = is_alert && !place.path.replacen('~', HOME, 1).starts_with(&format!("{FOLDER}/"));
        is_alert.then_some((kind, what))
    }

    /// What the catalogue makes of a path, and of who reads it.
    #[must_use]
    pub fn access(&self, path: &str, program: Option<&Program>) -> Option<SecretAccess> {
        self.access_where(path, program, &MovedStores::default())
    }

    fn access_where(
        &self,
        path: &str,
        program: Option<&Program>,
        moved: &MovedStores,
    ) -> Option<SecretAccess> {
        let reader = Reader {
            grounds: Grounds { home: Some(HOME), ..Grounds::default() },
            moved,
            environment: None,
            is_root: false,
            executable: program.map(|program| program.exe.as_str()),
            args: program.map_or(&[], |program| &program.argv),
            ancestors: &[],
        };
        let path = path.replacen('~', HOME, 1);
        recognition::secret(self.catalog, reader, path, KnownBy::Name { hint: u32::MAX }, true)
    }

    /// Class and provider of a host, by its name or as an address.
    #[must_use]
    pub fn class(&self, host: &Host) -> (DestinationClass, Option<&str>) {
        let destinations = &self.catalog.destinations;
        if let Ok(address) = host.name.parse() {
            return destinations.classify_address(address, host.port);
        }
        let named = destinations.classify(&host.name);
        named.map_or((DestinationClass::Unknown, None), |(class, provider)| (class, Some(provider)))
    }

    fn host(&self, host: &Host) -> Option<(Kind, String)> {
        let (class, provider) = self.class(host);
        let dangerous = matches!(class, DestinationClass::Infra | DestinationClass::Database);
        match host.role {
            // One with a provider is listed as what it is: a login's page, a customer's machine.
            Role::Api if class == DestinationClass::Unknown && provider.is_none() => {
                Some((Kind::UnknownHost, "got the login, and is not listed".to_owned()))
            }
            Role::Telemetry | Role::Update if dangerous => {
                let what = format!("{:?}, class {class:?}", host.role).to_lowercase();
                Some((Kind::HarmlessHost, format!("{what}, provider {}", provider.unwrap_or("none"))))
            }
            _ => None,
        }
    }

    /// The stores below the variable's place that the catalogue knows at their usual place alone.
    fn not_followed(&self, moved: &Moved) -> Result<Vec<String>> {
        let usual = |rest: &str| {
            if rest.is_empty() { moved.place.clone() } else { format!("{}/{rest}", moved.place) }
        };
        let known = moved.opened.iter().filter(|rest| self.access(&usual(rest), None).is_some());
        // A hidden directory would look like a home's.
        let base = tempfile::Builder::new().prefix("moved-").tempdir().context("no temporary directory")?;
        let value = base.path().join("moved");
        // The catalogue asks whether a variable names a directory.
        if moved.opened.iter().any(|rest| !rest.is_empty()) {
            fs::create_dir(&value).context("no temporary directory")?;
        }
        let text = value.to_string_lossy().into_owned();
        let places = self.catalog.secrets.moved(&|name| (name == moved.variable).then(|| text.clone()));
        let is_followed = |rest: &str| {
            let path = if rest.is_empty() { value.clone() } else { value.join(rest) };
            self.access_where(&path.to_string_lossy(), None, &places).is_some()
        };
        Ok(known.filter(|rest| !is_followed(rest)).map(|rest| usual(rest)).collect())
    }
}

/// `node /usr/bin/x`, short enough for a line.
fn shape(program: &Program) -> String {
    let words: Vec<&str> = [program.exe.as_str()]
        .into_iter()
        .chain(program.argv.iter().skip(1).map(String::as_str))
        .take(3)
        .collect();
    words.join(" ")
}

/// The differences by client.
#[must_use]
pub fn by_client(all: &[Difference]) -> BTreeMap<&str, Vec<&Difference>> {
    let mut map: BTreeMap<&str, Vec<&Difference>> = BTreeMap::new();
    for difference in all {
        map.entry(difference.client.as_str()).or_default().push(difference);
    }
    map
}

#[cfg(test)]
mod tests;
