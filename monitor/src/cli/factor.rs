//! `interlock factor`: codes and keys that a user's decisions take.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};

use super::{
    exit::{Exit, Failure},
    global::{Global, Reading},
    language::{id, plain},
    printer::Printer,
    strength::{Strength, carried, read_code, signed, wanted},
    wait::wait,
};
use crate::{
    config,
    control::{
        client::Client,
        factors::{FactorRemoval, FactorView, Hidden, NewFactor},
    },
    factor::{
        check::Proof,
        enrol::{self, New},
        key::Key,
        secret::Secret,
        totp::drift_in_words,
    },
};
use interlock_host::proc::users;

#[derive(Debug, Subcommand)]
pub enum Factor {
    /// Enrol a device that shows codes, or a key that is touched
    #[command(subcommand)]
    Add(Add),
    /// What is enrolled
    List(List),
    /// Take a factor away
    Remove(Remove),
}

#[derive(Debug, Subcommand)]
pub enum Add {
    /// A device or app that shows a code of six digits (RFC 6238); its secret is printed once
    Totp(Totp),
    /// A FIDO2 key by OpenSSH: FILE.pub as `ssh-keygen -t ed25519-sk` writes it
    Key(NewKey),
}

#[derive(Args, Debug)]
pub struct Totp {
    #[command(flatten)]
    whose: Whose,
    #[command(flatten)]
    strength: Strength,
}

#[derive(Args, Debug)]
pub struct NewKey {
    /// Its public part
    file: PathBuf,
    /// Take only signatures for which the key made sure of who touched it (PIN or finger)
    #[arg(long)]
    verify_required: bool,
    /// What the new key signed elsewhere: FILE.sig, with the text that `--statement` printed beside it in FILE
    #[arg(long, value_name = "FILE.sig", conflicts_with = "statement")]
    key_signature: Option<PathBuf>,
    #[command(flatten)]
    whose: Whose,
    #[command(flatten)]
    strength: Strength,
}

#[derive(Args, Debug)]
pub struct List {
    #[command(flatten)]
    whose: Whose,
    #[command(flatten)]
    reading: Reading,
}

#[derive(Args, Debug)]
pub struct Remove {
    /// As `interlock factor list` prints it
    #[arg(value_parser = id)]
    id: String,
    #[command(flatten)]
    whose: Whose,
    #[command(flatten)]
    strength: Strength,
}

#[derive(Args, Debug)]
struct Whose {
    /// Of this user, by name or uid (as root) [default: yours]
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
}

impl Whose {
    fn uid(&self) -> Result<Option<u32>, Failure> {
        self.user.as_deref().map(config::uid).transpose().map_err(|why| Failure::new(Exit::Usage, why))
    }

    fn name(&self) -> String {
        let own = || users::name_on_this_machine(nix::unistd::getuid().as_raw());
        self.user.clone().or_else(own).unwrap_or_else(|| nix::unistd::getuid().to_string())
    }
}

impl Factor {
    pub fn perform(&self, client: &Client, global: &Global) -> Result<Exit, Failure> {
        let plain = global.printer(Reading::default());
        match self {
            Self::Add(Add::Totp(totp)) => totp.perform(client, &plain),
            Self::Add(Add::Key(key)) => key.perform(client, &plain),
            Self::List(list) => list.perform(client, &global.printer(list.reading)),
            Self::Remove(remove) => remove.perform(client, &plain),
        }
    }
}

impl Totp {
    fn perform(&self, client: &Client, printer: &Printer) -> Result<Exit, Failure> {
        let user = self.whose.uid()?;
        let secret = Secret::random();
        let device = New::Device { secret: secret.text(), code: String::new() };
        let what = object(user, &device).map_err(|why| Failure::new(Exit::Usage, why))?;
        let Some(proof) = self.strength.proof(client, printer, wanted("factor-add", &what))? else {
            return Ok(Exit::Success);
        };
        let host = interlock_host::machine::name();
        printer.data(&format!("secret: {}\n{}", secret.text(), secret.uri(&self.whose.name(), &host)))?;
        printer.say(
            "put one of them into your device; neither is shown again. Then type the code that it shows.",
        );
        let code = Some(Hidden(read_code(printer)?));
        let secret = Some(Hidden(secret.text()));
        let factors = add(client, &NewFactor { user, secret, code, proof, ..NewFactor::default() })?;
        printer.say("enrolled: from now on your approvals and thaws take its code (--code)");
        say_drift(&factors, printer);
        Ok(Exit::Success)
    }
}

impl NewKey {
    fn perform(&self, client: &Client, printer: &Printer) -> Result<Exit, Failure> {
        let refused = |why: String| Failure::new(Exit::Usage, format_args!("{}: {why}", self.file.display()));
        let line = fs::read_to_string(&self.file).map_err(|error| refused(error.to_string()))?;
        let key = Key::parse(&line).map_err(refused)?;
        let user = self.whose.uid()?;
        let verify_required = self.verify_required;
        let new = New::Key { line: key.text(), verify_required, possession: Proof::default() };
        let what = object(user, &new).map_err(|why| Failure::new(Exit::Usage, why))?;
        let Some(proof) = self.strength.proof(client, printer, wanted("factor-add", &what))? else {
            return Ok(Exit::Success);
        };
        let possession = Some(match &self.key_signature {
            Some(file) => carried(file)?,
            None => {
                let says = "the new key signs this, which shows that you hold it";
                signed(client, printer, &wanted("factor-add", &what), &signer(&self.file), says)?
            }
        });
        let key_text = Some(key.text());
        add(
            client,
            &NewFactor { user, key: key_text, verify_required, possession, proof, ..NewFactor::default() },
        )?;
        printer.say(&format!(
            "enrolled {}: from now on your approvals and thaws take its signature (--sign {})",
            key.fingerprint(),
            plain(&self.file.with_extension("").display().to_string())
        ));
        Ok(Exit::Success)
    }
}

/// The private half beside a `.pub` file; where it is not there, ssh-keygen asks the agent for it by the public one.
fn signer(public: &Path) -> PathBuf {
    let beside = public.with_extension("");
    if public.extension().is_some_and(|ending| ending == "pub") && beside.exists() {
        beside
    } else {
        public.to_owned()
    }
}

fn object(user: Option<u32>, new: &New) -> Result<String, String> {
    enrol::object(user.unwrap_or_else(|| nix::unistd::getuid().as_raw()), new)
}

fn add(client: &Client, new: &NewFactor) -> Result<Vec<FactorView>, Failure> {
    wait(async { Ok(client.post("/v1/factors", new).await?) })
}

fn say_drift(factors: &[FactorView], printer: &Printer) {
    if let Some(drift) = factors.last().and_then(|factor| drift_in_words(factor.drift_seconds)) {
        printer.say(&drift);
    }
}

impl List {
    fn perform(&self, client: &Client, printer: &Printer) -> Result<Exit, Failure> {
        let path = match self.whose.uid()? {
            Some(uid) => format!("/v1/factors?user={uid}"),
            None => "/v1/factors".to_owned(),
        };
        let factors: Vec<FactorView> = wait(async { Ok(client.get(&path).await?) })?;
        printer.list(
            &factors,
            "no factors: decisions take none",
            &["ID", "FACTOR", "ENROLLED", "REMARKS"],
            row,
        )?;
        Ok(Exit::Success)
    }
}

fn row(factor: &FactorView) -> Vec<String> {
    let mut remarks: Vec<String> = drift_in_words(factor.drift_seconds).into_iter().collect();
    if factor.verify_required {
        remarks.push("takes a PIN or a finger".into());
    }
    let remarks = if remarks.is_empty() { "-".to_owned() } else { remarks.join(", ") };
    vec![factor.id.clone(), factor.factor.clone(), factor.enrolled.strftime("%Y-%m-%d").to_string(), remarks]
}

impl Remove {
    fn perform(&self, client: &Client, printer: &Printer) -> Result<Exit, Failure> {
        let user = self.whose.uid()?;
        let Some(proof) = self.strength.proof(client, printer, wanted("factor-remove", &self.id))? else {
            return Ok(Exit::Success);
        };
        let path = format!("/v1/factors/{}/remove", self.id);
        let removal = FactorRemoval { user, proof };
        let left: Vec<FactorView> = wait(async { Ok(client.post(&path, &removal).await?) })?;
        printer.data(&format!("removed {}; factors that are left: {}", self.id, left.len()))?;
        Ok(Exit::Success)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::printer::table;

    #[test]
    fn a_factor_is_one_row_that_says_how_its_clock_goes() {
        let device = FactorView {
            id: "f1".into(),
            factor: "totp".into(),
            user: 1000,
            enrolled: jiff::Timestamp::UNIX_EPOCH,
            drift_seconds: -30,
            verify_required: false,
        };
        let key = FactorView {
            id: "f2".into(),
            factor: "key SHA256:abc".into(),
            drift_seconds: 0,
            verify_required: true,
            ..device.clone()
        };
        insta::assert_snapshot!(table(&["ID", "FACTOR", "ENROLLED", "REMARKS"], vec![row(&device), row(&key)], None), @"
        ID  FACTOR          ENROLLED    REMARKS
        f1  totp            1970-01-01  your device is about 30 s behind
        f2  key SHA256:abc  1970-01-01  takes a PIN or a finger
        ");
    }
}
