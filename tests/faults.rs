//! Faults under load, on a Redis of each test's own and an upstream with its own exact log: whatever breaks, no window at
//! the upstream holds more than its quota, nobody hangs, and all of the budget comes back.
#![cfg(feature = "redis")]

mod support;

#[path = "faults/callers.rs"]
mod callers;
#[path = "faults/line.rs"]
mod line;
#[path = "faults/load.rs"]
mod load;
#[path = "faults/losses.rs"]
mod losses;
#[path = "faults/outages.rs"]
mod outages;
#[path = "faults/processes.rs"]
mod processes;
