//! Whole fleets against an upstream that keeps its own exact log, in virtual time: whatever the network does, no window
//! at the upstream ever holds more than its quota, and next to nothing of the quota is wasted.

#[path = "simulation/cooldown.rs"]
mod cooldown;
#[path = "simulation/fleet.rs"]
mod fleet;
#[path = "simulation/forecast.rs"]
mod forecast;
#[path = "simulation/loss.rs"]
mod loss;
#[path = "simulation/safety.rs"]
mod safety;
#[path = "simulation/shares.rs"]
mod shares;
#[path = "simulation/storm.rs"]
mod storm;
#[path = "simulation/strangers.rs"]
mod strangers;
#[path = "simulation/upstream.rs"]
mod upstream;
#[path = "simulation/wire.rs"]
mod wire;
