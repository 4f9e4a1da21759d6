//! The programs, a file for each family of hooks, and the table of flows that several share. Every one begins with one lookup: has the caller, or the socket, a label?

mod connect;
mod egress;
mod exec;
mod flow_table;
mod fork_exit;
mod handshake;
mod io_uring;
mod meeting;
mod mount;
mod open;
mod ptrace;
mod received;
mod rename;
mod self_protection;
mod sent;
mod socket_create;
mod unix_connect;
