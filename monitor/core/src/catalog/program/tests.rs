use super::*;

#[test]
fn wrappers_and_versions_come_off_a_name() {
    let cases = [
        (".claude-wrapped", "claude"),
        (".claude-wrapped_", "claude"),
        (".claude-wrapped__", "claude"),
        ("..claude-wrapped-wrapped", "claude"),
        (".codex-real", "codex"),
        ("gh.real", "gh"),
        ("claude.exe", "claude"),
        (".kilo", "kilo"),
        ("python3.12", "python"),
        ("php8.2", "php"),
        ("node-22", "node"),
        ("claude-2.1.332", "claude"),
        ("claude-v2", "claude"),
        ("terraform_1.9", "terraform"),
        ("terraform_1.9.0_linux_amd64", "terraform"),
        ("terraform-1.9.0-rc1", "terraform"),
        ("codex-x86_64-unknown-linux-musl", "codex"),
        ("gemini@latest", "gemini"),
    ];
    for (base, name) in cases {
        assert!(names(base).any(|known| known == name), "{base}: {:?}", names(base).collect::<Vec<_>>());
        assert_eq!(names(base).next(), Some(base));
    }
}

#[test]
fn what_only_looks_like_a_version_stays_a_part_of_the_name() {
    for (base, other) in [
        ("aws-2fa", "aws"),
        ("k9s", "k"),
        ("q2", "q"),
        ("claude-code-router", "claude"),
        ("claude-wrapped", "claude"),
        ("git-lfs", "git"),
        ("gemini-helper", "gemini"),
        ("x.realistic", "x"),
        ("codexlinux", "codex"),
    ] {
        assert!(names(base).all(|name| name != other), "{base}");
    }
    let is = |base: &str, name: &str| script_names(base).any(|known| known == name);
    assert!(is("yarn-4.6.0.cjs", "yarn") && is("composer-2.7.phar", "composer"));
    assert!(!is("git.py", "git") && !is("yarn.cjs", "yarn"));
    for odd in ["", ".", "..", "-wrapped", ".-wrapped", "_", "1", "-1", ".real", ".exe"] {
        assert!(names(odd).count() <= 3, "{odd}");
        assert!(names(odd).skip(1).all(|name| !name.is_empty()), "{odd}");
    }
}

fn kinds(path: &str) -> Vec<(&str, &str)> {
    packages(path).map(|package| (package.kind, package.name)).collect()
}

#[test]
fn the_installers_leave_the_package_in_the_path() {
    let cases: [(&str, &[(&str, &str)]); 10] = [
        ("/usr/lib/node_modules/droid/bin/droid", &[("npm", "droid")]),
        ("/home/a/.npm/_npx/0a1b/node_modules/@ampcode/cli/bin/amp.exe", &[("npm", "@ampcode/cli")]),
        (
            "/h/.cache/pnpm/dlx/1/node_modules/.pnpm/@scope+x@1.2/node_modules/@scope/x/bin/x.js",
            &[("npm", "@scope/x")],
        ),
        ("/tmp/bunx-0-cline@latest/node_modules/cline/bin/.cline", &[("npm", "cline")]),
        ("/h/node_modules/npm/node_modules/node-gyp/x.js", &[("npm", "npm"), ("npm", "node-gyp")]),
        ("/home/a/.local/share/uv/tools/hermes-agent/bin/python", &[("pypi", "hermes-agent")]),
        ("/home/a/.local/pipx/venvs/aider-chat/bin/aider", &[("pypi", "aider-chat")]),
        ("/home/linuxbrew/.linuxbrew/Cellar/crush/0.9.1/bin/crush", &[("brew", "crush")]),
        ("/nix/store/1f0aq-goose-cli-1.9.3/bin/goose", &[("nix", "goose-cli")]),
        ("/snap/goose/12/bin/goose", &[("snap", "goose")]),
    ];
    for (path, expected) in cases {
        assert_eq!(kinds(path), expected, "{path}");
    }
    for none in
        ["/usr/bin/node_modules", "/w/node_modules/x", "/w/node_modules/.bin/x", "/w/xnode_modules/y/z"]
    {
        assert_eq!(kinds(none), [], "{none}");
    }
}

#[test]
fn a_tools_helpers_are_known_by_its_package() {
    let tool = |path: &str, name: &str| is_of_tool(path, |tool| tool == name);
    assert!(tool("/usr/lib/node_modules/wrangler/wrangler-dist/cli.js", "wrangler"));
    assert!(tool("/usr/lib/node_modules/@railway/cli/dist/x.js", "railway"));
    assert!(!tool("/usr/lib/node_modules/@railway/client/dist/x.js", "railway"));
    assert!(!tool("/usr/lib/node_modules/wrangler", "wrangler"));
    assert!(!tool("/srv/wrangler/wrangler-dist/cli.js", "wrangler"));
}

#[test]
fn a_script_that_is_executed_by_name_has_its_interpreter_before_it() {
    let read = |executable: &str, line: &str| {
        let args: Vec<String> = line.split('|').map(str::to_owned).collect();
        interpreted(executable, &args).map(|found| (found.interpreter.to_owned(), found.place))
    };
    let found = |interpreter: &str, place| Some((interpreter.to_owned(), place));
    let hermes = "/home/a/.local/bin/hermes";
    assert_eq!(read(hermes, "/h/uv/bin/python|/home/a/.local/bin/hermes|chat"), found("/h/uv/bin/python", 1));
    assert_eq!(read(hermes, "/bin/sh|-e|/home/a/.local/bin/hermes"), found("/bin/sh", 2));
    assert_eq!(read(hermes, "/usr/bin/env|node|/home/a/.local/bin/hermes"), found("node", 2));
    assert_eq!(read(hermes, "/usr/bin/env|-S A=1 node --x|/home/a/.local/bin/hermes"), found("node", 2));
    assert_eq!(read(hermes, "hermes|/home/a/.local/bin/hermes"), None, "it runs itself");
    assert_eq!(read(hermes, "vim|other"), None);
    assert_eq!(read(hermes, ""), None);
}

#[test]
fn a_console_script_says_where_its_work_is_done() {
    let script = "#!/h/bin/python\n# -*- coding: utf-8 -*-\nimport re\nimport sys\nfrom hermes_cli.main import main\n\
                  if __name__ == '__main__':\n    sys.exit(main())\n";
    assert_eq!(imported(script), ["-m re", "-m sys", "-m hermes_cli.main"]);
    assert!(imported("#!/bin/sh\nexec hermes\n").is_empty());
}
