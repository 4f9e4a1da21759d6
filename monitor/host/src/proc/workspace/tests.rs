use std::{fs, os::unix::fs::PermissionsExt as _, process::Command};

use super::*;
use crate::proc::root::SessionRoot;

/// A home with real directories and repositories.
struct Home {
    _place: tempfile::TempDir,
    path: PathBuf,
}

impl Home {
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().canonicalize().unwrap();
        Self { _place: place, path }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.path.join(path)
    }

    fn directory(&self, path: &str) -> PathBuf {
        fs::create_dir_all(self.at(path)).unwrap();
        self.at(path)
    }

    fn file(&self, path: &str, text: &str) {
        fs::create_dir_all(self.at(path).parent().unwrap()).unwrap();
        fs::write(self.at(path), text).unwrap();
    }

    fn git(&self, directory: &str, line: &str) {
        let options =
            ["-c", "protocol.file.allow=always", "-c", "user.name=x", "-c", "user.email=x@example.com"];
        let output = Command::new("git")
            .args(options)
            .args(line.split(' '))
            .current_dir(self.directory(directory))
            .env("HOME", &self.path)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .output()
            .unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn repository(&self, directory: &str) {
        self.git(directory, "init -q -b main");
        self.git(directory, "commit -q --allow-empty -m x");
    }

    fn workspace(&self, cwd: &str) -> Option<Workspace> {
        self.workspace_of(cwd, std::slice::from_ref(&self.path))
    }

    fn workspace_of(&self, cwd: &str, homes: &[PathBuf]) -> Option<Workspace> {
        let files = SessionRoot::of(std::process::id()).unwrap();
        let user = rustix::process::getuid().as_raw();
        workspace(&Ground { files: &files, homes, user }, &self.directory(cwd))
    }

    fn root(&self, cwd: &str) -> String {
        let workspace = self.workspace(cwd).unwrap();
        workspace.root.strip_prefix(&self.path).unwrap().display().to_string()
    }

    fn project(&self, cwd: &str) -> Vec<String> {
        let project = self.workspace(cwd).unwrap().project;
        project.iter().map(|path| path.strip_prefix(&self.path).unwrap().display().to_string()).collect()
    }
}

#[test]
fn the_nearest_root_of_any_version_control_system_is_the_workspace() {
    let home = Home::new();
    for marker in [".git", ".jj", ".hg", ".sl", ".pijul", ".bzr", ".svn"] {
        home.directory(&format!("shop{marker}/{marker}"));
        assert_eq!(home.root(&format!("shop{marker}/api/src")), format!("shop{marker}"));
        home.file(&format!("file{marker}/{marker}"), "");
        let expected = if marker == ".git" { "file.git".into() } else { format!("file{marker}/api") };
        assert_eq!(home.root(&format!("file{marker}/api")), expected, "a file of that name");
    }
    for marker in [".fslckout", "_FOSSIL_"] {
        home.file(&format!("shop{marker}/{marker}"), "");
        assert_eq!(home.root(&format!("shop{marker}/api/src")), format!("shop{marker}"));
    }
    home.directory("outer/.hg");
    home.repository("outer/inner");
    assert_eq!(home.root("outer/inner/src"), "outer/inner");
}

#[test]
fn old_subversion_keeps_every_directory() {
    let home = Home::new();
    for directory in ["old/.svn", "old/trunk/.svn", "old/trunk/src/.svn"] {
        home.directory(directory);
    }
    assert_eq!(home.root("old/trunk/src"), "old");
}

#[test]
fn without_any_it_is_the_working_directory_or_the_widest_part_of_a_monorepo() {
    let home = Home::new();
    assert_eq!(home.root("notes/today"), "notes/today");
    home.file("mono/pnpm-workspace.yaml", "packages: ['apps/*']");
    home.file("mono/apps/web/turbo.json", "{}");
    assert_eq!(home.root("mono/apps/web/src"), "mono");
    home.file("rust/Cargo.toml", "[workspace]\nmembers = ['a']");
    home.file("rust/a/Cargo.toml", "[package]\nname = 'a'");
    assert_eq!(home.root("rust/a"), "rust");
    home.file("single/Cargo.toml", "[package]\nname = 'a'");
    assert_eq!(home.root("single/src"), "single/src");
    // What is kept wins, also where it is narrower.
    home.repository("mono/apps/api");
    assert_eq!(home.root("mono/apps/api/src"), "mono/apps/api");
    // A stray manifest in the home, and one where no home says how far a person's projects go.
    home.file("package.json", "{\"workspaces\": [\"*\"]}");
    assert_eq!(home.root("notes/today"), "notes/today");
    assert_eq!(home.workspace_of("mono/apps/web", &[]).unwrap().root, home.at("mono/apps/web"));
}

#[test]
fn a_home_or_the_root_is_no_workspace() {
    let home = Home::new();
    home.directory(".git");
    assert_eq!(home.root("notes"), "notes");
    assert_eq!(home.workspace("."), None);
    assert_eq!(home.workspace_of("one", &[home.at("one/home")]), None, "above a home");
    for wide in ["/", "relative"] {
        let files = SessionRoot::of(std::process::id()).unwrap();
        let ground = Ground { files: &files, homes: &[], user: 0 };
        assert_eq!(workspace(&ground, Path::new(wide)), None, "{wide}");
    }
}

#[test]
fn another_users_directory_and_a_shared_one_widen_nothing() {
    let home = Home::new();
    home.directory("shared/.git");
    fs::set_permissions(home.at("shared"), fs::Permissions::from_mode(0o1777)).unwrap();
    assert_eq!(home.root("shared/mine"), "shared/mine");
    home.directory("theirs/.git");
    home.directory("theirs/mine");
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(home.at("theirs"), Some(4_242), None).unwrap();
        assert_eq!(home.root("theirs/mine"), "theirs/mine");
    }
}

#[test]
fn the_trees_of_one_repository_are_one_project() {
    let home = Home::new();
    home.repository("shop");
    home.git("shop", "worktree add -q ../shop-fix");
    home.git("shop", "worktree add -q .worktrees/new");
    assert_eq!(
        (home.root("shop-fix/src"), home.project("shop-fix/src")),
        ("shop-fix".into(), vec!["shop".into(), "shop/.worktrees/new".into()])
    );
    assert_eq!((home.root("shop/src"), home.project("shop/src")), ("shop".into(), vec!["shop-fix".into()]));
    assert_eq!(home.root("shop/.worktrees/new"), "shop/.worktrees/new");
    home.git(".", "clone -q --bare shop bare/.bare");
    home.git("bare/.bare", "worktree add -q ../one main");
    home.git("bare/.bare", "worktree add -q -b two ../two");
    assert_eq!(
        (home.root("bare/one"), home.project("bare/one")),
        ("bare/one".into(), vec!["bare/two".into()])
    );
}

#[test]
fn a_submodule_is_part_of_its_project() {
    let home = Home::new();
    home.repository("lib");
    home.repository("shop");
    home.git("shop", "submodule --quiet add ../lib deps/lib");
    home.git("shop", "commit -q -m x");
    assert_eq!(home.root("shop/deps/lib/src"), "shop");
    home.git("shop", "worktree add -q ../shop-fix");
    home.git("shop-fix", "submodule --quiet update --init");
    assert_eq!(
        (home.root("shop-fix/deps/lib"), home.project("shop-fix/deps/lib")),
        ("shop-fix".into(), vec!["shop".into()])
    );
    // One that was a repository before it became a submodule.
    home.repository("shop/deps/own");
    assert_eq!(home.root("shop/deps/own"), "shop/deps/own", "not one yet");
    home.git("shop", "submodule --quiet add ./deps/own deps/own");
    assert_eq!(home.root("shop/deps/own"), "shop");
}

#[test]
fn a_git_file_that_nothing_points_back_to_widens_nothing() {
    let home = Home::new();
    home.repository("other");
    home.git("other", "worktree add -q ../other-fix");
    let other = home.at("other/.git");
    // As a session could leave them for the next one, in the tree that it may write to.
    for (name, gitdir) in [
        ("repository", other.clone()),
        ("worktree", other.join("worktrees/other-fix")),
        ("nowhere", home.at("nothing")),
        ("relative", "../other/.git/worktrees/other-fix".into()),
    ] {
        home.file(&format!("{name}/.git"), &format!("gitdir: {}\n", gitdir.display()));
        assert_eq!((home.root(name), home.project(name)), (name.into(), Vec::<String>::new()), "{name}");
    }
    // A repository of its own that claims another project's directory.
    home.repository("liar");
    home.file("liar/.git/worktrees/x/gitdir", &format!("{}\n", home.at("other/.git").display()));
    home.file("liar/.git/worktrees/y/gitdir", &format!("{}\n", home.at("other-fix/.git").display()));
    assert_eq!(home.project("liar"), Vec::<String>::new());
    home.file("liar/.git/config", &format!("[core]\n\tworktree = {}\n", home.at("other").display()));
    assert_eq!(home.project("liar"), Vec::<String>::new());
    // A directory in a project that calls itself its submodule.
    home.file("other/part/.git", "gitdir: ../.git/modules/part\n");
    home.file("other/.git/modules/part/config", "[core]\n\tworktree = ../../../elsewhere\n");
    home.directory("other/elsewhere");
    assert_eq!(home.root("other/part"), "other/part");
}
