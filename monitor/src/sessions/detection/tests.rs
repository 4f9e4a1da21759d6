use std::sync::LazyLock;

use super::*;

static AGENTS: LazyLock<Agents> =
    LazyLock::new(|| Agents::builtin().unwrap_or_else(|problems| panic!("{problems:#?}")));

fn recognise(command: &str, env: &[(&str, &str)]) -> Option<Recognised> {
    let (executable, args) = command.split_once(' ').unwrap_or((command, ""));
    let mut words = vec![basename(executable).to_owned()];
    words.extend(args.split_whitespace().map(str::to_owned));
    let env: Vec<_> = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    AGENTS.recognise(&Image { executable, args: &words, env: &env })
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
        "yaml:4: agent `a`: `M` is both",
        "yaml:5: executable `x`",
        "glob `[`",
        "yaml:6: entry `b`: unknown field `typo`",
    ] {
        assert!(lines.iter().any(|line| line.contains(expected)), "{expected} not in {lines:#?}");
    }
}
