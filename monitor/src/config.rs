//! Configuration: one TOML file, every key optional, every problem reported at once.
//!
//! `packaging/config.toml` shows every key with its default.

mod approvers;
mod cluster_roles;
mod desktop;
mod document;
mod factor_policy;
mod hide;
mod kubernetes;
mod load;
pub mod longest;
mod notify;
mod on_full;
mod reader;
pub mod roles;
mod roles_reader;
mod shared_terminal;
mod terminal;
mod unattended;
mod values;

pub use self::{
    approvers::{Approvers, uid},
    cluster_roles::{ClusterMember, ClusterMembers, ClusterRoles},
    desktop::Desktop,
    document::is_key,
    factor_policy::FactorPolicy,
    kubernetes::Kubernetes,
    notify::{
        Address, AddressError, Class, Credential, CredentialError, Given, Kind, Quiet, SHOWN_KEYS, Target,
    },
    on_full::OnFull,
    shared_terminal::SharedTerminal,
    terminal::Terminal,
    unattended::Unattended,
    values::{Config, FILE, METRICS_PORT, PINS, POLICY, RULES, SESSIONS_PER_USER, SOCKET, STATE},
};

#[cfg(test)]
mod tests;
