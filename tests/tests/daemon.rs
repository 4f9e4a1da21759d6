//! The real daemon, on the real kernel, with real programs.

mod daemon {
    mod clients;
    mod flows;
    mod freezing;
    mod permissions;
    mod recovery;
    mod secrets;
    mod sessions;
}
