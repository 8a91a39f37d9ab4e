//! How long so many calls would take, by what a report says.
//!
//! Calls are let through one after the other, each as soon as every limit has room for it: what was used comes back as the
//! store says, and what goes now comes back after a period and a hold.

use std::{collections::VecDeque, time::Duration};

use super::{LimitReport, Report, SessionReport};

/// Calls that are tried one by one; more of them take as long as under the tightest limit alone.
const TRIED: usize = 100_000;
/// Callers of one process that are thought of.
const CALLERS: u64 = 10_000;
/// What a process did since it joined is no measure of it until then.
const YOUNG_MS: u64 = 1000;
/// The lease of a session that last exchanged just now, as a rule: see `session::LEASE_US`.
const LEASE_MS: u64 = 5000;
/// [`Report::FARTHEST`], in milliseconds.
const FARTHEST_MS: f64 = Report::FARTHEST.as_millis() as f64;

impl Report {
    /// No forecast looks farther than ten years: what takes so long may take longer.
    pub const FARTHEST: Duration = Duration::from_secs(315_360_000);

    /// How long so many calls of one process would take that come now, where `units` says how much of a limit each takes: none
    /// of one that does not concern them.
    ///
    /// Those who use the budget now are thought to go on, in turn with us, with calls of the same cost. What somebody new will do, nobody knows: take it for
    /// an estimate. A pause without an end takes [`Report::FARTHEST`].
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), paceline::Error> {
    /// # use paceline::{Budget, Limit, Limiter, MemoryStore, Quota};
    /// # let spike = Limit::sliding_window("spike", Quota::per_second(5));
    /// # let limiter = Limiter::new(MemoryStore::new(), Budget::builder("keap").limit(spike).build()?);
    /// let permit = limiter.acquire(1).await?;
    /// let report = limiter.inspect().await?.unwrap();
    /// let takes = report.forecast(100, |_| 1);
    /// assert!((20..=25).contains(&takes.as_secs()), "5 a second, of which another takes up to one: {takes:?}");
    /// # drop(permit);
    /// # Ok(())
    /// # }
    /// ```
    pub fn forecast(&self, calls: u64, units: impl Fn(&LimitReport) -> u64) -> Duration {
        let gates = self.limits.iter().map(|limit| Gate::new(limit, units(limit)));
        let gates: Vec<Gate<'_>> = gates.filter(|gate| gate.each > 0).collect();
        let paused = self.paused.as_ref().map_or(0.0, |pause| pause.left_ms.map_or(FARTHEST_MS, |left| left as f64));
        let start = self.settling_ms.map_or(paused, |left| paused.max(left as f64));
        let others = self.others(&gates);
        let took = Queue { gates, others, passed: Vec::new(), now: start }.take(calls);
        Duration::from_millis(took.min(FARTHEST_MS) as u64)
    }

    /// Everybody else who takes units.
    fn others(&self, gates: &[Gate<'_>]) -> Vec<Other> {
        let hold = gates.iter().map(|gate| gate.limit.hold_ms).max().unwrap_or(0) as f64;
        let other = |session: &SessionReport| match (session.waiting, session.calls) {
            // One call tells of no pace.
            (0, 0 | 1) => None,
            (0, calls) => {
                let away = session.since_ms.max(YOUNG_MS) as f64 / (calls - 1) as f64;
                let silent = LEASE_MS.saturating_sub(session.lease_ms) as f64;
                // One that was silent for so much longer has ended, as a rule; its lease runs on for a while.
                (session.held > 0 || silent < 3.0 * away + YOUNG_MS as f64)
                    .then(|| Other { back: VecDeque::from([away / 2.0]), away })
            }
            (waiting, _) => {
                let waits = std::iter::repeat_n(0.0, waiting.min(CALLERS) as usize);
                let flies = std::iter::repeat_n(hold, session.held.min(CALLERS) as usize);
                Some(Other { back: waits.chain(flies).collect(), away: hold })
            }
        };
        self.sessions.iter().filter_map(other).collect()
    }
}

/// Another process. A caller that waits is thought to come again as soon as it is answered; of a process where nobody does,
/// one caller comes as often as it was granted calls since it joined.
struct Other {
    /// When each of its callers is back in line.
    back: VecDeque<f64>,
    /// How long a caller that went stays away.
    away: f64,
}

/// Calls on their way through all gates.
struct Queue<'a> {
    gates: Vec<Gate<'a>>,
    others: Vec<Other>,
    /// When each of them went.
    passed: Vec<f64>,
    now: f64,
}

impl Queue<'_> {
    /// When the last of so many calls of ours goes. Processes go in turn, those first that are here already.
    fn take(mut self, calls: u64) -> f64 {
        let mut ours = 0;
        while ours < calls && self.passed.len() < TRIED {
            for other in 0..self.others.len() {
                if self.others[other].back.front().is_some_and(|&back| back <= self.now) {
                    self.pass();
                    let other = &mut self.others[other];
                    other.back.rotate_left(1);
                    *other.back.back_mut().expect("it has a caller") = self.now + other.away;
                }
            }
            self.pass();
            ours += 1;
        }
        if ours == calls {
            return self.now;
        }
        let all = calls as f64 * (self.passed.len() as f64 / ours as f64);
        self.gates.iter().map(|gate| gate.alone(all)).fold(self.now, f64::max)
    }

    /// Lets the next call through.
    fn pass(&mut self) {
        let number = self.passed.len();
        let open = |now: f64, gate: &Gate<'_>| now.max(gate.opens(number, now, &self.passed));
        // One may open so late that another, whose calendar went on meanwhile, has shut.
        let once = self.gates.iter().fold(self.now, open);
        self.now = self.gates.iter().fold(once, open);
        for gate in &mut self.gates {
            gate.took(self.now);
        }
        self.passed.push(self.now);
    }
}

/// One limit, through which calls go. Times are in milliseconds from now.
struct Gate<'a> {
    limit: &'a LimitReport,
    /// Units that a call takes.
    each: u64,
    quota: u64,
    /// Units that are taken now, and those that are not.
    taken: u64,
    room: u64,
    period: f64,
    /// When the fixed window ends that runs now.
    ends: f64,
    /// The end of the one that runs when the next call goes, and what is left of it.
    window: (f64, u64),
}

impl<'a> Gate<'a> {
    fn new(limit: &'a LimitReport, each: u64) -> Self {
        let told = limit.feedback.as_ref().and_then(|said| said.told_quota).unwrap_or(u64::MAX);
        let quota = limit.quota.min(told).max(1);
        let taken = limit.used.saturating_add(limit.in_flight);
        let room = quota.saturating_sub(taken);
        let period = limit.per_ms.unwrap_or(0) as f64;
        let ends = limit.next_free_ms.map_or(period, |next| next as f64);
        Self { limit, each, quota, taken, room, period, ends, window: (ends, room) }
    }

    /// When the `number`-th call from now may go, if it comes at `now` after those that `passed`: with the last unit that it takes.
    fn opens(&self, number: usize, now: f64, passed: &[f64]) -> f64 {
        let cool = self.limit.cooldown_ms.unwrap_or(0) as f64;
        if self.each > self.quota {
            // Never, or when a smaller quota ends that somebody ordered.
            let ordered = self.limit.feedback.as_ref().and_then(|said| said.ordered.as_ref());
            return ordered.map_or(FARTHEST_MS, |quota| quota.left_ms as f64).max(cool);
        }
        let unit = (number as u64).saturating_add(1).saturating_mul(self.each) - 1;
        let opens = match self.limit.kind {
            _ if unit < self.room && self.limit.kind != "fixed-window" => 0.0,
            "token-bucket" => self.refilled(unit - self.room),
            "fixed-window" if self.window.1 >= self.each || now >= self.window.0 => 0.0,
            "fixed-window" => self.window.0,
            _ => match unit.checked_sub(self.quota) {
                Some(earlier) => passed[(earlier / self.each) as usize] + self.period + self.limit.hold_ms as f64,
                None => self.comes_back(unit - self.room),
            },
        };
        opens.max(cool)
    }

    fn took(&mut self, now: f64) {
        if self.limit.kind == "fixed-window" {
            let (mut ends, mut left) = self.window;
            if now >= ends {
                ends += ((now - ends) / self.period).floor() * self.period + self.period;
                left = self.quota;
            }
            self.window = (ends, left.saturating_sub(self.each));
        }
    }

    /// When the last of so many calls goes, if there were no other limit.
    fn alone(&self, calls: f64) -> f64 {
        // What a window has left over for no whole call is lost to them; a bucket loses nothing.
        let whole = if self.limit.kind == "token-bucket" { self.quota } else { self.quota / self.each * self.each };
        let beyond = calls * self.each as f64 - 1.0 - self.room as f64;
        if beyond < 0.0 {
            return 0.0;
        }
        let rounds = (beyond / whole.max(1) as f64).floor();
        match self.limit.kind {
            "token-bucket" => self.refilled(beyond as u64),
            "fixed-window" => self.ends + rounds * self.period,
            _ => {
                let rest = (beyond - rounds * whole.max(1) as f64) as u64;
                rounds * (self.period + self.limit.hold_ms as f64) + self.comes_back(rest)
            }
        }
    }

    /// When the bucket has given so many units beyond those in it, and another.
    fn refilled(&self, units: u64) -> f64 {
        let each = self.period / self.quota as f64;
        self.limit.next_free_ms.map_or(each, |next| next as f64) + units as f64 * each
    }

    /// When so many of the units that are taken now have come back, and another: on lines through the times that are known.
    fn comes_back(&self, units: u64) -> f64 {
        let [Some(first), Some(last)] = [self.limit.next_free_ms, self.limit.all_free_ms] else { return 0.0 };
        let [quarter, half, most] = self.limit.quarters_free_ms;
        let times = [first, quarter, half, most, last].map(|ms| ms as f64);
        let knots = [1, self.taken.div_ceil(4), self.taken.div_ceil(2), (self.taken * 3).div_ceil(4), self.taken];
        let wanted = units + 1;
        let Some(after) = knots.iter().position(|&knot| knot >= wanted) else { return times[4] };
        let Some(before) = after.checked_sub(1) else { return times[0] };
        let part = (wanted - knots[before]) as f64 / (knots[after] - knots[before]) as f64;
        times[before] + (times[after] - times[before]) * part
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{FeedbackReport, OrderedQuota, Pause};

    fn limit(kind: &'static str, quota: u64, per_ms: u64) -> LimitReport {
        LimitReport {
            name: kind.into(),
            kind,
            quota,
            per_ms: Some(per_ms),
            used: 0,
            in_flight: 0,
            free: quota,
            waiting: 0,
            next_free_ms: None,
            quarters_free_ms: [0; 3],
            all_free_ms: None,
            hold_ms: 0,
            cooldown_ms: None,
            feedback: None,
        }
    }

    fn takes(limits: &[LimitReport], calls: u64) -> f64 {
        takes_of(1, limits, calls)
    }

    /// Calls of so many units.
    fn takes_of(units: u64, limits: &[LimitReport], calls: u64) -> f64 {
        let report = Report { limits: limits.to_vec(), ..Report::default() };
        report.forecast(calls, |_| units).as_secs_f64()
    }

    #[test]
    fn a_limit_alone_turns_over_as_its_kind_does() {
        let sliding = limit("sliding-window", 5, 1000);
        assert_eq!(
            [1, 5, 6, 10, 11].map(|calls| takes(std::slice::from_ref(&sliding), calls)),
            [0.0, 0.0, 1.0, 1.0, 2.0]
        );
        let bucket = limit("token-bucket", 10, 1000);
        assert_eq!([10, 11, 20].map(|calls| takes(std::slice::from_ref(&bucket), calls)), [0.0, 0.1, 1.0]);
        let fixed = LimitReport { used: 4, next_free_ms: Some(300), ..limit("fixed-window", 5, 1000) };
        assert_eq!([1, 2, 6, 7].map(|calls| takes(std::slice::from_ref(&fixed), calls)), [0.0, 0.3, 0.3, 1.3]);
        let places = LimitReport { per_ms: None, hold_ms: 200, ..limit("concurrency", 3, 0) };
        assert_eq!([3, 4, 7].map(|calls| takes(std::slice::from_ref(&places), calls)), [0.0, 0.2, 0.4]);
    }

    #[test]
    fn calls_of_several_units_go_when_the_last_of_them_does() {
        let of = |units, limit: &LimitReport, calls| takes_of(units, std::slice::from_ref(limit), calls);
        let sliding = limit("sliding-window", 5, 1000);
        assert_eq!([1, 2, 3, 4, 5].map(|calls| of(2, &sliding, calls)), [0.0, 0.0, 1.0, 1.0, 2.0]);
        // More than are tried one by one: two a second.
        assert!((499_999.0..=500_000.0).contains(&of(2, &sliding, 1_000_001)));
        let bucket = limit("token-bucket", 10, 1000);
        assert_eq!([3, 4, 5].map(|calls| of(3, &bucket, calls)), [0.0, 0.2, 0.5]);
        let fixed = LimitReport { used: 4, next_free_ms: Some(300), ..limit("fixed-window", 5, 1000) };
        assert_eq!([1, 2, 3].map(|calls| of(2, &fixed, calls)), [0.3, 0.3, 1.3]);
        let places = LimitReport { per_ms: None, hold_ms: 200, ..limit("concurrency", 3, 0) };
        assert_eq!([1, 2, 3].map(|calls| of(2, &places, calls)), [0.0, 0.2, 0.4]);
        assert_eq!(of(6, &sliding, 1), 315_360_000.0);
        // Where somebody ordered that, it ends.
        let ordered = Some(OrderedQuota { quota: 5, left_ms: 15_000 });
        let ordered = FeedbackReport { ordered, ..FeedbackReport::default() };
        assert_eq!(of(6, &LimitReport { feedback: Some(ordered), ..sliding }, 1), 15.0);
    }

    #[test]
    fn limits_together_take_longer_than_the_slowest_alone() {
        let spike = limit("sliding-window", 5, 1000);
        let used = [("next", 10), ("all", 20)].map(|(_, ms)| Some(ms));
        let minute = LimitReport { used: 230, next_free_ms: used[0], all_free_ms: used[1], ..spike.clone() };
        let minute = LimitReport { quota: 240, per_ms: Some(60_000), quarters_free_ms: [12, 15, 17], ..minute };
        // 240 at 5 a second, and what came first comes back when the minute is over.
        assert_eq!(takes(&[spike.clone(), minute.clone()], 240), 47.0);
        assert_eq!(takes(&[spike, minute], 400), 60.0 + 31.0);
    }

    #[test]
    fn what_is_known_to_hold_everybody_up_does() {
        let spike = limit("sliding-window", 5, 1000);
        let cools = LimitReport { cooldown_ms: Some(3000), ..spike.clone() };
        assert_eq!(takes(&[cools], 6), 4.0);
        let told = FeedbackReport { told_quota: Some(2), ..FeedbackReport::default() };
        assert_eq!(takes(&[LimitReport { feedback: Some(told), ..spike.clone() }], 5), 2.0);
        let settling = Report { limits: vec![spike], settling_ms: Some(700), ..Report::default() };
        assert_eq!(settling.forecast(1, |_| 1).as_millis(), 700);
        let pause = Pause { left_ms: None, who: String::new(), why: String::new() };
        assert_eq!(Report { paused: Some(pause), ..settling }.forecast(1, |_| 1).as_secs(), 315_360_000);
    }

    #[test]
    fn numbers_beyond_all_bounds_come_to_the_farthest_at_most() {
        let slow = limit("sliding-window", 1, u64::MAX);
        assert_eq!(takes(&[slow], u64::MAX), 315_360_000.0);
        let day = limit("fixed-window", 30_000, 86_400_000);
        assert_eq!(takes(&[day], 30_000_000), 999.0 * 86_400.0);
        let empty = LimitReport { quota: 0, per_ms: Some(0), ..limit("fixed-window", 0, 0) };
        assert!(takes(&[empty], 1_000_000_000) <= 315_360_000.0);
    }
}
