//! Ways by what a session can reach outside of itself: a program without a label that does what it is told (a shell that was left open,
//! `systemd-run --user`, a cron table, a container's daemon), a multiplexer's older server, a user of another role. Nothing but a factor,
//! or a role, stands against them ([0012](../../../docs/decisions/0012-approvers-by-lineage.md)).
//!
//! `$CODE` was used by the person, `$OLD` is five minutes old; `signed` and `signed.sig` are what the person's key signed for another
//! decision.

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// A helper of the person's user, which runs what the session writes for it.
    Helper,
    /// The same of another user.
    User(u32),
    /// A shell in a multiplexer's server from before the session.
    Typed,
}

/// One way.
pub struct Way {
    pub name: &'static str,
    pub by: By,
    /// A bash script.
    pub tries: &'static str,
    /// What it prints when it was refused.
    pub says: &'static str,
}

const fn way(name: &'static str, by: By, tries: &'static str, says: &'static str) -> Way {
    Way { name, by, tries, says }
}

const MISSING: &str = "has enrolled a factor";
const SIGNATURE: &str = "the signature does not count";

/// Users of those roles, as the test configures them.
pub const VIEWER: u32 = 12001;
pub const APPROVER: u32 = 12002;
pub const LIMITED: u32 = 12004;
pub const NOBODY: u32 = 12005;

pub const WAYS: &[Way] = &[
    way("a helper approves", By::Helper, "says approve $HOLD", MISSING),
    way(
        "a helper approves by the evidence that was shown",
        By::Helper,
        "says approve $HOLD --evidence $EVIDENCE",
        MISSING,
    ),
    way("a helper thaws", By::Helper, "says thaw $FROZEN", MISSING),
    way("a helper breaks the glass", By::Helper, "says break-glass $SESSION --for 1m --reason x", MISSING),
    way("a helper pauses everything", By::Helper, "says pause --for 1m --reason x", MISSING),
    way(
        "what was typed into an older server of a multiplexer approves",
        By::Typed,
        "says approve $HOLD",
        MISSING,
    ),
    way(
        "a helper guesses a code",
        By::Helper,
        "echo 000000 | says approve $HOLD --code",
        "the code is wrong",
    ),
    way(
        "a helper gives the code that the person used",
        By::Helper,
        "echo $CODE | says approve $HOLD --code",
        "was used before",
    ),
    way(
        "a helper gives a code that it saw five minutes ago",
        By::Helper,
        "echo $OLD | says approve $HOLD --code",
        " s old",
    ),
    way(
        "a helper gives the signature that the person gave for a thaw to approve",
        By::Helper,
        "cd ~; says approve $HOLD --signature signed.sig",
        SIGNATURE,
    ),
    way(
        "a helper gives it for the thaw of the next freeze",
        By::Helper,
        "cd ~; says thaw $FROZEN --signature signed.sig",
        SIGNATURE,
    ),
    way(
        "a helper has the person's key sign without a touch",
        By::Helper,
        "cd ~; text a; token ~/key sign 0 90 a; says approve $HOLD --signature a.sig",
        "nobody touched the key",
    ),
    way(
        "a helper has the person's key sign that it counts less",
        By::Helper,
        "cd ~; text b; token ~/key sign 1 1 b; says approve $HOLD --signature b.sig",
        "had made",
    ),
    way(
        "a helper signs by a key of the same kind that nobody enrolled",
        By::Helper,
        "cd ~; text c; token ~/stranger sign 1 1 c; says approve $HOLD --signature c.sig",
        "has not enrolled the key",
    ),
    way(
        "a helper signs by an ordinary key that the person's ssh agent has",
        By::Helper,
        "cd ~; text d; ssh-keygen -q -t ed25519 -N '' -f ordinary; eval $(ssh-agent) > /dev/null; ssh-add -q ordinary; ssh-keygen -Y sign -n decision@interlock -f ordinary.pub d 2> /dev/null; kill $SSH_AGENT_PID; says approve $HOLD --signature d.sig",
        "has not enrolled the key",
    ),
    way(
        "a helper gives the signature of one approval for a longer one",
        By::Helper,
        "cd ~; text e; token ~/key sign 1 91 e; says approve $HOLD --session --signature e.sig",
        "not what is asked for",
    ),
    way(
        "a helper gives a signed text that has expired",
        By::Helper,
        "cd ~; text g; sed -i 's/^expires: .*/expires: 2026-01-01T00:00:00Z/' g; token ~/key sign 1 92 g; says approve $HOLD --signature g.sig",
        "expired",
    ),
    way(
        "a helper signs a line more",
        By::Helper,
        "cd ~; text h; echo 'verdict: thaw' >> h; token ~/key sign 1 93 h; says approve $HOLD --signature h.sig",
        "has other lines",
    ),
    way("a viewer approves", By::User(VIEWER), "says approve $HOLD", "code 4"),
    way(
        "a viewer says that a person clicked",
        By::User(VIEWER),
        "post $APPROVE '{\"desktop\":'$PERSON'}'",
        "403",
    ),
    way("a viewer thaws", By::User(VIEWER), "says thaw $FROZEN", "code 4"),
    way(
        "a viewer breaks the glass",
        By::User(VIEWER),
        "says break-glass $SESSION --for 1m --reason x",
        "code 4",
    ),
    way(
        "a viewer pauses another's session",
        By::User(VIEWER),
        "says pause $SESSION --for 1m --reason x",
        "code 4",
    ),
    way("a viewer has looser rules read", By::User(VIEWER), "says rules reload", "code 4"),
    way(
        "a viewer asks for the text of an approval",
        By::User(VIEWER),
        "says approve $HOLD --statement",
        "code 4",
    ),
    way(
        "a viewer enrols a device for root",
        By::User(VIEWER),
        "post factors '{\"user\":0,\"secret\":\"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\",\"code\":\"000000\"}'",
        "403",
    ),
    way("a viewer takes root's factor away", By::User(VIEWER), "says factor remove f1 --user 0", "code 4"),
    way(
        "a viewer writes on the connection of root's own program",
        By::User(VIEWER),
        "act given_by_another",
        "403",
    ),
    way(
        "an approver with limits approves what is beyond them",
        By::User(LIMITED),
        "says approve $HOLD",
        "code 4",
    ),
    way("an approver thaws another's session", By::User(APPROVER), "says thaw $FROZEN", "code 4"),
    way(
        "an approver breaks the glass",
        By::User(APPROVER),
        "says break-glass $SESSION --for 1m --reason x",
        "code 4",
    ),
    way("somebody without a role approves what it does not see", By::User(NOBODY), "post $APPROVE", "404"),
    way(
        "somebody without a role thaws what it does not see",
        By::User(NOBODY),
        "post sessions/$FROZEN/thaw",
        "404",
    ),
    way(
        "somebody without a role breaks the glass",
        By::User(NOBODY),
        "says break-glass $SESSION --for 1m --reason x",
        "code 4",
    ),
];
