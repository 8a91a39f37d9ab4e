//! Every key that stands in Redis, with its type and meaning. The number is the layout's.

/// Hash: all state of one budget (of one partition), `lua/README.md` has its fields. The tag keeps it in one slot with
/// its line.
pub(super) fn state(address: &str) -> String {
    format!("pl:1:{{{address}}}")
}

/// Sorted set: who waits for the budget, and what may be dropped when.
pub(super) fn line(address: &str) -> String {
    format!("pl:1:{{{address}}}:line")
}

/// String: changes when the node forgot.
pub(super) const MARKER: &str = "pl:1:node";

/// Channel: names of the sessions of one store that should look again.
pub(super) fn wake(store: &str) -> String {
    format!("pl:1:wake:{store}")
}

/// What all our keys begin with ...
pub(super) const PREFIX: &str = "pl:1:";

/// ... the layout that they are of ...
pub(super) const LAYOUT: f64 = 1.0;

/// ... and those of any layout, for `SCAN`.
pub(super) const ALL_LAYOUTS: &str = "pl:[0-9]*:*";

/// What the key of a line has behind that of its state.
pub(super) const LINE: &str = ":line";

/// All keys of budgets.
pub(super) const ALL_STATES: &str = "pl:1:{*}";

/// Stream: what operators ordered of one budget.
pub(super) fn audit(address: &str) -> String {
    format!("pl:1:{{{address}}}:audit")
}

/// All of these streams.
pub(super) const ALL_TRAILS: &str = "pl:1:{*}:audit";

/// The address of a budget by the key of its trail.
pub(super) fn audited(trail: &str) -> Option<&str> {
    address(trail.strip_suffix(":audit")?)
}

/// The address of a budget by the key of its state.
pub(super) fn address(state: &str) -> Option<&str> {
    state.strip_prefix("pl:1:{")?.strip_suffix('}')
}
