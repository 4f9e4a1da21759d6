use super::*;

fn builtin() -> Agents {
    Agents::builtin().unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn off(agents: &Agents, id: &str, line: &str, env: &[(&str, &str)]) -> Option<String> {
    let args: Vec<String> = line.split(' ').map(str::to_owned).collect();
    let env: Vec<_> = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    agents.approval_off(id, &args, &env).map(str::to_owned)
}

#[test]
fn what_switched_the_questions_off_is_named() {
    let agents = builtin();
    let cases = [
        ("claude-code", "claude --dangerously-skip-permissions -p x", Some("--dangerously-skip-permissions")),
        (
            "claude-code",
            "claude --allow-dangerously-skip-permissions",
            Some("--allow-dangerously-skip-permissions"),
        ),
        (
            "claude-code",
            "claude --permission-mode=bypassPermissions",
            Some("--permission-mode bypassPermissions"),
        ),
        ("claude-code", "claude --permission-mode plan", None),
        ("cursor-cli", "cursor-agent -f", Some("-f")),
        ("cursor-cli", "cursor-agent --approve-mcps", Some("--approve-mcps")),
        ("codex", "codex --ask-for-approval never", Some("--ask-for-approval never")),
        ("codex", "codex -c approval_policy=\"never\"", Some("-c approval_policy=\"never\"")),
        ("codex", "codex -c model=x", None),
        ("codex", "codex --full-auto", Some("--full-auto")),
        ("gemini-cli", "gemini --approval-mode=yolo", Some("--approval-mode yolo")),
        ("gemini-cli", "gemini -y", Some("-y")),
        ("copilot-cli", "copilot --allow-all-tools", Some("--allow-all-tools")),
        ("aider", "aider --yes-always", Some("--yes-always")),
        ("cline", "cline --yolo", Some("--yolo")),
        ("opencode", "opencode run --dangerously-skip-permissions", Some("--dangerously-skip-permissions")),
        ("amp", "amp --dangerously-allow-all", Some("--dangerously-allow-all")),
        ("crush", "crush -y", Some("-y")),
        ("qwen-code", "qwen --approval-mode yolo", Some("--approval-mode yolo")),
        ("droid", "droid exec --skip-permissions-unsafe", Some("--skip-permissions-unsafe")),
        ("droid", "droid exec --auto high", Some("--auto high")),
        ("droid", "droid exec --auto low", None),
        ("kiro", "kiro-cli chat --trust-all-tools", Some("--trust-all-tools")),
        ("amazon-q", "q chat --trust-all-tools --no-interactive", Some("--trust-all-tools")),
        ("continue", "cn --auto", Some("--auto")),
        ("nobody", "x --yolo", None),
    ];
    for (id, line, expected) in cases {
        assert_eq!(off(&agents, id, line, &[]).as_deref(), expected, "{id}: {line}");
    }
}

#[test]
fn a_variable_can_switch_them_off_too() {
    let agents = builtin();
    assert_eq!(off(&agents, "goose", "goose", &[("GOOSE_MODE", "auto")]).as_deref(), Some("GOOSE_MODE"));
    assert_eq!(off(&agents, "goose", "goose", &[("GOOSE_MODE", "approve")]), None);
    assert_eq!(
        off(&agents, "copilot-cli", "copilot", &[("COPILOT_ALLOW_ALL", "true")]).as_deref(),
        Some("COPILOT_ALLOW_ALL")
    );
    assert_eq!(off(&agents, "copilot-cli", "copilot", &[("COPILOT_ALLOW_ALL", "false")]), None);
    assert_eq!(
        off(&agents, "aider", "aider", &[("AIDER_YES_ALWAYS", "1")]).as_deref(),
        Some("AIDER_YES_ALWAYS")
    );
    assert_eq!(off(&agents, "claude-code", "claude", &[("GOOSE_MODE", "auto")]), None);
}
