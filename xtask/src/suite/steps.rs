//! The suite, as data.

use super::options::Options;
use crate::vm::{Guest, Series, Suite, WITHOUT_BPF};

/// One line of the suite.
pub struct Step {
    pub name: &'static str,
    pub action: Action,
    pub when: When,
}

pub enum Action {
    /// Passes when it ends well. Words are separated by spaces.
    Command(&'static str),
    /// Counts its tests. A filter's text is added at the end.
    Tests(&'static str),
    /// Portions of the tests that start daemons, two at a time; counts all their tests.
    Portions(&'static [Portion]),
    /// Debian packages that tests call.
    Packages,
    /// The fuzz targets, and what their corpora reach; see `fuzz`.
    Fuzz,
    /// Licences and sources of what is linked.
    Deny,
    /// clippy over the kernel programs.
    KernelLints,
    /// The kernel object, by its recorded hashes.
    ObjectRecorded,
    /// The kernel object, rebuilt.
    ObjectRebuilt,
    /// Instructions per judged fact; see `instructions`.
    Instructions,
    /// The Helm chart on a real API server, where one was built; see `kubernetes`.
    ClusterApi,
    /// Tests on another kernel; see `vm`.
    Guest(Guest<'static>),
}

/// Which runs a step belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    Always,
    /// Runs without a filter.
    Whole,
    /// `--quick` without a filter.
    Quick,
    /// Neither `--quick` nor a filter.
    Thorough,
    /// Whatever needs the release build: not `--quick`.
    Unhurried,
}

const fn step(name: &'static str, when: When, action: Action) -> Step {
    Step { name, action, when }
}

/// Tests that have daemons and kernel programs of their own. Each acts only on what its own process started, but they wait
/// for moments, so no more than two run at once; half of their time they wait.
pub struct Portion {
    /// A file of tests.
    pub file: &'static str,
    /// What of it; all where it is not divided.
    pub which: Which,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    All,
    /// Only those whose names begin so.
    Only(&'static [&'static str]),
    /// Whatever the portion before leaves.
    Without(&'static [&'static str]),
}

/// About half of what the daemon's tests take. A module that is not named here is in the other half.
const EARLY: &[&str] = &[
    "daemon::agents::",
    "daemon::approving::",
    "daemon::beginning::",
    "daemon::clients::",
    "daemon::desktop::",
    "daemon::elsewhere::",
    "daemon::explaining::",
    "daemon::factors::",
    "daemon::flows::",
    "daemon::freezing::",
    "daemon::gates::",
    "daemon::habits::",
    "daemon::handshakes::",
    "daemon::ledgers::",
    "daemon::lives::",
    "daemon::machines::",
    "daemon::names::",
    "daemon::oneself::",
    "daemon::permissions::",
    "daemon::places::",
];

const fn all_of(file: &'static str) -> Portion {
    Portion { file, which: Which::All }
}

/// What takes longest begins first, so that the two end at about the same time.
const PORTIONS: &[Portion] = &[
    Portion { file: "daemon", which: Which::Without(EARLY) },
    Portion { file: "daemon", which: Which::Only(EARLY) },
    all_of("evasion"),
    all_of("kernel"),
    all_of("ledger"),
    all_of("cli"),
    all_of("agents"),
    all_of("fake"),
    all_of("layers"),
    all_of("chart"),
    all_of("docs"),
    all_of("documents"),
    all_of("budget"),
];

/// What a kernel decides by itself: the smallest set that shows whether programs load, see, hold, deny and outlive the
/// daemon there. A test takes half a minute under emulation.
const ESSENTIAL: &[&str] = &[
    "daemon::gates::a_denied_open",
    "daemon::gates::an_approved_script",
    "daemon::handshakes::an_approved",
    "daemon::recovery::holds_outlive",
    "daemon::flows::denied_data",
    "evasion::paths::a_rename_of_a_file",
    "evasion::protection::where_one",
    "evasion::descriptors::a_secret_among",
    "evasion::meetings::by_a_unix",
    "kernel::execute::the_exec_of_a_labelled",
    "kernel::flows::limits::nothing",
    "no_program_costs",
];
/// One or two of every way around that a backend decides about, where the promises are largest. Lineage, connections and
/// sockets are the same code everywhere.
const EVERY_WAY_AROUND: &[&str] = &[
    "daemon::gates::a_denied",
    "daemon::gates::an_approved_open",
    "daemon::gates::an_approved_script",
    "daemon::handshakes::an_approved",
    "daemon::recovery::holds_outlive",
    "storm::holds::openers",
    "evasion::control::the_arguments",
    "evasion::copies::what_is_written",
    "evasion::delegation::asking_a_service_is_denied",
    "evasion::descriptors::a_secret_among",
    "evasion::descriptors::a_secret_that_an_io_uring",
    "evasion::iouring::an_open",
    "evasion::meetings::by_a_unix",
    "evasion::paths::a_mount_namespace",
    "evasion::paths::a_rename_of_a_file",
    "evasion::paths::a_user_namespace",
    "evasion::protection::bpf",
    "evasion::protection::files",
    "evasion::protection::signals",
    "evasion::starts::after",
    "no_program_costs",
];

/// Tests in a guest. Every test on every kernel takes hours (`cargo xtask vm --all`), so these are chosen.
const fn on(
    name: &'static str,
    kernel: Series,
    append: &'static str,
    filters: &'static [&'static str],
) -> Step {
    // Seconds: one that takes longer hangs.
    step(
        name,
        When::Thorough,
        Action::Guest(Guest { kernel, append, test: Suite::All, filters, deadline: 1_800 }),
    )
}

pub const STEPS: &[Step] = &[
    step("format of the workspace", When::Whole, Action::Command("cargo fmt --all --check")),
    step(
        "format of the kernel programs",
        When::Whole,
        Action::Command("cargo fmt --manifest-path monitor-ebpf/Cargo.toml --check"),
    ),
    step(
        "clippy",
        When::Whole,
        Action::Command("cargo clippy --quiet --locked --workspace --all-targets -- -D warnings"),
    ),
    step("clippy over the kernel programs", When::Thorough, Action::KernelLints),
    step(
        "clippy without the drill",
        When::Thorough,
        Action::Command(
            "cargo clippy --quiet --locked --package interlock --no-default-features -- -D warnings",
        ),
    ),
    step("licences and sources (cargo deny)", When::Thorough, Action::Deny),
    step("kernel object is the recorded one", When::Quick, Action::ObjectRecorded),
    step("kernel object is what its sources give", When::Thorough, Action::ObjectRebuilt),
    step(
        "build",
        When::Always,
        // With the tests: their dependencies choose features, and whoever selects otherwise builds everything once more.
        Action::Command("cargo build --quiet --locked --workspace --lib --bins --tests"),
    ),
    step(
        "release build",
        When::Unhurried,
        Action::Command(
            "cargo build --quiet --locked --release --package interlock --package interlock-bench",
        ),
    ),
    step("programs that the tests call", When::Always, Action::Packages),
    step(
        "unit tests",
        When::Always,
        // With the watch over pods against a server of the test's own: it needs neither root nor a kernel.
        Action::Tests(
            "cargo test --quiet --locked --workspace --lib --bins --test watch --test memory --no-fail-fast -- --show-output",
        ),
    ),
    step("command line, daemon and kernel tests, two at a time", When::Always, Action::Portions(PORTIONS)),
    step(
        "documentation tests",
        When::Always,
        Action::Tests("cargo test --quiet --locked --workspace --doc --no-fail-fast -- --show-output"),
    ),
    step("fuzz targets reach what they did", When::Thorough, Action::Fuzz),
    step(
        "documentation",
        When::Thorough,
        // The kernel programs' own is for the target that they are built for, and nobody reads it as HTML.
        Action::Command(
            "env RUSTDOCFLAGS=-Dwarnings cargo doc --quiet --locked --workspace --no-deps --document-private-items",
        ),
    ),
    step("instructions per judged fact", When::Thorough, Action::Instructions),
    step("the chart on a real API server", When::Thorough, Action::ClusterApi),
    on("on Debian's 6.12, BPF in the LSM list", Series::V6_12, "", EVERY_WAY_AROUND),
    on("on Debian's 6.12, BPF left out of the LSM list", Series::V6_12, WITHOUT_BPF, ESSENTIAL),
    on("on Debian's 6.1", Series::V6_1, "", ESSENTIAL),
    on("on Debian's newest 7", Series::V7, "", ESSENTIAL),
];

impl Portion {
    /// The command's line. A filter is added at its end and says which tests by itself, so nothing else chooses then.
    pub fn line(&self, is_filtered: bool) -> String {
        let chosen: Vec<String> = match self.which {
            Which::All => Vec::new(),
            _ if is_filtered => Vec::new(),
            Which::Only(names) => names.iter().map(|name| (*name).to_owned()).collect(),
            Which::Without(names) => names.iter().map(|name| format!("--skip {name}")).collect(),
        };
        format!(
            "cargo test --quiet --locked --workspace --test {} --no-fail-fast -- --test-threads 1 --show-output {}",
            self.file,
            chosen.join(" ")
        )
    }

    /// With a filter a divided file is run as a whole, once.
    pub fn belongs(&self, is_filtered: bool) -> bool {
        !is_filtered || !matches!(self.which, Which::Only(_))
    }
}

impl Step {
    pub fn belongs(&self, options: &Options) -> bool {
        let filtered = options.filter.is_some();
        match self.when {
            When::Always => true,
            When::Whole => !filtered,
            When::Quick => !filtered && options.quick,
            When::Thorough => !filtered && !options.quick,
            When::Unhurried => !options.quick,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(options: &Options) -> Vec<&'static str> {
        STEPS.iter().filter(|step| step.belongs(options)).map(|step| step.name).collect()
    }

    #[test]
    fn quick_leaves_out_the_kernel_crate_the_release_build_the_documentation_the_counting_the_cluster_and_the_guests_only()
     {
        let whole = names(&Options::default());
        let quick = names(&Options { quick: true, filter: None });
        let dropped: Vec<_> = whole.iter().filter(|name| !quick.contains(name)).collect();
        let guests = dropped.iter().filter(|name| name.starts_with("on Debian's")).count();
        assert_eq!((dropped.len() - guests, guests), (9, 4), "{dropped:?}");
        let others = [
            "clippy over the kernel programs",
            "clippy without the drill",
            "licences and sources (cargo deny)",
            "kernel object is what its sources give",
            "release build",
            "fuzz targets reach what they did",
            "documentation",
            "instructions per judged fact",
            "the chart on a real API server",
        ];
        assert_eq!(dropped[..9], others.each_ref());
        assert!(quick.contains(&"kernel object is the recorded one"));
    }

    #[test]
    fn a_filter_leaves_builds_and_tests() {
        let filtered = names(&Options { quick: true, filter: Some("holds".to_owned()) });
        assert_eq!(
            filtered,
            [
                "build",
                "programs that the tests call",
                "unit tests",
                "command line, daemon and kernel tests, two at a time",
                "documentation tests"
            ]
        );
    }

    fn files_of_tests() -> Vec<std::path::PathBuf> {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut found = Vec::new();
        for package in
            ["bench", "lab", "monitor", "monitor/core", "monitor/host", "monitor-common", "tests", "xtask"]
        {
            let Ok(folder) = std::fs::read_dir(root.join(package).join("tests")) else { continue };
            let files = folder.map(|entry| entry.unwrap().path());
            found.extend(files.filter(|file| file.extension().is_some_and(|ending| ending == "rs")));
        }
        found
    }

    #[test]
    fn every_file_of_tests_is_in_one_portion_or_divided_in_two() {
        let found = files_of_tests();
        assert!(found.len() > 5, "{found:?}");
        for file in found {
            let stem = file.file_stem().unwrap().to_str().unwrap();
            let portions: Vec<Which> =
                PORTIONS.iter().filter(|portion| portion.file == stem).map(|portion| portion.which).collect();
            match portions[..] {
                [Which::All] => {}
                [Which::Without(left), Which::Only(taken)] => assert_eq!(left, taken, "{stem}"),
                _ => panic!("{}: {portions:?}", file.display()),
            }
            assert_eq!(
                PORTIONS.iter().filter(|portion| portion.file == stem && portion.belongs(true)).count(),
                1
            );
        }
    }

    #[test]
    fn what_divides_a_file_is_in_it() {
        let daemon = std::fs::read_to_string("../tests/tests/daemon.rs").unwrap();
        for name in EARLY {
            let module = name.strip_prefix("daemon::").unwrap().strip_suffix("::").unwrap();
            assert!(daemon.contains(&format!("    mod {module};\n")), "{module}");
        }
    }

    #[test]
    fn a_filter_chooses_alone() {
        let early = &PORTIONS[1];
        assert!(
            early.line(false).ends_with("daemon::permissions:: daemon::places::"),
            "{}",
            early.line(false)
        );
        assert!(PORTIONS[0].line(false).ends_with("--skip daemon::permissions:: --skip daemon::places::"));
        assert!(PORTIONS[0].line(true).trim_end().ends_with("--show-output"));
    }
}
