//! Each preset against the provider that it is of: a server in a process of its own, with its own limiter, headers and
//! bodies, and an exact log of what came. It shares no code with the library.
//!
//! A minute lasts some seconds here, for the provider and for the preset alike.

#![cfg(all(feature = "cli", unix))]

mod support;

#[path = "providers/channels.rs"]
mod channels;
#[path = "providers/eleven.rs"]
mod eleven;
#[path = "providers/first_no.rs"]
mod first_no;
#[path = "providers/fleet.rs"]
mod fleet;
#[path = "providers/hostile.rs"]
mod hostile;
#[path = "providers/practice.rs"]
mod practice;
#[path = "providers/processes.rs"]
mod processes;
#[path = "providers/shortened.rs"]
mod shortened;
#[path = "providers/strangers.rs"]
mod strangers;
