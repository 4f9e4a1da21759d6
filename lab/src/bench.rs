//! One client on the bench: installed, run up to three times, measured.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{
    client::{Client, Seed},
    home,
    install::{self, Cache, Installed},
    measure::{self, Measured},
    sandbox::{FOLDER, HOME, Plan, Seen},
    token,
    trace::{self, Trace},
};

/// Where moved stores are put, in the client's home.
const MOVED: &str = "/home/lab/moved";
/// Seconds for one run.
const LIMIT: u64 = 120;

/// Installs and runs clients.
#[derive(Clone, Debug)]
pub struct Bench {
    pub cache: Cache,
    /// This program, which plays a plan when it is started as `lab play FILE`.
    pub program: PathBuf,
    /// The scratch directories stay.
    pub keep: bool,
}

impl Bench {
    /// What is known of the client afterwards; one that cannot be had is known as skipped.
    ///
    /// # Errors
    /// The laboratory itself fails.
    pub fn measure(&self, client: &Client) -> Result<Measured> {
        let skipped = |why: String| Measured {
            id: client.id.clone(),
            package: client.name().to_owned(),
            version: client.version().to_owned(),
            registry: client.from.name().to_owned(),
            skipped: Some(why),
            ..Measured::default()
        };
        if let Some(why) = &client.skip {
            return Ok(skipped(why.clone()));
        }
        let installed = match self.cache.install(client) {
            Ok(installed) => installed,
            Err(why) => {
                let why = format!("{why:#}");
                return Ok(skipped(format!("it cannot be installed: {}", install::reason(&why))));
            }
        };
        let own = client.stores();
        let others = home::everybodys(&own);
        let (trace, seen) = self.run(
            client,
            &installed,
            "usual",
            Seeds { own: client.seeds(token::STORE), others: others.clone() },
            &[],
        )?;
        let mut measured = measure::usual(client, &installed, &trace, &seen);
        for group in together(client.moves()) {
            let variables: Vec<(String, String)> =
                group.iter().map(|(name, _)| (name.clone(), format!("{MOVED}/{name}"))).collect();
            let seeds = Seeds { own: moved(client, &group), others: others.clone() };
            let (trace, _) = self.run(client, &installed, "moved", seeds, &variables)?;
            measured.moves.extend(measure::moved(client, &group, MOVED, &trace));
        }
        if !client.logins().is_empty() {
            let variables: Vec<(String, String)> = (client.logins().into_iter().enumerate())
                .map(|(n, (name, value))| (name.to_owned(), token::fill(value, &measure::login_tag(n))))
                .collect();
            let (trace, seen) =
                self.run(client, &installed, "login", Seeds { own: Vec::new(), others }, &variables)?;
            measured.logins = measure::logins(client, &seen);
            measure::add_hosts(&mut measured, client, &trace, &seen);
        }
        Ok(measured)
    }

    fn run(
        &self,
        client: &Client,
        installed: &Installed,
        name: &str,
        seeds: Seeds,
        variables: &[(String, String)],
    ) -> Result<(Trace, Seen)> {
        let scratch = self.cache.scratch().join(format!("{}-{name}", client.id));
        if scratch.exists() {
            fs::remove_dir_all(&scratch).context("an earlier run's files cannot be removed")?;
        }
        fs::create_dir_all(&scratch).with_context(|| format!("{} cannot be made", scratch.display()))?;
        let mut env = install::environment(installed, &scratch.join("authority.pem"));
        let tagged = client.env.iter().map(|(name, value)| (name.clone(), token::fill(value, token::STORE)));
        env.extend(tagged.chain(variables.iter().cloned()));
        let files = client.files.iter().map(|(path, text)| (path.clone(), text.clone()));
        let plan = Plan {
            keep: installed.keep.iter().cloned().chain([scratch.clone()]).collect(),
            scratch: scratch.clone(),
            overlay: installed.overlay.clone(),
            bundles: installed.bundles(),
            seeds: seeds.others.into_iter().chain(seeds.own).chain(files).collect(),
            env,
            answers: client.answers.clone(),
            run: client.run.clone(),
            limit: LIMIT,
            installed: Vec::new(),
            script: None,
        };
        let seen = self.play(&plan)?;
        let text = fs::read(plan.trace()).context("there is no trace; is strace installed?")?;
        let trace = trace::read(&String::from_utf8_lossy(&text), FOLDER);
        if self.keep {
            fs::write(scratch.join("seen.json"), serde_json::to_string_pretty(&seen)?)
                .context("no place for what was seen")?;
        } else {
            fs::remove_dir_all(&scratch).context("the run's files cannot be removed")?;
        }
        Ok((trace, seen))
    }

    /// In a process of its own, which leaves the machine's network and mounts.
    fn play(&self, plan: &Plan) -> Result<Seen> {
        let file = plan.scratch.join("plan.json");
        fs::write(&file, serde_json::to_string(plan)?).context("the plan cannot be written")?;
        let output = Command::new(&self.program)
            .arg("play")
            .arg(&file)
            .output()
            .context("the sandbox cannot be started")?;
        if !output.status.success() {
            bail!("the sandbox failed: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        serde_json::from_slice(&output.stdout).context("the sandbox's answer is no JSON")
    }
}

struct Seeds {
    own: Vec<Seed>,
    others: Vec<Seed>,
}

/// `(variable, place)`s that one run can try: those of the XDG base directories together, each other one alone, because it
/// may outdo the rest.
fn together(moves: Vec<(String, String)>) -> Vec<Vec<(String, String)>> {
    let (base, own): (Vec<_>, Vec<_>) = moves.into_iter().partition(|(name, _)| name.starts_with("XDG_"));
    own.into_iter().map(|one| vec![one]).chain([base]).filter(|group| !group.is_empty()).collect()
}

/// The client's stores at the places that the variables name.
fn moved(client: &Client, moves: &[(String, String)]) -> Vec<Seed> {
    let seeds = client.seeds(token::STORE);
    let base = MOVED.replacen(HOME, "~", 1);
    let at = |(variable, place): &(String, String)| -> Vec<Seed> {
        let inside = |(path, text): &Seed| {
            let rest =
                path.strip_prefix(place.as_str()).filter(|rest| rest.is_empty() || rest.starts_with('/'))?;
            Some((format!("{base}/{variable}{rest}"), text.clone()))
        };
        seeds.iter().filter_map(inside).collect()
    };
    moves.iter().flat_map(at).collect()
}

/// What a sandbox process does: plays the plan, and prints what was seen.
///
/// # Errors
/// The plan cannot be read or played.
pub fn play(file: &Path) -> Result<()> {
    let text = fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let plan: Plan = serde_json::from_str(&text).context("the plan is no plan")?;
    println!("{}", serde_json::to_string(&plan.play()?)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_of_the_clients_own_is_tried_alone() {
        let text = "- { id: x, from: npm, package: x@1, run: x, stores: [~/.config/x/auth.json, ~/.local/share/x/key], \
                    moves: [X_HOME=~/.config/x, X_FILE=~/.config/x/auth.json] }";
        let client = crate::client::read(text).unwrap().remove(0);
        let names =
            |group: &Vec<(String, String)>| group.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        let groups = together(client.moves());
        let expected = [vec!["X_HOME"], vec!["X_FILE"], vec!["XDG_CONFIG_HOME", "XDG_DATA_HOME"]];
        assert_eq!(groups.iter().map(names).collect::<Vec<_>>(), expected);
        let places = |group| moved(&client, group).into_iter().map(|(path, _)| path).collect::<Vec<_>>();
        assert_eq!(places(&groups[0]), ["~/moved/X_HOME/auth.json"]);
        assert_eq!(places(&groups[1]), ["~/moved/X_FILE"]);
        assert_eq!(
            places(&groups[2]),
            ["~/moved/XDG_CONFIG_HOME/x/auth.json", "~/moved/XDG_DATA_HOME/x/key"]
        );
    }
}
