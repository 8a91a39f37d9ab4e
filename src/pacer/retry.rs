//! How many requests are sent again: not so many that retries are what keeps a provider busy.

use std::sync::atomic::{AtomicI64, Ordering};

/// How often a throttled request is sent in all.
pub(super) const TRIES: u32 = 3;
/// A retry takes so much of the balance, a request brings so much, and there is never more than that: one in five may be
/// sent again, and ten in a row from the start.
const RETRY: i64 = 10;
const REQUEST: i64 = 2;
const MOST: i64 = 100;

/// What retries are paid from: a provider that throttles everything gets a fifth more requests, and not three times as many.
#[derive(Debug)]
pub(super) struct Balance(AtomicI64);

impl Default for Balance {
    fn default() -> Self {
        Self(AtomicI64::new(MOST))
    }
}

impl Balance {
    /// A request came.
    pub(super) fn request(&self) {
        _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |now| Some((now + REQUEST).min(MOST)));
    }

    /// Takes what a retry costs, if it is there.
    pub(super) fn retry(&self) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |now| (now >= RETRY).then(|| now - RETRY)).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fifth_of_the_requests_may_be_sent_again() {
        let balance = Balance::default();
        let at_once = (0..100).filter(|_| balance.retry()).count();
        assert_eq!(at_once, 10);
        let mut again = 0;
        for _ in 0..1000 {
            balance.request();
            again += u32::from(balance.retry());
        }
        assert_eq!(again, 200);
    }
}
