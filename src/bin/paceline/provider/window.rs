//! The limiter of the practice provider: an exact sliding window that rejected calls do not use up.

use std::{collections::VecDeque, time::Duration};

use super::rule::Rule;

/// The accepted calls of the last window of one rule.
pub struct Window {
    quota: usize,
    per: Duration,
    accepted: VecDeque<Duration>,
}

/// What one window says of itself in the headers of an answer.
#[derive(Clone, Copy)]
pub struct Usage {
    pub quota: u64,
    pub used: u64,
    pub per: Duration,
}

impl Window {
    pub fn new(rule: &Rule) -> Self {
        Self { quota: rule.quota as usize, per: rule.per, accepted: VecDeque::new() }
    }

    /// Makes the window `(now - per, now]`. `now` never goes back.
    pub fn move_to(&mut self, now: Duration) {
        while self.accepted.front().is_some_and(|&at| at + self.per <= now) {
            self.accepted.pop_front();
        }
    }

    pub fn has_room(&self) -> bool {
        self.accepted.len() < self.quota
    }

    pub fn count(&mut self, now: Duration) {
        self.accepted.push_back(now);
    }

    pub fn usage(&self) -> Usage {
        Usage { quota: self.quota as u64, used: self.accepted.len() as u64, per: self.per }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_open_at_its_start_and_closed_at_its_end() {
        let mut window = Window::new(&Rule::new(1, Duration::from_secs(1)));
        let at = Duration::from_millis;
        window.count(at(0));
        window.move_to(at(999));
        assert!(!window.has_room());
        window.move_to(at(1000));
        assert!(window.has_room());
    }
}
