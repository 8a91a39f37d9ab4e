//! A distributed rate limiter for outbound calls.

mod error;
pub mod exchange;

pub use error::Error;
