//! What each script is made of: the only place that includes Lua.

use redis::Script;

macro_rules! lua {
    ($($file:literal),* $(,)?) => {
        concat!($(include_str!(concat!("../../../lua/", $file)), "\n"),*)
    };
}

/// Limits as they are stored and what they do, and the line: what every script about a budget begins with.
macro_rules! limits {
    () => {
        lua!(
            "lib/fields.lua",
            "lib/kinds.lua",
            "lib/sliding_window.lua",
            "lib/token_bucket.lua",
            "lib/fixed_window.lua",
            "lib/concurrency.lua",
            "lib/limit.lua",
            "lib/parts.lua",
            "lib/feedback.lua",
            "lib/past.lua",
            "lib/seldom.lua",
            "lib/line.lua",
            "lib/wait.lua",
            "lib/parts_end.lua",
        )
    };
}

const EXCHANGE: &str = concat!(limits!(), lua!("lib/turn.lua", "lib/session.lua", "lib/request.lua", "exchange.lua"));

const INSPECT: &str = concat!(limits!(), lua!("lib/session.lua", "inspect.lua"));

const ORDER: &str = concat!(limits!(), lua!("order.lua"));

const NODE: &str = lua!("node.lua");

/// A script and its name in the server's cache.
#[derive(Debug)]
pub(super) struct Code {
    pub(super) text: &'static str,
    pub(super) hash: String,
}

impl Code {
    fn new(text: &'static str) -> Self {
        Self { text, hash: Script::new(text).get_hash().to_owned() }
    }
}

/// The entry scripts.
#[derive(Debug)]
pub(super) struct Scripts {
    pub(super) exchange: Code,
    pub(super) inspect: Code,
    pub(super) order: Code,
    pub(super) node: Code,
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            exchange: Code::new(EXCHANGE),
            inspect: Code::new(INSPECT),
            order: Code::new(ORDER),
            node: Code::new(NODE),
        }
    }

    pub(super) fn hashes(&self) -> [&str; 4] {
        [&self.exchange, &self.inspect, &self.order, &self.node].map(|code| code.hash.as_str())
    }
}
