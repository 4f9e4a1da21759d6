//! Counters for what could not be done: nothing is lost silently.

/// Index into the per-CPU array `LOST`; the names are the metric's `kind` label.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Lifecycle ring was full: an exec was not reported.
    Exec = 0,
    /// Lifecycle ring was full: an exit was not reported.
    Exit = 1,
    /// Access ring was full: an open was not reported.
    Open = 2,
    /// Access ring was full: a failed open of a secret's name was not reported.
    Probe = 3,
    /// Access ring was full: a connect was not reported.
    Connect = 4,
    /// Access ring was full: a held flow could not ask; it stays held and asks again.
    FlowAsk = 5,
    /// Access ring was full: a DNS answer was not reported.
    Dns = 6,
    /// Access ring was full: an open under `/proc` was not reported.
    Environ = 7,
    /// `PROCESSES` was full: a child of a labelled process runs without a label.
    Label = 8,
    /// `FLOWS` was full, or the session's part of it: a connection of a labelled process was refused, because nobody could
    /// have held it later.
    Flow = 9,
    /// A kernel structure could not be read.
    Read = 10,
    /// Lifecycle ring was full: a fork was not reported (the label was inherited all the same).
    Fork = 11,
    /// Access ring was full: an attempt on another process or on Interlock was not reported.
    Tamper = 12,
    /// Access ring was full: a held exec could not ask.
    Execute = 13,
    /// Access ring was full: a connection to a service's socket was not reported.
    Delegate = 14,
    /// Access ring was full: a secret's other name was not reported (it is followed all the same).
    Relink = 15,
    /// An open inside io_uring that this backend cannot look at, or a secret that the kernel opened for a program (binfmt_misc).
    Unseen = 16,
    /// Access ring was full: an odd socket was not reported.
    Socket = 17,
    /// Access ring was full: what a stream said of itself was not reported; it asks as one without a name.
    Greeting = 18,
    /// Access ring was full: that two sessions met was not reported; they ask without end.
    Meeting = 19,
}

pub const LOSSES: usize = 20;

/// `(ring, kind)` of each counter, in the order of [`Loss`].
pub const LOSS_NAMES: [(&str, &str); LOSSES] = [
    ("lifecycle", "exec"),
    ("lifecycle", "exit"),
    ("access", "open"),
    ("access", "probe"),
    ("access", "connect"),
    ("access", "flow"),
    ("access", "dns"),
    ("access", "environ"),
    ("map", "label"),
    ("map", "flow"),
    ("kernel", "read"),
    ("lifecycle", "fork"),
    ("access", "guard"),
    ("access", "execute"),
    ("access", "delegate"),
    ("access", "relink"),
    ("io_uring", "open"),
    ("access", "socket"),
    ("access", "greeting"),
    ("access", "meeting"),
];
