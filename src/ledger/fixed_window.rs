//! `quota` units between two edges. Near an edge nobody knows by which window the upstream counts: within `skew` of it,
//! what is sent counts in both.
//!
//! Twin: `lua/lib/fixed_window.lua`.

/// State of one fixed window.
#[derive(Debug, Clone, Default)]
pub(crate) struct FixedWindow {
    pub(crate) start: i64,
    pub(crate) end: i64,
    /// Counts in this window; what is in flight comes on top.
    pub(crate) used: i64,
    /// May count in the window before: matters within `skew` of the start.
    before: i64,
    /// May count in the window after: what landed within `skew` of the end.
    after: i64,
}

/// The numbers of one fixed window.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    pub(crate) quota: i64,
    pub(crate) per: i64,
    pub(crate) skew: i64,
    pub(crate) offset: i64,
    pub(crate) edges: Option<[i64; 4]>,
}

impl Window {
    /// The window around `wall`, or `None` if the edges that came along are not around it.
    fn around(&self, wall: i64) -> Option<(i64, i64)> {
        match self.edges {
            None => {
                let start = (wall - self.offset).div_euclid(self.per) * self.per + self.offset;
                Some((start, start + self.per))
            }
            Some(edges) => edges.windows(2).find(|e| e[0] <= wall && wall < e[1]).map(|e| (e[0], e[1])),
        }
    }

    /// Where the window before the one that starts at `start` does.
    fn start_before(&self, start: i64) -> i64 {
        let arithmetic = start - self.per;
        self.edges.map_or(arithmetic, |e| e.windows(2).find(|e| e[1] == start).map_or(arithmetic, |e| e[0]))
    }

    /// Whether the store can tell which window `wall` is in.
    pub(crate) fn knows(&self, wall: i64) -> bool {
        self.around(wall).is_some()
    }
}

impl FixedWindow {
    /// Moves on to the window around `wall`; what is in flight is carried along.
    pub(crate) fn roll(&mut self, w: Window, flying: i64, wall: i64) {
        let Some((start, end)) = w.around(wall) else { return };
        if start <= self.start {
            // The same window, or a clock that went back: what is counted stays.
            if start == self.start {
                self.end = end;
            }
            return;
        }
        if start < self.end {
            // The definition moved the edges: all that was used still counts.
            self.before = self.used + flying;
        } else if start == self.end {
            self.before = self.used + flying;
            self.used = self.after;
        } else {
            // The window that nobody looked into may be the one before: what landed near its start counts there.
            self.before = if w.start_before(start) == self.end { self.after + flying } else { flying };
            self.used = 0;
        }
        self.after = 0;
        self.start = start;
        self.end = end;
    }

    fn near_start(&self, w: Window, wall: i64) -> bool {
        wall - self.start < w.skew
    }

    pub(crate) fn free(&self, w: Window, flying: i64, wall: i64) -> i64 {
        let mut free = w.quota - self.used - flying;
        if self.near_start(w, wall) {
            free = free.min(w.quota - self.before);
        }
        if self.end - wall <= w.skew {
            free = free.min(w.quota - self.after - flying);
        }
        free
    }

    pub(crate) fn grant(&mut self, w: Window, units: i64, wall: i64) {
        if self.near_start(w, wall) {
            self.before += units;
        }
    }

    /// Units that were in flight landed at `at`.
    pub(crate) fn land(&mut self, w: Window, units: i64, at: i64) {
        if at >= self.start - w.skew {
            self.used += units;
        }
        if at >= self.end - w.skew {
            self.after += units;
        }
    }

    /// More was used at `at` than was asked for (above zero), or less.
    pub(crate) fn adjust(&mut self, w: Window, units: i64, at: i64) {
        if units > 0 {
            self.land(w, units, at);
            return;
        }
        // `at` is known but for the delay of a call: given back only where that cannot put it into another window.
        if at >= self.start + w.skew.max((w.per / 10).min(1_000_000)) {
            self.used = (self.used + units).max(0);
            if at >= self.end - w.skew {
                self.after = (self.after + units).max(0);
            }
        }
    }

    /// When the `k`-th unit beyond those free now comes free.
    pub(crate) fn release(&self, w: Window, k: i64, flying: i64, now: i64, wall: i64) -> i64 {
        let here = w.quota - self.used - flying;
        if k <= here && self.near_start(w, wall) {
            return now + self.start + w.skew - wall;
        }
        let cycles = ((k - 1) / w.quota).min(100);
        now + (self.end - wall).max(0) + w.skew + cycles * w.per
    }
}
