use std::sync::LazyLock;

use super::*;
use crate::catalog::basename;

static AGENTS: LazyLock<Agents> =
    LazyLock::new(|| Agents::builtin().unwrap_or_else(|problems| panic!("{problems:#?}")));

fn recognise(command: &str, env: &[(&str, &str)]) -> Option<Recognised> {
    let (executable, args) = command.split_once(' ').unwrap_or((command, ""));
    let mut words = vec![basename(executable).to_owned()];
    words.extend(args.split_whitespace().map(str::to_owned));
    let env: Vec<_> = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    AGENTS.recognise(&Image { executable, args: &words, env: &env, seen: Seen::default() })
}

fn agent(command: &str, env: &[(&str, &str)]) -> Option<String> {
    recognise(command, env).map(|found| found.agent)
}

#[test]
fn programs_are_known_by_name_path_or_script() {
    let cases = [
        ("/home/a/.local/bin/claude", "claude-code"),
        ("/home/a/.local/share/claude/versions/2.1.7", "claude-code"),
        ("/usr/bin/node /usr/bin/claude", "claude-code"),
        (
            "/usr/bin/node --max-old-space-size=4096 /usr/lib/node_modules/@anthropic-ai/claude-code/cli.js",
            "claude-code",
        ),
        (
            "/home/a/.local/share/cursor-agent/versions/1/node /home/a/.local/share/cursor-agent/versions/1/index.js",
            "cursor-cli",
        ),
        ("/usr/lib/node_modules/@openai/codex/bin/codex", "codex"),
        ("/home/a/.vscode-server/extensions/openai.chatgpt-1/bin/linux-x86_64/codex", "codex"),
        ("/usr/bin/node /usr/lib/node_modules/@google/gemini-cli/dist/index.js", "gemini-cli"),
        ("/usr/bin/python3.12 /home/a/.local/bin/aider", "aider"),
        ("/usr/bin/python3 -m aider --yes-always", "aider"),
        ("/usr/bin/node /usr/bin/copilot", "copilot-cli"),
        ("/home/a/.amp/bin/amp", "amp"),
        ("/usr/bin/java -jar /opt/junie-1.jar", "junie"),
        ("/home/a/.opencode/bin/opencode", "opencode"),
    ];
    for (command, expected) in cases {
        let found = recognise(command, &[]).unwrap_or_else(|| panic!("{command} is not recognised"));
        assert_eq!((found.agent.as_str(), found.strength), (expected, Strength::Strong), "{command}");
    }
}

/// Every way in which a program may be started, wrapped or called that is not its plain name.
#[test]
fn an_agent_is_known_however_it_is_installed() {
    let cases = [
        ("/nix/store/1f-claude-code-2.1/bin/.claude-wrapped", "claude-code"),
        ("/nix/store/1f-gemini-cli-0.6/bin/.gemini-wrapped_", "gemini-cli"),
        ("/gnu/store/x-codex/bin/.codex-real", "codex"),
        ("/usr/bin/opencode.real", "opencode"),
        ("/opt/claude-2.1.332", "claude-code"),
        ("/opt/codex-x86_64-unknown-linux-musl", "codex"),
        ("/home/a/.local/share/mise/shims/gemini", "gemini-cli"),
        ("/snap/bin/aider", "aider"),
        ("/usr/lib/node_modules/@anthropic-ai/claude-code/bin/claude.exe -p x", "claude-code"),
        ("/home/a/.nvm/versions/node/v24/lib/node_modules/droid/bin/droid exec", "droid"),
        ("/home/a/.npm/_npx/1f/node_modules/@ampcode/cli/bin/amp.exe", "amp"),
        ("/home/a/.cache/pnpm/dlx/1/node_modules/.pnpm/droid@0.215.0/node_modules/droid/bin/droid", "droid"),
        ("/tmp/bunx-0-cline@latest/node_modules/cline/bin/.cline --cline-hub-daemon", "cline"),
        ("/usr/lib/node_modules/@kilocode/cli/bin/.kilo run", "kilo"),
        ("/home/linuxbrew/.linuxbrew/Cellar/crush/0.9/bin/crush", "crush"),
        ("/nix/store/1f-goose-cli-1.9.3/bin/goose", "goose"),
        ("/usr/bin/node-22 /usr/lib/node_modules/@qwen-code/qwen-code/cli.js", "qwen-code"),
        ("/usr/bin/node --expose-gc /opt/p/node_modules/@qwen-code/qwen-code/cli.js", "qwen-code"),
        ("/usr/bin/node /srv/app/node_modules/@anthropic-ai/claude-agent-sdk/cli.js", "claude-code"),
        ("/usr/bin/node /usr/bin/claude-agent-acp", "claude-code"),
        ("/p/node_modules/@zed-industries/codex-acp-linux-x64/bin/codex-acp", "codex"),
        ("/home/a/.codex/packages/app-server-daemon/releases/0.171.0-x/bin/codex app-server", "codex"),
        ("/usr/bin/node /p/node_modules/@moonshot-ai/kimi-code/dist/main.mjs", "kimi"),
        ("/usr/bin/node /usr/bin/nanocoder", "nanocoder"),
        ("/usr/bin/node /p/node_modules/@qoder-ai/qodercli/bundle/qodercli.js", "qoder"),
        ("/usr/bin/node /p/node_modules/@qodo/command/bin/qodo.js", "qodo"),
        (
            "/v/lib/python3.12/site-packages/letta_code/_payload/bin/node /v/letta_code/_payload/letta.js",
            "letta",
        ),
        ("/v/lib/python3.14/site-packages/vibe/_bin/vibe-rs", "vibe"),
        ("/usr/bin/python3 -m hermes_cli.main chat", "hermes"),
        ("/usr/bin/python3 -m minisweagent.run.mini", "mini-swe-agent"),
    ];
    for (command, expected) in cases {
        let found = recognise(command, &[]).unwrap_or_else(|| panic!("{command} is not recognised"));
        assert_eq!((found.agent.as_str(), found.strength), (expected, Strength::Strong), "{command}");
    }
}

fn look(executable: &str, line: &str, seen: Seen<'_>) -> Option<String> {
    let args: Vec<String> = line.split('|').map(str::to_owned).collect();
    AGENTS.recognise(&Image { executable, args: &args, env: &[], seen }).map(|found| found.agent)
}

#[test]
fn a_console_script_is_known_by_its_environment_or_by_what_it_imports() {
    let hermes = "/home/a/.local/bin/hermes";
    let uv = "/home/a/.local/share/uv/tools/hermes-agent/bin/python";
    let none = Seen::default();
    assert_eq!(look(hermes, &format!("{uv}|{hermes}|chat"), none).as_deref(), Some("hermes"));
    // As it is found running, and with an environment that says nothing.
    assert_eq!(look("/usr/bin/python3.12", &format!("{uv}|{hermes}"), none).as_deref(), Some("hermes"));
    let modules = ["-m re".to_owned(), "-m hermes_cli.main".to_owned()];
    let imports = Seen { modules: &modules, ..Seen::default() };
    let line = format!("/home/a/env/bin/python|{hermes}");
    assert_eq!(look(hermes, &line, imports).as_deref(), Some("hermes"));
    assert_eq!(look(hermes, &line, none), None, "a common name alone");
    let other = "/home/a/.local/bin/report";
    assert_eq!(look(other, &format!("/usr/bin/python3|{other}"), imports), None, "a script that uses it");
    let args = [uv.to_owned(), hermes.to_owned()];
    assert!(AGENTS.is_hinted(&Image { executable: hermes, args: &args, env: &[], seen: none }));
    assert!(!AGENTS.is_hinted(&Image { executable: other, args: &args, env: &[], seen: none }));
    // Its environment's own interpreter is nobody while it runs something else.
    assert_eq!(look(uv, &format!("{uv}|-c|print(1)"), none), None);
    assert_eq!(look(uv, &format!("{uv}|/home/a/x.py"), none), None);
}

#[test]
fn a_common_name_is_told_by_where_its_links_lead() {
    let file = |file| Seen { file: Some(file), ..Seen::default() };
    let droid = "/home/a/.nvm/versions/node/v24/lib/node_modules/droid/bin/droid";
    assert_eq!(look("/usr/bin/droid", "droid", file(droid)).as_deref(), Some("droid"));
    assert_eq!(
        look("/home/a/bin/c", "c", file("/home/a/.local/share/claude/versions/2.1.7")).as_deref(),
        Some("claude-code")
    );
    assert_eq!(look("/usr/bin/droid", "droid", file("/usr/lib/droid/droid")), None);
}

#[test]
fn a_title_over_the_arguments_tells_where_it_is_an_agents() {
    let title = |title: &str, holds: &[&str]| {
        let holds: Vec<String> = holds.iter().map(|path| (*path).to_owned()).collect();
        look("/usr/bin/node", title, Seen { holds: &holds, ..Seen::default() })
    };
    assert_eq!(title("pi|||", &[]).as_deref(), Some("pi"));
    assert_eq!(title("claude", &[]).as_deref(), Some("claude-code"));
    assert_eq!(title("kimi-code", &[]).as_deref(), Some("kimi"));
    let package = "/usr/lib/node_modules/@continuedev/cli/dist/cn.js";
    assert_eq!(title("cn", &[package]).as_deref(), Some("continue"));
    assert_eq!(title("cn", &["/usr/lib/x.js"]), None, "a common title alone");
    assert_eq!(title("npm run dev", &[package]), None, "what an agent started, with another title");
    assert_eq!(
        look("/usr/bin/vim", "claude", Seen::default()),
        None,
        "only an interpreter hides its script so"
    );
}

#[test]
fn a_shells_script_counts_where_the_shell_runs_already() {
    assert_eq!(agent("/usr/bin/bash /home/a/.local/bin/claude", &[]).as_deref(), Some("claude-code"));
    assert_eq!(agent("/usr/bin/vim /home/a/.local/bin/claude", &[]), None);
    assert_eq!(agent("/usr/bin/bash /home/a/src/openhands/build.sh", &[]), None, "only its name counts");
    assert_eq!(agent("/usr/bin/bash -c /home/a/.local/bin/claude", &[]), None);
}

#[test]
fn sample_programs_with_a_models_name_are_no_agents() {
    for command in [
        "/usr/bin/node claude.js",
        "/usr/bin/node gemini-2.5.mjs",
        "/usr/bin/python3 codex.py",
        "/usr/bin/python3 /home/a/hermes",
        "/usr/bin/node /home/a/shop/node_modules/.bin/vite",
        "/home/a/droid/build/droid",
        "/usr/bin/mini",
        "/usr/bin/letta",
        "/usr/bin/vibe",
    ] {
        assert_eq!(agent(command, &[]), None, "{command}");
    }
}

#[test]
fn an_agents_own_program_is_told_from_the_tools_that_it_brings() {
    let own = |executable: &str, line: &str| {
        let args: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let image = Image { executable, args: &args, env: &[], seen: Seen::default() };
        AGENTS.own_program(&image).map(|(agent, shown)| (agent.to_owned(), shown.placed))
    };
    let claude = "/usr/lib/node_modules/@anthropic-ai/claude-code/bin/claude.exe";
    let found = |agent: &str, placed| Some((agent.to_owned(), placed));
    assert_eq!(own(claude, "claude -p"), found("claude-code", true));
    assert_eq!(own("/tmp/claude", "claude -p"), found("claude-code", false), "by its name alone");
    assert_eq!(own("/tmp/claude", "/bin/bash /tmp/claude"), found("claude-code", false));
    assert_eq!(own(claude, "rg token"), None, "one file, another program");
    let gemini = "/usr/lib/node_modules/@google/gemini-cli/dist/index.js";
    assert_eq!(own("/usr/bin/node", &format!("node --x {gemini}")), found("gemini-cli", false));
    assert_eq!(own("/p/node_modules/cline/bin/.cline", ".cline"), found("cline", false));
    let codex = "/home/a/.codex/packages/r/bin/codex";
    assert_eq!(own(codex, "codex app-server"), found("codex", true));
    assert_eq!(own("/usr/bin/bash", "bash -c env"), None);
    assert_eq!(own("/usr/share/code/code", "code"), None, "an editor");
}

#[test]
fn the_same_mark_is_recognised_and_pairs_are_not_set_by_anybody() {
    let env = |vars: &[(&str, &str)]| -> Vec<(String, String)> {
        vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let found = recognise("/usr/bin/bash", &[("CODEX_THREAD_ID", "x")]).unwrap();
    assert!(found.is_set_by_agent);
    assert!(AGENTS.is_marked_alike(&env(&[("CODEX_THREAD_ID", "y"), ("A", "b")]), &found));
    assert!(!AGENTS.is_marked_alike(&env(&[("GEMINI_CLI", "1")]), &found));
    assert!(!AGENTS.is_marked_alike(&env(&[]), &found));
    let pair = recognise("/usr/bin/bash", &[("HOME", "/home/jules"), ("USER", "swebot")]).unwrap();
    assert!(!pair.is_set_by_agent);
    for person in ["/usr/bin/bash", "/bin/zsh", "/usr/bin/tmux", "/usr/sbin/sshd", "/usr/lib/systemd/systemd"]
    {
        assert!(AGENTS.is_bystander(person), "{person}");
    }
    assert!(!AGENTS.is_bystander("/p/codex-acp") && !AGENTS.is_bystander("/usr/bin/node"));
    assert!(AGENTS.is_of_host("copilot-vscode") && !AGENTS.is_of_host("codex"));
    let host = |executable| AGENTS.is_host(&Image { executable, args: &[], env: &[], seen: Seen::default() });
    assert!(
        host("/home/a/.vscode-server/bin/c/node") && host("/usr/share/code/code") && !host("/usr/bin/node")
    );
}

#[test]
fn what_an_agent_runs_for_itself_and_its_daemons_are_in_its_entry() {
    let args = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let runs = |id: &str, line: &str| AGENTS.runs_for_itself(id, &args(line));
    assert!(
        runs("claude-code", "bash -c env")
            && runs("claude-code", "/bin/zsh -c env")
            && runs("claude-code", "env")
    );
    assert!(runs("copilot-cli", "env -0"));
    assert!(!runs("claude-code", "/bin/bash -c env; curl x") && !runs("opencode", "/bin/bash -c env"));
    assert!(!runs("nobody", "env"));
    assert!(AGENTS.is_daemon("codex", &args("codex app-server --listen unix:///x")));
    assert!(!AGENTS.is_daemon("codex", &args("codex app-server")), "an editor's own");
    assert!(!AGENTS.is_daemon("codex", &args("codex exec app-server --listen")));
    assert!(AGENTS.is_daemon("cline", &args("/p/.cline --cline-hub-daemon")));
    assert!(AGENTS.owns_socket("openhands", "/tmp/tmux-0/openhands"));
    assert!(!AGENTS.owns_socket("openhands", "/tmp/tmux-0/default"));
}

#[test]
fn a_common_name_alone_is_no_agent() {
    for command in [
        "/usr/bin/q",
        "/usr/bin/pi",
        "/opt/aws/copilot",
        "/usr/bin/goose up",
        "/usr/bin/crush",
        "/usr/bin/amp",
        "/usr/bin/agent",
        "/usr/bin/droid",
        "/usr/bin/kilo file",
        "/usr/bin/jan",
        "/usr/bin/ollama serve",
    ] {
        assert_eq!(agent(command, &[]), None, "{command}");
    }
    assert_eq!(agent("/usr/bin/goose", &[("GOOSE_TERMINAL", "1")]).as_deref(), Some("goose"));
    assert_eq!(agent("/usr/bin/goose", &[("GOOSE_PROVIDER", "openai")]), None);
}

#[test]
fn other_programs_of_an_interpreter_are_no_agents() {
    for command in [
        "/usr/bin/node server.js --with node_modules/@openai/codex/bin/x",
        "/usr/bin/npm install @openai/codex",
        "/usr/bin/vim /usr/lib/node_modules/@openai/codex/bin/codex.js",
        "/usr/bin/node -e claude",
        "/usr/bin/node",
    ] {
        assert_eq!(agent(command, &[]), None, "{command}");
    }
}

#[test]
fn a_persons_shell_in_an_editor_is_no_session() {
    let weak: [&[(&str, &str)]; 8] = [
        &[("CLAUDECODE", "1")],
        &[("CLAUDECODE", "1"), ("CLAUDE_CODE_SSE_PORT", "41234"), ("CLAUDE_CODE_ENTRYPOINT", "cli")],
        &[("CURSOR_TRACE_ID", "abc")],
        &[("TERM_PROGRAM", "vscode")],
        &[("TERM_PROGRAM", "zed")],
        &[("TERM_PROGRAM", "kiro")],
        &[("CODEIUM_EDITOR_APP_ROOT", "/opt/windsurf")],
        &[("REPL_ID", "1")],
    ];
    for env in weak {
        assert_eq!(agent("/usr/bin/bash", env), None, "{env:?}");
    }
}

#[test]
fn children_are_known_by_session_markers() {
    let cases: [(&[(&str, &str)], &str); 11] = [
        (&[("CLAUDECODE", "1"), ("CLAUDE_CODE_SESSION_ID", "a-b")], "claude-code"),
        (&[("CLAUDECODE", "1"), ("AGENT", "amp")], "amp"),
        (&[("CLAUDECODE", "1"), ("AMP_CURRENT_THREAD_ID", "T-1")], "amp"),
        (&[("CURSOR_TRACE_ID", "x"), ("PAGER", "head -n 10000 | cat")], "cursor-cli"),
        (&[("TERM_PROGRAM", "vscode"), ("GIT_PAGER", "cat")], "copilot-vscode"),
        (&[("TERM_PROGRAM", "zed"), ("PAGER", "cat")], "zed-agent"),
        (&[("OPENCODE", "1"), ("KILO_PID", "7")], "kilo"),
        (&[("OPENCODE", "1"), ("AGENT", "1")], "opencode"),
        (&[("GEMINI_CLI", "1")], "gemini-cli"),
        (&[("CODEX_SANDBOX", "seccomp")], "codex"),
        (&[("AWS_EXECUTION_ENV", "AmazonQ-For-CLI Version/1")], "amazon-q"),
    ];
    for (env, expected) in cases {
        let found = recognise("/usr/bin/bash", env).unwrap_or_else(|| panic!("{env:?} is not recognised"));
        assert_eq!((found.agent.as_str(), found.strength), (expected, Strength::Marker), "{env:?}");
    }
}

#[test]
fn an_agent_may_name_itself() {
    let named = |value| agent("/usr/bin/bash", &[("AI_AGENT", value)]);
    assert_eq!(named("Claude-Code@2.1.0").as_deref(), Some("claude-code"));
    assert_eq!(named("github_copilot_vscode_agent").as_deref(), Some("copilot-vscode"));
    assert_eq!(named("brand-new").as_deref(), Some(UNKNOWN));
    assert_eq!(named(""), None);
    assert_eq!(agent("/usr/bin/bash", &[("AGENT", "1")]), None);
}

#[test]
fn an_editor_is_never_a_session_but_its_marked_children_are() {
    let marked = [("CURSOR_AGENT", "1")];
    for command in [
        "/usr/share/code/code",
        "/usr/bin/cursor",
        "/usr/bin/zed",
        "/home/a/.vscode-server/bin/c/node /home/a/.vscode-server/bin/c/out/server-main.js",
    ] {
        assert_eq!(agent(command, &marked), None, "{command}");
    }
    assert_eq!(agent("/usr/bin/bash", &marked).as_deref(), Some("cursor-cli"));
    assert_eq!(agent("/usr/bin/bash", &[("CURSOR_AGENT", "")]), None);
}

#[test]
fn a_program_outweighs_the_marks_it_inherited() {
    let found = recognise("/usr/bin/codex", &[("CLAUDE_CODE_SESSION_ID", "x")]).unwrap();
    assert_eq!((found.agent.as_str(), found.by.as_str()), ("codex", "executable codex"));
}

#[test]
fn being_told_to_ask_nobody_is_seen() {
    let off = |command: &str| recognise(command, &[]).unwrap().approval_off;
    let flag = |flag: &str| Some(flag.to_owned());
    assert_eq!(
        off("/usr/bin/claude --dangerously-skip-permissions -p hello"),
        flag("--dangerously-skip-permissions")
    );
    assert_eq!(off("/usr/bin/claude --permission-mode plan"), None);
    assert_eq!(off("/usr/bin/codex --yolo-not"), None);
    assert!(off("/usr/bin/claude --permission-mode=bypassPermissions").is_some());
    assert!(off("/usr/bin/codex exec -s danger-full-access").is_some());
    assert!(off("/usr/bin/python3 -m aider --yes-always").is_some());
    let by_variable = recognise("/usr/bin/goosed", &[("GOOSE_MODE", "auto")]).unwrap().approval_off;
    assert_eq!(by_variable, flag("GOOSE_MODE"));
}

#[test]
fn an_agent_reads_its_own_login_only() {
    let agents = &AGENTS;
    let home = Some("/home/a");
    assert!(agents.reads_for_itself("claude-code", "/home/a/.claude/.credentials.json", home));
    assert!(agents.reads_for_itself("copilot-cli", "/home/a/.config/gh/hosts.yml", home));
    assert!(!agents.reads_for_itself("codex", "/home/a/.claude/.credentials.json", home));
    assert!(!agents.reads_for_itself("unknown", "/home/a/.claude/.credentials.json", home));
    assert_eq!(agents.name("claude-code"), Some("Claude Code"));
}

#[test]
fn contradictions_in_the_catalogue_are_found() {
    let text = "version: 1\ninterpreters: [node]\nentries:\n  - { id: a, name: A, executables: [x], source: s, \
                session_markers: [{ env: M }], weak_markers: [{ env: M }] }\n  - { id: b, name: B, executables: [x], \
                source: s, argv: ['[', ok] }\n  - { id: b, name: B, executables: [], source: s, typo: 1 }\n";
    let lines: Vec<_> = Agents::parse(text).unwrap_err().iter().map(ToString::to_string).collect();
    for expected in [
        "yaml:4:98: entries[0].weak_markers[0]: M is a session marker as well",
        "yaml:5:37: entries[1].executables[0]: \"x\" is also in line 4; mark it `generic: true`",
        "entries[1].argv[0]: found \"[\"; expected a glob; unclosed character class",
        "yaml:6:11: entries[2].id: \"b\" is also in line 5",
        "entries[2].typo: there is no such field; expected id, name, host",
    ] {
        assert!(lines.iter().any(|line| line.contains(expected)), "{expected} not in {lines:#?}");
    }
}
