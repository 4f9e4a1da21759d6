//! What only the catalogue can judge: a stop of what is never stopped, and conditions that its entries never meet together.

use crate::{
    catalog::{Catalog, destinations::Listing, secrets::UNRESOLVED},
    facts::{Action, DestinationClass, Grade, Kind, Role},
    problem::{Problem, Problems},
    rules::{conditions::DestinationMatch, model::Rule, pattern::HostPattern, set::RuleSet, wording::OneOf},
    words::Word as _,
    yaml::{Citation, Noun},
};

impl RuleSet {
    /// What neither `interlock rules check` nor the daemon takes: packs that `catalog` does not have, and rules that stop what
    /// nothing stops. Whoever wrote them believes that they work.
    #[must_use]
    pub fn refused_by(&self, catalog: &Catalog) -> Problems {
        let mut refused = self.unknown_packs(catalog);
        refused.0.extend(self.unstoppable(catalog).0);
        refused
    }

    /// Rules that stop a connection to a model's host, which nothing stops: unless the catalogue marks the host as a control
    /// plane as well, and the rule says that it means this.
    ///
    /// Registries that were learned are not looked at: what stands in a user's configuration must not be able to make the
    /// rules be refused.
    #[must_use]
    pub fn unstoppable(&self, catalog: &Catalog) -> Problems {
        let about = |rule: &&Rule| rule.enabled && rule.on == Kind::Connect;
        let rules = self.iter().map(AsRef::as_ref).filter(about);
        Problems(rules.flat_map(|rule| of_rule(rule, catalog)).collect())
    }

    /// Conditions that the catalogue's entries never meet together: such a rule never matches.
    #[must_use]
    pub fn contradicted(&self, catalog: &Catalog) -> Problems {
        let rules = self.iter().map(AsRef::as_ref).filter(|rule: &&Rule| rule.enabled);
        let found = rules.flat_map(|rule| {
            let mut found = destinations(rule, catalog);
            found.extend(entries(rule, catalog));
            found.extend(services(rule, catalog));
            found
        });
        Problems(found.collect())
    }
}

fn of_rule(rule: &Rule, catalog: &Catalog) -> Vec<Problem> {
    let Some(wanted) = &rule.conditions.destination else { return Vec::new() };
    let stops = rule.action >= Action::Hold;
    let hosts =
        rule.places.cited(Noun::Host, "match.").filter_map(|cited| of_host(rule, wanted, cited, catalog));
    let providers = rule.places.cited(Noun::Provider, "match.").filter(|_| stops && wanted.also.is_none());
    let providers = providers.filter_map(|cited| {
        let mut all = catalog.destinations.of_provider(&cited.name).peekable();
        let nothing_else = all.peek().is_some() && all.all(|listing| is_never_stopped(&listing));
        nothing_else.then(|| {
            refuse(
                rule,
                cited,
                format!("{} has model hosts alone, and these are never blocked", cited.name),
                ALERT,
            )
        })
    });
    hosts.chain(providers).collect()
}

const ALERT: &str = "use alert, or leave it out";

fn of_host(rule: &Rule, wanted: &DestinationMatch, cited: &Citation, catalog: &Catalog) -> Option<Problem> {
    let destinations = &catalog.destinations;
    let name = &cited.name;
    let listed: Vec<Listing<'_>> = match HostPattern::parse(name).ok()? {
        HostPattern::Exact(host) => destinations.listing(&host).into_iter().collect(),
        HostPattern::Below(parent) => destinations.below(&parent).collect(),
        HostPattern::Address(_) => Vec::new(),
    };
    let meant = |role: Role| listed.iter().any(|listing| listing.also == Some(role));
    if let Some(role) = wanted.also {
        let message = format!("the catalogue does not mark {name} as {} besides", role.word());
        let hint = "a host that is a model's alone is never blocked, and of any other leave also out";
        return (!meant(role)).then(|| refuse(rule, cited, message, hint));
    }
    if rule.action < Action::Hold || listed.is_empty() || !listed.iter().all(is_never_stopped) {
        return None;
    }
    let of = listed.first().map(|listing| listing.provider).unwrap_or_default();
    let message = format!(
        "{name} is a model's ({of}), and never blocked: {} would be no more than an alert",
        rule.action.word()
    );
    let both =
        "it is a control plane as well: write also: infra where you mean to stop the agent's model, too";
    Some(refuse(rule, cited, message, if meant(Role::Infra) { both } else { ALERT }))
}

fn is_never_stopped(listing: &Listing<'_>) -> bool {
    listing.class == DestinationClass::Model
}

fn refuse(rule: &Rule, cited: &Citation, message: String, hint: &str) -> Problem {
    let mut problem = cited.place.clone();
    problem.message = message;
    // Its own file says less than is in force.
    let last = rule
        .overridden
        .last()
        .map(|place| format!("{hint} (the rule is changed by {}:{})", place.file, place.line));
    problem.hint(last.unwrap_or_else(|| hint.to_owned()));
    problem
}

const NEVER: &str = "the rule can never match by it";

/// A class, or a provider, that a host or a provider of the rule never has.
fn destinations(rule: &Rule, catalog: &Catalog) -> Vec<Problem> {
    let Some(wanted) = &rule.conditions.destination else { return Vec::new() };
    let destinations = &catalog.destinations;
    let hosts = rule.places.cited(Noun::Host, "match.").filter_map(|cited| {
        let HostPattern::Exact(host) = HostPattern::parse(&cited.name).ok()? else { return None };
        let listing = destinations.listing(&host)?;
        let message = if !may_be(&listing, &wanted.class) {
            format!("{host} is of class {}, never of {}", listing.class.word(), OneOf(&wanted.class))
        } else if !wanted.provider.is_empty() && !wanted.provider.iter().any(|id| id == listing.provider) {
            format!("{host} is of {}, never of {}", listing.provider, OneOf(&wanted.provider))
        } else {
            return None;
        };
        Some(refuse(rule, cited, message, NEVER))
    });
    let providers = rule.places.cited(Noun::Provider, "match.").filter_map(|cited| {
        let mut all = destinations.of_provider(&cited.name).peekable();
        let never = all.peek().is_some() && all.all(|listing| !may_be(&listing, &wanted.class));
        let message = format!("nothing of {} is of class {}", cited.name, OneOf(&wanted.class));
        never.then(|| refuse(rule, cited, message, NEVER))
    });
    hosts.chain(providers).collect()
}

/// A host of no class of its own has that of its address and port.
fn may_be(listing: &Listing<'_>, classes: &[DestinationClass]) -> bool {
    let open = matches!(listing.class, DestinationClass::Unknown | DestinationClass::Plain);
    let plain = listing.can_be_plain && classes.contains(&DestinationClass::Plain);
    classes.is_empty() || open || plain || classes.contains(&listing.class)
}

/// An entry of another class, or weaker than the grade that is asked for.
fn entries(rule: &Rule, catalog: &Catalog) -> Vec<Problem> {
    let Some(wanted) = &rule.conditions.secret else { return Vec::new() };
    let secrets = &catalog.secrets;
    let found = rule.places.cited(Noun::SecretEntry, "match.").filter_map(|cited| {
        let place = secrets.ids().position(|id| id == cited.name && id != UNRESOLVED)?;
        let entry = secrets.tagged(u32::try_from(place).ok()?)?;
        let too_weak = |grade: &Grade| *grade < entry.grade;
        let message = if !wanted.class.is_empty() && !wanted.class.iter().any(|class| class == entry.class) {
            format!("{} is of class {}, never of {}", entry.id, entry.class, OneOf(&wanted.class))
        } else if !wanted.grade.is_empty() && wanted.grade.iter().all(too_weak) {
            format!("{} is of grade {}, never of {}", entry.id, entry.grade.word(), OneOf(&wanted.grade))
        } else {
            return None;
        };
        Some(refuse(rule, cited, message, NEVER))
    });
    found.collect()
}

/// A service without a socket, or without a command.
fn services(rule: &Rule, catalog: &Catalog) -> Vec<Problem> {
    let Some(wanted) = &rule.conditions.delegate else { return Vec::new() };
    let services = catalog.destinations.services();
    let found = rule.places.cited(Noun::Service, "match.").filter_map(|cited| {
        let ways = services.ways(&cited.name)?;
        let never = !wanted.how.is_empty() && wanted.how.iter().all(|how| !ways.contains(how));
        let message = format!("{} is asked by {}, never by {}", cited.name, OneOf(&ways), OneOf(&wanted.how));
        never.then(|| refuse(rule, cited, message, NEVER))
    });
    found.collect()
}
