//! What waits under a hold: the data of a socket, or a process that is stopped before its syscall.

use monitor_common::{
    event::network::FlowAsk,
    policy::{AnswerKey, Flow, FlowVerdict, SUBJECT_EXECUTE},
};
use serde::{Deserialize, Serialize};

use crate::facts::BootNanos;

/// What one answer is about: a socket, and where it goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FlowKey {
    pub cookie: u64,
    /// As the kernel has it.
    #[serde(default)]
    pub address: [u8; 16],
    #[serde(default)]
    pub port: u16,
}

impl FlowKey {
    /// Of a socket as the kernel sees it now.
    #[must_use]
    pub fn of(cookie: u64, flow: &Flow) -> Self {
        Self { cookie, address: flow.address, port: flow.port }
    }

    /// Whether the socket goes there.
    #[must_use]
    pub fn leads(&self, flow: &Flow) -> bool {
        (self.address, self.port) == (flow.address, flow.port)
    }
}

/// A socket whose data to one destination waits. The program may meanwhile take the socket elsewhere: that is another
/// question, and an answer to this one says nothing about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldFlow {
    pub cookie: u64,
    /// Session generation it asked under.
    pub generation: u64,
    pub asked: BootNanos,
    /// Where it asked to go, as the kernel has it. An earlier version did not save it; what waits is then denied.
    #[serde(default)]
    pub address: [u8; 16],
    #[serde(default)]
    pub port: u16,
    /// The connection is given up: its data is gone, and the socket has another.
    #[serde(default)]
    pub gone: bool,
    /// The process that opened the connection; 0 where that is not known.
    #[serde(default)]
    pub opener: u32,
}

impl HeldFlow {
    #[must_use]
    pub fn of(ask: &FlowAsk) -> Self {
        let FlowAsk { header, cookie, generation, address, port, .. } = *ask;
        Self { cookie, generation, asked: BootNanos(header.at_ns), address, port, gone: false, opener: 0 }
    }

    #[must_use]
    pub fn key(&self) -> FlowKey {
        FlowKey { cookie: self.cookie, address: self.address, port: self.port }
    }

    /// The decision, `verdict` being one of `FLOW_*`, about exactly what was asked.
    #[must_use]
    pub fn decided(&self, verdict: u32) -> FlowVerdict {
        let Self { generation, address, port, .. } = *self;
        FlowVerdict { address, port, counted: 0, verdict, generation }
    }

    /// The process that opened it; where that is not known, who asks.
    #[must_use]
    pub fn opener_or(&self, asks: u32) -> u32 {
        if self.opener == 0 { asks } else { self.opener }
    }

    /// Whether the socket goes where it asked to go.
    #[must_use]
    pub fn goes_on(&self, flow: &Flow) -> bool {
        !self.gone && self.key().leads(flow)
    }

    pub(super) fn asks_the_same(&self, other: &Self) -> bool {
        !self.gone && self.key() == other.key()
    }
}

/// A process that is stopped before its syscall takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HeldCaller {
    pub pid: u32,
    /// File it is about, as the kernel's table of answers is keyed.
    pub ino: u64,
    #[serde(default)]
    pub more: u64,
    pub dev: u32,
    /// One of `monitor_common::policy::SUBJECT_*`.
    pub subject: u32,
}

impl HeldCaller {
    #[must_use]
    pub fn of(pid: u32, key: &AnswerKey) -> Self {
        Self { pid, ino: key.ino, more: key.more, dev: key.dev, subject: key.subject }
    }

    /// Whether it is stopped inside `execve`.
    #[must_use]
    pub fn is_exec(&self) -> bool {
        self.subject == SUBJECT_EXECUTE
    }

    /// Under which the kernel looks for the answer.
    #[must_use]
    pub fn key(&self, session: u64) -> AnswerKey {
        let Self { ino, more, dev, subject, .. } = *self;
        AnswerKey { session, ino, more, dev, subject }
    }
}
