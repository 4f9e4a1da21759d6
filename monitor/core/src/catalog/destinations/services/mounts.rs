//! Files of this machine that a command gives to the container it starts: `docker run -v SOURCE:TARGET IMAGE`.
//!
//! Only what stands before the image is the command's own; the rest is for the program inside of the container.

use std::collections::HashSet;

use crate::{
    catalog::{
        command::{CommandPattern, Invocation, ValueOptions, is_option},
        fields::{any, commands},
    },
    yaml::{Node, Report, Section},
};

/// Which commands of a service give files away, and how; the default is none.
#[derive(Debug, Default)]
pub struct Mounts {
    commands: Vec<CommandPattern>,
    options: HashSet<String>,
    /// Options of these commands without a value. Whatever is not listed takes one: because of a new flag of the tool the
    /// image's name goes unseen, and more is looked at, not less.
    flags: HashSet<String>,
}

impl Mounts {
    /// Reads a service's `mounts`.
    pub fn read(node: &Node, path: &str, report: &mut Report<'_>) -> Option<Self> {
        let section = Section::open(node, path, &["commands", "options", "flags"], report)?;
        for key in ["commands", "options"] {
            if section.is_empty(key) {
                let at = section.get(key).map_or(section.at(), |node| node.referenced);
                report.add(at, section.field(key), "there are none").expected("at least one");
            }
        }
        Some(Self {
            commands: commands(&section, "commands", report),
            options: section.items("options", report, option).into_iter().collect(),
            flags: section.need_items("flags", report, option).into_iter().collect(),
        })
    }

    /// Absolute paths, in the order in which they are given. `values` belong to the words of the command.
    pub fn sources<'a>(&self, invocation: Invocation<'a>, values: &ValueOptions) -> Vec<&'a str> {
        let after_command = self.commands.iter().find_map(|command| command.rest(invocation, values));
        let mut rest = after_command.unwrap_or_default().iter().map(String::as_str).peekable();
        let mut found = Vec::new();
        while let Some(arg) = rest.next().filter(|arg| is_option(arg) && *arg != "--") {
            let Some((option, joined)) = self.with_value(arg) else { continue };
            // A flag that is not listed must not take a `-v` away.
            let value = joined.or_else(|| rest.next_if(|next| !is_option(next) || *next == "--"));
            if self.options.contains(&option) {
                found.extend(value.into_iter().flat_map(sources));
            }
        }
        found
    }

    /// The option that takes a value, with that value where it is part of the argument: `-v` of `-itv/home:/x`.
    fn with_value<'a>(&self, arg: &'a str) -> Option<(String, Option<&'a str>)> {
        if arg.starts_with("--") {
            let (option, value) =
                arg.split_once('=').map_or((arg, None), |(name, value)| (name, Some(value)));
            return (!self.flags.contains(option)).then(|| (option.to_owned(), value));
        }
        let letters = arg.char_indices().skip(1);
        let mut options = letters.map(|(at, letter)| (at + letter.len_utf8(), format!("-{letter}")));
        let (end, option) = options.find(|(_, option)| !self.flags.contains(option))?;
        let rest = arg.get(end..)?;
        let value = rest.strip_prefix('=').unwrap_or(rest);
        Some((option, Some(value).filter(|value| !value.is_empty())))
    }
}

fn option(node: &Node, path: &str, report: &mut Report<'_>) -> Option<String> {
    let text = any(node, path, report)?;
    if !is_option(&text) {
        let problem = report.add(node.referenced, path, format!("found {text:?}"));
        problem.expected("an option, such as -v or --volume");
    }
    Some(text)
}

/// What one mount gives: of `SOURCE:TARGET:ro` or of `type=bind,source=SOURCE,target=TARGET`. A named volume has no path,
/// and a path alone is one inside of the container.
fn sources(mount: &str) -> Vec<&str> {
    if mount.starts_with('/') {
        return mount.split_once(':').map(|(source, _)| source).into_iter().collect();
    }
    // The last one counts for docker, another for others: all are looked at.
    fields(mount).filter_map(source).filter(|path| path.starts_with('/')).collect()
}

/// docker reads them as a line of CSV, where quotes may stand around a field that has commas.
fn fields(mount: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let is_end = move |letter: char| {
        quoted ^= letter == '"';
        letter == ',' && !quoted
    };
    mount.split(is_end).map(|field| field.trim_matches('"'))
}

fn source(field: &str) -> Option<&str> {
    let (key, value) = field.split_once('=')?;
    match key.to_ascii_lowercase().as_str() {
        "source" | "src" => Some(value),
        // A volume that is made on the spot may be a directory by another name.
        "volume-opt" => value.strip_prefix("device="),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::catalog::Catalog;

    #[test]
    fn what_a_container_is_given_stands_before_its_image() {
        let catalog = Catalog::builtin().unwrap();
        let none: &[&str] = &[];
        let cases = [
            ("docker run -v /a:/x -v /b:/y:ro --volume=/c:/z img", &["/a", "/b", "/c"][..]),
            ("docker run --rm -it -e A=1 --name n -v /a:/x img -v /b:/y", &["/a"]),
            ("docker run --memory 1g --env=B img -v /b:/y", none),
            ("docker run -itv /a:/x img", &["/a"]),
            ("docker run -itv/a:/x img", &["/a"]),
            ("docker run -itv=/a:/x img", &["/a"]),
            ("docker run -dp 80:80 -v/a:/x img", &["/a"]),
            ("docker run -eK=v -v /a:/x img", &["/a"]),
            ("docker run --rm=true -t=false -v /a:/x img", &["/a"]),
            ("docker run --new-option value -v /a:/x img", &["/a"]),
            ("docker run --new-flag -v /a:/x img", &["/a"]),
            ("docker run --entrypoint -- -v /a:/x img", &["/a"]),
            ("docker -H tcp://x container create -v /a:/x img", &["/a"]),
            ("docker compose -f a.yml run -T -v /a:/x web sh", &["/a"]),
            ("docker service create --mount type=bind,src=/a,dst=/x img", &["/a"]),
            ("docker-compose run --volume /a:/x web", &["/a"]),
            ("podman pod create -v /a:/x", &["/a"]),
            ("podman run --replace --volume /a:/x img", &["/a"]),
            ("nerdctl -n k8s.io run -v /a:/x img", &["/a"]),
            ("ctr run --rm --mount type=bind,src=/a,dst=/x,options=rbind:ro img id", &["/a"]),
            ("docker run --mount type=bind,SRC=/a,dst=/x img", &["/a"]),
            ("docker run --mount src=/tmp,Source=/a,dst=/x img", &["/tmp", "/a"]),
            ("docker run --mount \"src=/a,b\",\"dst=/x\" img", &["/a,b"]),
            ("docker run --mount type=volume,dst=/x,volume-opt=device=/a img", &["/a"]),
            ("docker run -v /a:/x,src=/tmp img", &["/a"]),
            ("docker run -v /root img", none),
            ("docker run -v data:/x --mount source=data,dst=/y img", none),
            ("docker run -- img -v /a:/x", none),
            ("docker run -v", none),
            ("docker exec app pytest -v /home/app", none),
            ("docker exec app tool -v /a:/x", none),
            ("docker start -v /a:/x", none),
            ("docker build -v /a:/x .", none),
            ("docker compose up -v /a:/x", none),
            ("docker compose exec web npm test -- -v /a:/x", none),
            ("kubectl run -v /a:/x", none),
        ];
        for (line, expected) in cases {
            let args: Vec<String> = line.split(' ').map(str::to_owned).collect();
            let executable = format!("/usr/bin/{}", args[0]);
            assert_eq!(catalog.mounted(&executable, &args), expected, "{line}");
        }
    }
}
