//! What a publisher does: a key, and bundles that it signs.

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use clap::Args;
use jiff::Timestamp;
use rand_core::OsRng;
use signed_note::{StandardSigner, StandardVerifier, generate_key};

use super::judge;
use crate::{
    cli::{
        exit::{Exit, Failure},
        printer::Printer,
    },
    config::Config,
    policy::bundle::{Bundle, Manifest, RULES, may_hold, pack},
    text,
};
use interlock_host::clock::whole_seconds;

/// Largest file of a bundle, bytes.
const FILE_MAX: u64 = 16 << 20;

#[derive(Args, Debug)]
pub struct Key {
    /// Where the secret part goes, mode 0600; the public part goes to FILE.vkey
    file: PathBuf,
    /// Its name, which bundles say who signed them by: no spaces and no +
    #[arg(long)]
    name: String,
}

#[derive(Args, Debug)]
pub struct Pack {
    /// With rules.yaml, agents.yaml, secrets.yaml, destinations.yaml, workspaces.yaml (those that are there), and cases/*.yaml
    dir: PathBuf,
    /// Whose rules they are: lower-case letters, digits, dashes
    #[arg(long)]
    name: String,
    /// Higher than that of every bundle before
    #[arg(long)]
    serial: u64,
    /// The secret key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Where to write it [default: NAME-SERIAL.tar here]
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// The first version of Interlock that understands it [default: this one]
    #[arg(long, value_name = "VERSION", default_value = env!("CARGO_PKG_VERSION"))]
    needs: String,
    /// When it is made: the same files and the same time give the same bytes [default: now]
    #[arg(long, value_name = "TIME")]
    made: Option<Timestamp>,
}

impl Key {
    pub fn perform(&self, printer: &Printer) -> Result<Exit, Failure> {
        if self.name.is_empty()
            || self.name.contains(|c: char| c.is_whitespace() || c == '+' || c.is_control())
        {
            return Err(Failure::new(Exit::Usage, "a key's name has no spaces and no +"));
        }
        let (secret, public) = generate_key(&mut OsRng, &self.name);
        write_new(&self.file, &format!("{secret}\n"), 0o600)?;
        let beside = PathBuf::from(format!("{}.vkey", self.file.display()));
        write_new(&beside, &format!("{public}\n"), 0o644)?;
        printer.data(&public)?;
        printer.say(&format!(
            "machines take its bundles once {} lies in /etc/interlock/policy/keys",
            beside.display()
        ));
        Ok(Exit::Success)
    }
}

/// What is wrong with a file that a person named.
fn named(file: &Path) -> impl FnOnce(io::Error) -> Failure + '_ {
    move |error| Failure::new(Exit::Usage, format_args!("{}: {error}", file.display()))
}

fn write_new(file: &Path, text: &str, mode: u32) -> Result<(), Failure> {
    let mut new =
        OpenOptions::new().write(true).create_new(true).mode(mode).open(file).map_err(named(file))?;
    new.write_all(text.as_bytes()).and_then(|()| new.sync_all()).map_err(named(file))
}

impl Pack {
    pub fn perform(&self, printer: &Printer) -> Result<Exit, Failure> {
        let signer = signer(&self.key)?;
        let files = self.files(printer)?;
        let made = whole_seconds(self.made.unwrap_or_else(Timestamp::now));
        let wrong = |error: &dyn std::fmt::Display| Failure::new(Exit::Negative, error);
        let (name, serial, needs) = (self.name.clone(), self.serial, self.needs.clone());
        let about = Manifest { name, serial, made, needs, files: BTreeMap::new() };
        let bytes = pack(about, &files, &signer.0).map_err(|error| wrong(&error))?;
        // What nobody could install is not written.
        let bundle = Bundle::read(&bytes, &[signer.1]).map_err(|error| Failure::new(Exit::Usage, error))?;
        judge::fits(&Config::default(), &bundle, printer)?;
        let file = self.file.clone().unwrap_or_else(|| format!("{}-{}.tar", self.name, self.serial).into());
        fs::write(&file, bytes).map_err(named(&file))?;
        printer.data(&format!("{}: {} files", file.display(), files.len()))?;
        Ok(Exit::Success)
    }

    fn files(&self, printer: &Printer) -> Result<BTreeMap<String, String>, Failure> {
        let top = text::visible(&self.dir).map_err(named(&self.dir))?;
        let cases = self.dir.join("cases");
        let cases = if cases.is_dir() { text::visible(&cases).map_err(named(&cases))? } else { Vec::new() };
        let mut files = BTreeMap::new();
        for path in top.iter().chain(&cases).filter(|path| path.is_file()) {
            let inner = path.strip_prefix(&self.dir).unwrap_or(path).to_string_lossy().into_owned();
            if !may_hold(&inner) {
                printer.say(&format!("{inner} does not belong into a bundle, and is left out"));
                continue;
            }
            let read = text::read(path, FILE_MAX).map_err(|problem| Failure::new(Exit::Usage, problem))?;
            files.insert(inner, read);
        }
        if files.is_empty() {
            let text = format!("{}: has no {RULES} and no catalogue", self.dir.display());
            return Err(Failure::new(Exit::Usage, text));
        }
        Ok(files)
    }
}

/// The key, and what its signatures are checked by.
fn signer(file: &Path) -> Result<(StandardSigner, StandardVerifier), Failure> {
    let wrong = |why: &str| Failure::new(Exit::Usage, format_args!("{}: {why}", file.display()));
    // Fails closed: what others can sign proves nothing.
    if fs::metadata(file).map_err(named(file))?.mode() & 0o077 != 0 {
        return Err(wrong("others may read it; chmod 600, or make another key"));
    }
    let secret = fs::read_to_string(file).map_err(named(file))?;
    let signer = StandardSigner::new(secret.trim()).map_err(|_| wrong("this is no secret key"))?;
    let beside = PathBuf::from(format!("{}.vkey", file.display()));
    let public = fs::read_to_string(&beside).map_err(named(&beside))?;
    let verifier = StandardVerifier::new(public.trim()).map_err(|_| {
        Failure::new(Exit::Usage, format_args!("{}: this is no public key", beside.display()))
    })?;
    Ok((signer, verifier))
}
