//! Interlock's view of a Kubernetes cluster.
//!
//! Client code alone: nothing here decides, and nothing here touches the kernel. Whoever starts a thread for it gives that thread a
//! runtime; all of it is asynchronous and needs one thread.
//!
//! | module | owns |
//! |---|---|
//! | `access` | the client: the pod's own service account, or a kubeconfig |
//! | `holds` | holds as objects, and decisions through the cluster |
//! | `pods` | the watch over this node's pods |
#![forbid(unsafe_code)]
#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod access;
pub mod holds;
pub mod pods;

pub use kube::Client;
