//! From patterns to the hashed names that the kernel looks for.
//!
//! The kernel knows a file's name and its directory's, nothing more, so a pattern becomes the narrowest of five forms
//! that still covers it. A pattern below a home or at an absolute place that fits none is left to the inode tags.

use std::collections::{BTreeSet, HashMap, HashSet};

use monitor_common::{
    hash,
    policy::{GRADE_A, GRADE_B, GRADE_C, GRADE_NONE, SecretTag},
};

use super::{entry::Entry, pattern::Pattern};
use crate::{
    catalog::{fields::Placed, path::basename},
    facts::Grade,
    yaml::Report,
};

/// Words that say nothing alone.
#[derive(Debug)]
pub struct Generic {
    pub names: BTreeSet<String>,
    pub directories: BTreeSet<String>,
    pub extensions: BTreeSet<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name<'a> {
    Exact(&'a str),
    Pair(&'a str, &'a str),
    Parent(&'a str),
    Extension(&'a str),
    Stem(&'a str),
}

impl Name<'_> {
    fn key(self) -> u64 {
        match self {
            Self::Exact(name) => hash::name(hash::EXACT, name.as_bytes()),
            Self::Pair(parent, name) => hash::pair(
                hash::name(hash::EXACT, parent.as_bytes()),
                hash::name(hash::EXACT, name.as_bytes()),
            ),
            Self::Parent(name) => hash::name(hash::PARENT, name.as_bytes()),
            Self::Extension(name) => hash::name(hash::EXTENSION, name.as_bytes()),
            Self::Stem(name) => hash::name(hash::STEM, name.as_bytes()),
        }
    }
}

/// Entry of the tag for names that look like secrets and are none.
const NO_ENTRY: u32 = monitor_common::policy::ENTRY_HARMLESS;

/// Grade of what is reported and taints nothing: [`monitor_common::policy::taint_bit`] has no bit for it.
pub const GRADE_REPORTED: u16 = GRADE_C + 1;

/// What the kernel looks for by name.
#[derive(Debug)]
pub struct KernelNames {
    /// Keys with the entries that need them, and whether that is at a place of its own.
    wanted: Vec<(u64, u32, bool)>,
    harmless: Vec<u64>,
}

impl KernelNames {
    /// The kernel's map. Where two entries need the same key, the graver grade counts: the daemon judges by path later.
    pub fn merged(&self, tag: impl Fn(u32) -> Option<SecretTag>) -> Vec<(u64, SecretTag)> {
        let mut names: HashMap<u64, SecretTag> = HashMap::new();
        for (key, entry, placed) in &self.wanted {
            let Some(tag) = tag(*entry) else { continue };
            let tag = SecretTag { placed: (*placed).into(), ..tag };
            names.entry(*key).and_modify(|old| *old = graver(*old, tag)).or_insert(tag);
        }
        let none = SecretTag::of(NO_ENTRY, GRADE_NONE);
        names.extend(self.harmless.iter().map(|key| (*key, none)));
        let mut names: Vec<_> = names.into_iter().collect();
        names.sort_unstable_by_key(|(key, _)| *key);
        names
    }
}

/// The names of every pattern that the kernel can follow; one that it cannot is noted where it is written.
pub fn kernel<'p>(
    entries: &[Entry],
    patterns: impl Iterator<Item = (&'p Pattern, &'p Placed)>,
    harmless: &HashSet<String>,
    generic: &Generic,
    report: &mut Report<'_>,
) -> KernelNames {
    let mut wanted = Vec::new();
    for (pattern, place) in patterns {
        let Some(entry) = entries.get(pattern.entry as usize) else { continue };
        let mut refuse = |message: &str, hint: &str| {
            report.add(place.at, &place.field, format!("{:?} {message}", pattern.text)).hint(hint);
        };
        if harmless.contains(basename(&pattern.text)) {
            refuse("ends in a name that is listed as harmless", "keep it in one of the two");
        }
        if !entry.watch {
            continue;
        }
        match key(pattern, generic) {
            Some(key) => wanted.push((key, pattern.entry, !pattern.anywhere())),
            None if pattern.anywhere() => refuse(
                "cannot be followed: its last part is neither a telling name, nor *.extension nor stem.*",
                "write the usual names out, bind it to a place (~/…), or set watch: false",
            ),
            None => {}
        }
    }
    let harmless = harmless.iter().map(|name| Name::Exact(name).key()).collect();
    KernelNames { wanted, harmless }
}

/// The key by which the kernel finds the pattern's files; `None` where no name is narrow enough.
pub fn key(pattern: &Pattern, generic: &Generic) -> Option<u64> {
    derive(pattern, generic).map(Name::key)
}

/// The narrowest form that covers `pattern`.
fn derive<'a>(pattern: &'a Pattern, generic: &Generic) -> Option<Name<'a>> {
    let (directory, last) = pattern.text.rsplit_once('/')?;
    let parent = Some(basename(directory)).filter(|name| is_plain(name) && !["", "~"].contains(name));
    if is_plain(last) {
        let alone = (!generic.names.contains(last)).then_some(Name::Exact(last));
        return parent.map_or(alone, |parent| Some(Name::Pair(parent, last)));
    }
    let parent = parent.filter(|name| !generic.directories.contains(*name)).map(Name::Parent);
    if matches!(last, "*" | "**") {
        return parent;
    }
    if let Some(stem) = last.strip_suffix(".*").filter(|stem| is_stem(stem)) {
        return Some(Name::Stem(stem));
    }
    let (head, extension) = last.rsplit_once('.')?;
    if !pattern.anywhere() {
        // Its extension would match everywhere, with the grade of this one place.
        return parent.filter(|_| head == "*");
    }
    (is_plain(extension) && !generic.extensions.contains(extension)).then_some(Name::Extension(extension))
}

fn is_plain(text: &str) -> bool {
    !text.contains(['*', '?', '[', ']', '{', '}'])
}

/// The kernel's stem ends at the second dot of a hidden name, at the first of any other.
fn is_stem(text: &str) -> bool {
    is_plain(text) && !text.is_empty() && !text.strip_prefix('.').unwrap_or(text).contains('.')
}

pub fn grade(grade: Grade) -> u16 {
    match grade {
        Grade::A => GRADE_A,
        Grade::B => GRADE_B,
        Grade::C => GRADE_C,
    }
}

/// Where one of both is at a place of its own, so is the name: errs towards a credential that was found.
fn graver(a: SecretTag, b: SecretTag) -> SecretTag {
    let graver = if b.grade < a.grade { b } else { a };
    SecretTag { placed: a.placed | b.placed, ..graver }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn derived(text: &str) -> Option<String> {
        let words = |words: &[&str]| words.iter().map(ToString::to_string).collect();
        let generic = Generic {
            names: words(&["config"]),
            directories: words(&["cache"]),
            extensions: words(&["json"]),
        };
        let pattern = Pattern { text: text.to_owned(), entry: 0 };
        derive(&pattern, &generic).map(|name| format!("{name:?}"))
    }

    #[test]
    fn what_is_only_reported_is_no_taint_and_gives_way_to_what_is() {
        use monitor_common::policy::taint_bit;
        assert_eq!([false, true].map(|foreign| taint_bit(GRADE_REPORTED, foreign)), [0, 0]);
        let names =
            KernelNames { wanted: vec![(7, 0, false), (7, 1, false), (8, 0, false)], harmless: vec![9] };
        let tag = |entry| SecretTag::of(entry, [GRADE_REPORTED, GRADE_C][entry as usize]);
        let none = SecretTag::of(NO_ENTRY, GRADE_NONE);
        assert_eq!(names.merged(|entry| Some(tag(entry))), [(7, tag(1)), (8, tag(0)), (9, none)]);
    }

    #[test]
    fn a_name_that_one_entry_has_at_a_place_of_its_own_is_never_the_sessions_making() {
        let names =
            KernelNames { wanted: vec![(7, 1, true), (7, 0, false), (8, 0, false)], harmless: Vec::new() };
        let merged = names.merged(|entry| Some(SecretTag::of(entry, [GRADE_A, GRADE_B][entry as usize])));
        assert_eq!(
            merged,
            [(7, SecretTag { placed: 1, ..SecretTag::of(0, GRADE_A) }), (8, SecretTag::of(0, GRADE_A))]
        );
    }

    #[test]
    fn a_pattern_becomes_the_narrowest_name_that_covers_it() {
        let cases = [
            ("~/.pgpass", Some(r#"Exact(".pgpass")"#)),
            ("~/.railway/config.json", Some(r#"Pair(".railway", "config.json")"#)),
            ("**/terraform.tfstate", Some(r#"Exact("terraform.tfstate")"#)),
            ("**/config", None),
            ("~/.kube/config", Some(r#"Pair(".kube", "config")"#)),
            ("~/.password-store/**", Some(r#"Parent(".password-store")"#)),
            ("~/.aws/sso/cache/*.json", None),
            ("**/*.pem", Some(r#"Extension("pem")"#)),
            ("~/.oci/*.pem", Some(r#"Parent(".oci")"#)),
            ("~/.x/cache/*.pem", None),
            ("**/*service-account*.json", None),
            ("**/.env.*", Some(r#"Stem(".env")"#)),
            ("**/a.b.*", None),
            ("~/.x/*/logins.json", Some(r#"Exact("logins.json")"#)),
        ];
        for (pattern, expected) in cases {
            assert_eq!(derived(pattern).as_deref(), expected, "{pattern}");
        }
    }
}
