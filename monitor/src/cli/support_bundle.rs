//! `interlock support-bundle`: what a report of a fault needs, in one archive, without a credential in it.
//!
//! Three things keep credentials out: what has no business there is not read; each text goes through the mask that events and the
//! ledger go through; and where a part holds, word for word, what a file of credentials holds that Interlock itself knows, that part is
//! left out. Whoever sends it looks through it first: it names users, hosts, paths and programs.

mod archive;
mod configuration;
mod credentials;
mod daemon;
mod machine;
mod part;
mod service;

use std::path::{Path, PathBuf};

use clap::Args;
use jiff::Timestamp;
use serde_json::json;

use self::{credentials::Credentials, part::Part};
use super::{
    exit::{Exit, Failure},
    global::{Global, Reading},
    language::plain,
    printer::Printer,
};
use crate::{
    config::{Config, SOCKET},
    control::client::Client,
    metrics::revision,
};

#[derive(Args, Debug)]
pub struct SupportBundle {
    /// Where to write it; `-`: standard output [default: interlock-support-HOST-TIME.tar.gz in this directory]
    #[arg(long, short, value_name = "FILE")]
    file: Option<PathBuf>,
    /// So many of the newest events
    #[arg(long, value_name = "COUNT", default_value_t = 500)]
    events: usize,
}

impl SupportBundle {
    pub fn perform(&self, global: &Global) -> Result<Exit, Failure> {
        let printer = global.printer(Reading::default());
        // A configuration that cannot be read is a reason for a report, and no hindrance.
        let client = &global.client().unwrap_or_else(|_| Client::new(Path::new(SOCKET)));
        let loaded = Config::load(global.config_file());
        let defaults = Config::default();
        let config = loaded.as_ref().unwrap_or(&defaults);
        let mut parts = machine::parts(config);
        parts.extend(configuration::parts(config, global.config_file(), loaded.as_ref().err()));
        parts.extend(daemon::parts(client, global, &printer, self.events));
        parts.extend(service::parts());
        let credentials = Credentials::of(config);
        parts.iter_mut().for_each(|part| credentials.keep_out_of(part));
        let now = Timestamp::now();
        parts.insert(0, about(&parts, &credentials, now));
        self.write(&parts, &credentials, &printer, now)
    }

    fn write(
        &self,
        parts: &[Part],
        credentials: &Credentials,
        printer: &Printer,
        now: Timestamp,
    ) -> Result<Exit, Failure> {
        let name = name(now);
        let file = self.file.clone().unwrap_or_else(|| format!("{name}.tar.gz").into());
        archive::write(&file, &name, parts, now).map_err(|error| {
            Failure::new(Exit::Negative, format_args!("{} cannot be written: {error}", file.display()))
        })?;
        for part in parts {
            match &part.content {
                Ok(bytes) => printer.say(&format!("  {} ({} bytes)", part.name, bytes.len())),
                Err(why) => printer.say(&format!("  {} is not in it: {}", part.name, plain(why))),
            }
        }
        for unread in credentials.unreadable() {
            printer.say(&format!(
                "whether it holds what is in a file of credentials was not looked at: {}",
                plain(unread)
            ));
        }
        printer.say("it names users, hosts, paths and programs, and its texts are masked: look through it before you hand it on");
        if file != Path::new("-") {
            printer.data(&file.display().to_string())?;
        }
        Ok(Exit::Success)
    }
}

/// `interlock-support-HOST-20261201T093000Z`
fn name(now: Timestamp) -> String {
    let host: String = interlock_host::machine::name()
        .chars()
        .filter(|letter| letter.is_ascii_alphanumeric() || "-.".contains(*letter))
        .collect();
    format!("interlock-support-{host}-{}", now.strftime("%Y%m%dT%H%M%SZ"))
}

/// What the bundle is, and what is missing in it and why.
fn about(parts: &[Part], credentials: &Credentials, now: Timestamp) -> Part {
    let left_out: Vec<_> = parts
        .iter()
        .filter_map(|part| Some(json!({ "part": part.name, "why": part.content.as_ref().err()? })))
        .collect();
    Part::json(
        "about.json",
        &json!({
            "made": now,
            "by_uid": nix::unistd::geteuid().as_raw(),
            "program": { "version": env!("CARGO_PKG_VERSION"), "revision": revision(), "abi": monitor_common::ABI },
            "left_out": left_out,
            "credentials_looked_for": credentials.count(),
            "credentials_unreadable": credentials.unreadable(),
        }),
    )
}
