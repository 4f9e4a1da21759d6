//! What this machine is called.

use std::env;

/// The variable by which a pod is told the name of its node: its own host name is the pod's, another one after each upgrade.
pub const NODE_NAME: &str = "NODE_NAME";

/// The host's name in events, the record and messages.
#[must_use]
pub fn name() -> String {
    chosen(env::var(NODE_NAME).ok(), &rustix::system::uname().nodename().to_string_lossy())
}

fn chosen(node: Option<String>, own: &str) -> String {
    node.filter(|name| !name.is_empty()).unwrap_or_else(|| own.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_a_pod_the_nodes_name_counts() {
        assert_eq!(chosen(Some("worker-1".into()), "interlock-x7k2p"), "worker-1");
        assert_eq!(chosen(Some(String::new()), "box"), "box");
        assert_eq!(chosen(None, "box"), "box");
    }
}
