//! What a person gives beside asking: the code of a device, or the signature of a key that is touched for it.

use std::{
    fs,
    io::{self, BufRead as _, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use clap::Args;

use super::{
    exit::{Exit, Failure},
    language::plain,
    printer::{Printer, prompt},
    wait::wait,
};
use crate::{
    control::{
        client::Client,
        factors::{StatementView, WantedStatement},
    },
    factor::{check::Proof, key::NAMESPACE},
};

/// Options of every verb that lets something go on.
#[derive(Args, Debug, Default)]
pub struct Strength {
    /// Ask for the code of your device (from standard input where that is no terminal)
    #[arg(long, conflicts_with_all = ["sign", "signature", "statement"])]
    code: bool,
    /// Sign it with this key, which is touched for it: FILE as for `ssh-keygen -Y sign -f`
    #[arg(long, value_name = "FILE", conflicts_with_all = ["signature", "statement"])]
    sign: Option<PathBuf>,
    /// What `ssh-keygen -Y sign` wrote elsewhere: FILE.sig, with the signed text beside it in FILE
    #[arg(long, value_name = "FILE.sig", conflicts_with = "statement")]
    signature: Option<PathBuf>,
    /// Only print the text that is to be signed
    #[arg(long)]
    statement: bool,
}

/// What is to be signed for a verdict.
pub fn wanted(verdict: &str, object: &str) -> WantedStatement {
    WantedStatement { verdict: verdict.into(), object: object.into(), ..WantedStatement::default() }
}

impl Strength {
    /// What the person gives, which may be nothing; `None` where they only wanted to see the text.
    pub fn proof(
        &self,
        client: &Client,
        printer: &Printer,
        wanted: WantedStatement,
    ) -> Result<Option<Option<Proof>>, Failure> {
        if self.code {
            let code = Some(read_code(printer)?);
            return Ok(Some(Some(Proof { code, ..Proof::default() })));
        }
        if let Some(file) = &self.signature {
            return Ok(Some(Some(carried(file)?)));
        }
        if !self.statement && self.sign.is_none() {
            return Ok(Some(None));
        }
        let Some(key) = &self.sign else {
            let view = statement(client, &wanted)?;
            printer.data(view.statement.trim_end())?;
            printer.say(&format!(
                "keep this in a file and sign it, before it expires, with `ssh-keygen -Y sign -n {NAMESPACE} -f KEY FILE`"
            ));
            return Ok(None);
        };
        Ok(Some(Some(signed(client, printer, &wanted, key, "this is signed")?)))
    }
}

fn statement(client: &Client, wanted: &WantedStatement) -> Result<StatementView, Failure> {
    wait(async { Ok(client.post("/v1/statements", wanted).await?) })
}

/// What a key here signs about it; `what` says which text and why.
pub fn signed(
    client: &Client,
    printer: &Printer,
    wanted: &WantedStatement,
    key: &Path,
    what: &str,
) -> Result<Proof, Failure> {
    let view = statement(client, wanted)?;
    // What is signed is seen before the key is touched: the key itself has no screen.
    printer.say(&format!("{what}; touch the key to say so:\n\n{}", plain_lines(&view.statement)));
    let signature = Some(sign(key, &view.statement)?);
    Ok(Proof { code: None, statement: Some(view.statement), signature })
}

/// Line by line, as nothing in it is to steer the terminal.
fn plain_lines(text: &str) -> String {
    text.lines().map(|line| format!("    {}\n", plain(line))).collect()
}

/// The code, typed or piped: never an argument, which everybody could read.
pub fn read_code(printer: &Printer) -> Result<String, Failure> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        prompt("code: ");
    } else {
        printer.say("reading the code from standard input");
    }
    let mut line = String::new();
    stdin.lock().read_line(&mut line)?;
    let code = line.trim().to_owned();
    if code.is_empty() { Err(Failure::new(Exit::Usage, "no code was given")) } else { Ok(code) }
}

/// A signature that was made elsewhere, and the text that it signs.
pub fn carried(file: &Path) -> Result<Proof, Failure> {
    let read = |path: &Path| {
        fs::read_to_string(path)
            .map_err(|error| Failure::new(Exit::Usage, format_args!("{}: {error}", path.display())))
    };
    let signature = read(file)?;
    if file.extension().is_none_or(|end| end != "sig") {
        let expected = "expected FILE.sig, as `ssh-keygen -Y sign` names it, with the signed text in FILE";
        return Err(Failure::new(Exit::Usage, format_args!("{}: {expected}", file.display())));
    }
    let statement = Some(read(&file.with_extension(""))?);
    Ok(Proof { code: None, statement, signature: Some(signature) })
}

/// Has `ssh-keygen` sign a text, which asks for the touch and, where the key has one, for its PIN.
fn sign(key: &Path, text: &str) -> Result<String, Failure> {
    let failed = |why: &dyn std::fmt::Display| {
        Failure::new(Exit::Negative, format_args!("ssh-keygen -Y sign -f {}: {why}", key.display()))
    };
    let mut child = Command::new("ssh-keygen")
        .args(["-Y", "sign", "-n", NAMESPACE, "-f"])
        .arg(key)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                failed(&"there is no ssh-keygen here; install OpenSSH's client (8.2 or later)")
            }
            _ => failed(&error),
        })?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(text.as_bytes()).map_err(|error| failed(&error))?;
    }
    let output = child.wait_with_output().map_err(|error| failed(&error))?;
    if !output.status.success() {
        return Err(failed(&format_args!("it signed nothing ({})", output.status)));
    }
    String::from_utf8(output.stdout).map_err(|_| failed(&"it wrote no signature"))
}
