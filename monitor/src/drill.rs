//! drill
#![allow(dead_code)]
mod certificate;
mod home;
mod journal;
mod namespace;
mod patience;
mod provider;
mod request;
mod resolver;
mod stage;
mod steps;
