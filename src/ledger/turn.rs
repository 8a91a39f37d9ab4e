//! One ask: what is granted of it now, and when to ask again for the rest.
//!
//! Twin: `lua/lib/turn.lua`, and for who must wait `lua/lib/wait.lua`.

use std::collections::BTreeMap;

use super::{
    limit::{Limit, Owed, Time},
    line::{Entry, Line},
    session::Place,
};
use crate::exchange::{Ask, Class, Turn};

/// Nobody sleeps longer than this only to get several units in one turn.
const LONGEST_NAP: i64 = 5000;
/// The search for a slot that nobody ahead takes looks so often.
const SEARCH: usize = 6;
/// No estimate looks beyond so many units.
const FARTHEST: i64 = 1 << 50;

/// What a turn may look at and change.
pub(crate) struct Counter<'a> {
    pub(crate) limits: &'a mut [Limit],
    /// Those that this exchange is not about.
    pub(crate) elsewhere: &'a mut BTreeMap<String, Limit>,
    pub(crate) line: &'a mut Line,
    pub(crate) places: &'a mut i64,
    pub(crate) classes: &'a [Class],
    pub(crate) session: &'a str,
    pub(crate) at_grant: bool,
    pub(crate) t: Time,
}

impl Counter<'_> {
    /// While nobody is served, until `due` at least. Who waits keeps the place that it has. Who has none gets one without
    /// limits: operators see it, but it stands in no line, and no turn comes of it.
    pub(crate) fn stand_by(&mut self, ask: &Ask, mine: &mut Option<Place>, due: i64) -> Turn {
        let wanted = ask.runs.iter().map(|run| run.1 as i64).sum();
        let was = mine.take();
        if ask.wait {
            let stays = was.filter(Place::in_line).map(|was| Place { wanted, ..was });
            *mine = stays.or(Some(Place { place: i64::MAX, due, wanted, wants: Vec::new() }));
        } else if let Some(was) = was {
            self.leave(&was);
        }
        let held_us = (due - self.t.now) as u64;
        Turn { wait_us: Some(held_us), last_us: held_us, ..Turn::default() }
    }

    /// Serves one ask. `mine` is the place in line that the session has on this route, and has afterwards. Adds what is
    /// granted to `granted`, by limit.
    pub(crate) fn serve(&mut self, ask: &Ask, mine: &mut Option<Place>, granted: &mut BTreeMap<usize, i64>) -> Turn {
        let was = mine.take().filter(Place::in_line);
        if let Some(place) = &was {
            self.leave(place);
        }
        let standing = was.as_ref().map_or(i64::MAX, |p| p.place);
        let (served, rest) = self.grant(ask, standing, granted);
        let mut turn = Turn { granted: served, ..Turn::default() };
        let Some((class, wanted)) = rest else {
            self.settle_debt(standing);
            return turn;
        };
        let keeps_place = served == 0 && was.is_some();
        let place = if keeps_place {
            standing
        } else {
            self.settle_debt(standing);
            *self.places += 1;
            *self.places
        };
        let (at, last, binding) = self.slot(class, was.as_ref().filter(|_| keeps_place), wanted);
        // One who came in turn a little early would lose its slot by sleeping past it.
        let naps = self.classes[class].iter().map(|&(l, _)| nap(&self.limits[l])).min();
        let nap = if keeps_place && at > self.t.now { 0 } else { naps.unwrap_or(0) };
        let wait = (at - self.t.now).max(nap);
        turn.wait_us = Some(wait as u64);
        turn.last_us = (last - self.t.now).max(wait) as u64;
        turn.binding = Some(binding);
        turn.cooling = self.limits[binding].cooling(self.t);
        if ask.wait {
            let due = self.t.now + wait;
            if keeps_place && was.is_some_and(|p| p.due <= self.t.now + super::line::EARLY) {
                self.owe(class, place, due + super::line::GRACE);
            }
            *mine = Some(self.join(class, place, due, wanted));
        }
        turn
    }

    /// Grants callers in their order, as far as this turn reaches. Returns how many, and of the rest the class of the
    /// first and how many they are.
    fn grant(&mut self, ask: &Ask, place: i64, granted: &mut BTreeMap<usize, i64>) -> (u64, Option<(usize, i64)>) {
        let mut room: BTreeMap<usize, i64> = BTreeMap::new();
        let mut served = 0;
        for (i, &(class, count)) in ask.runs.iter().enumerate() {
            let mut fit = count as i64;
            for &(l, units) in &self.classes[class] {
                let room = *room.entry(l).or_insert_with(|| self.room(l, units as i64, place));
                fit = fit.min(room.max(0) / units as i64);
            }
            for &(l, units) in &self.classes[class] {
                let units = units as i64 * fit;
                *room.entry(l).or_default() -= units;
                if fit > 0 {
                    self.limits[l].grant(units, self.t);
                    if self.at_grant && !self.limits[l].terms.holds_to_the_end() {
                        self.limits[l].land(units, units, 0, self.t);
                    } else {
                        *granted.entry(l).or_default() += units;
                    }
                }
            }
            served += fit as u64;
            if fit < count as i64 {
                let behind: u64 = ask.runs[i + 1..].iter().map(|r| r.1).sum();
                return (served, Some((class, count as i64 - fit + behind as i64)));
            }
        }
        (served, None)
    }

    /// Units of a limit that this turn may take, whose first request takes `head`.
    fn room(&self, l: usize, head: i64, place: i64) -> i64 {
        let limit = &self.limits[l];
        let mut free = limit.free(self.t);
        if free < head && limit.probes(head, self.t) {
            free = limit.open(self.t).min(head);
        }
        if limit.owed.units > 0 && limit.owed.until > self.t.now && limit.owed.place != place {
            free -= limit.owed.units;
        }
        if limit.waiting == 0 || free <= 0 {
            return free;
        }
        let (key, now) = (limit.terms.key(), self.t.now);
        free -= self.line.held_back(key, place, now);
        // A turn is one request; more when more is free than there are sessions about to come.
        if free < head { free } else { (free / (self.line.due_until(key, now + slack(limit), now) + 1)).max(head) }
    }

    /// When the first request of the class can be served: the latest of its limits. Ahead of it on a limit count only
    /// those whose turn comes before that slot; who is bound elsewhere till later takes none of it.
    fn slot(&self, class: usize, was: Option<&Place>, wanted: i64) -> (i64, i64, usize) {
        let place = was.map_or(i64::MAX, |was| was.place);
        let (mut at, mut last, mut binding) = (self.t.now, self.t.now, self.classes[class][0].0);
        for &(l, units) in &self.classes[class] {
            let (limit, units) = (&self.limits[l], units as i64);
            let free = limit.free(self.t).max(0);
            let ahead = self.ahead(limit, units - free, units, was);
            let slot = self.slot_behind(limit, ahead, units - free, units).max(self.kept_until(limit, units, place));
            if slot > at {
                (at, binding) = (slot, l);
            }
            let rounds = (wanted - 1).saturating_mul(limit.waiting + 1).saturating_add(ahead + 1);
            let k = rounds.saturating_mul(units).min(FARTHEST) - free;
            if k > 0 {
                last = last.max(limit.release(k, self.t));
            }
        }
        // To ask early costs nothing.
        if let Some(was) = was.filter(|was| was.is_early(self.t)) {
            at = at.min(was.due);
        }
        (at, last, binding)
    }

    /// Until when units that are there are kept for someone else, or enough of them came to serve both.
    fn kept_until(&self, limit: &Limit, units: i64, place: i64) -> i64 {
        let Owed { units: owed, until, place: other } = limit.owed;
        if owed == 0 || until <= self.t.now || other == place {
            return self.t.now;
        }
        self.slot_behind(limit, 0, units + owed - limit.free(self.t).max(0), units).min(until)
    }

    /// When the slot behind so many others comes free; the first takes `first` units beyond those free now.
    fn slot_behind(&self, limit: &Limit, ahead: i64, first: i64, units: i64) -> i64 {
        let k = (ahead * units).min(FARTHEST) + first;
        if k <= 0 { self.t.now } else { limit.release(k, self.t) }
    }

    /// How many take a slot before mine: the least number `a` of which it holds that no more than `a` of those ahead of
    /// me are due about when slot `a + 1` comes free, or before. `was` is the place that is kept.
    fn ahead(&self, limit: &Limit, first: i64, units: i64, was: Option<&Place>) -> i64 {
        let key = limit.terms.key();
        if let Some(was) = was.filter(|was| was.is_early(self.t)) {
            return self.line.before(key, was.due, was.place, self.t.now);
        }
        let place = was.map_or(i64::MAX, |was| was.place);
        let due_by = |a| {
            let slot = self.slot_behind(limit, a, first, units) + slack(limit);
            if place == i64::MAX {
                self.line.due_until(key, slot, self.t.now)
            } else {
                self.line.ahead_until(key, place, slot, self.t.now)
            }
        };
        if place < i64::MAX {
            // One who came in turn and found nothing is near the front: count up.
            let mut ahead = 0;
            for _ in 0..SEARCH {
                let due = due_by(ahead);
                if due <= ahead {
                    break;
                }
                ahead = due;
            }
            return ahead;
        }
        if first <= 0 {
            // What is free now beyond what those take who are about to come is anyone's.
            let due = self.line.due_until(key, self.t.now + slack(limit), self.t.now);
            if self.slot_behind(limit, due, first, units) <= self.t.now {
                return due;
            }
        }
        // One who goes to the back is last, but for gaps in the line: look from there, ever farther, then in between.
        let (mut below, mut found, mut step) = (limit.waiting - 1, limit.waiting, 1);
        while below >= 0 && due_by(below) <= below {
            found = below;
            below -= step;
            step *= 2;
        }
        let mut below = below.max(-1);
        while found - below > 1 {
            let middle = (found + below).div_euclid(2);
            if due_by(middle) <= middle {
                found = middle;
            } else {
                below = middle;
            }
        }
        found
    }

    fn join(&mut self, class: usize, place: i64, due: i64, wanted: i64) -> Place {
        let mut mine = Place { place, due, wanted, wants: Vec::new() };
        for &(l, units) in &self.classes[class] {
            let limit = &mut self.limits[l];
            limit.waiting += 1;
            mine.wants.push((limit.terms.key().to_owned(), units as i64));
            self.line.join(mine.entry(mine.wants.len() - 1, self.session));
        }
        mine
    }

    fn leave(&mut self, place: &Place) {
        for i in 0..place.wants.len() {
            self.line.leave(&place.entry(i, self.session));
            let key = &place.wants[i].0;
            let here = self.limits.iter_mut().find(|l| l.terms.key() == key);
            if let Some(limit) = here.or(self.elsewhere.get_mut(key)) {
                limit.waiting -= 1;
            }
        }
    }

    /// A request of several units that came in turn and found too few: they are kept for it as they come, or smaller
    /// ones would take them for ever. All of its limits or none, so that two of them never wait for each other.
    fn owe(&mut self, class: usize, place: i64, until: i64) {
        let class = &self.classes[class];
        let now = self.t.now;
        let open = |o: &Owed| o.units == 0 || o.until <= now || o.place == place;
        if class.iter().any(|&(_, units)| units > 1) && class.iter().all(|&(l, _)| open(&self.limits[l].owed)) {
            for &(l, units) in class {
                self.limits[l].owed = Owed { units: units as i64, until, place };
            }
        }
    }

    fn settle_debt(&mut self, place: i64) {
        for limit in self.limits.iter_mut().filter(|l| l.owed.place == place) {
            limit.owed = Owed::default();
        }
    }
}

/// How long to sleep at least, so that what comes free one by one is taken several at a time.
fn nap(limit: &Limit) -> i64 {
    (limit.period() / 200).min(LONGEST_NAP)
}

/// So much later than its slot may a turn be due and still have it: times are estimates, off by a nap and by
/// half of the time that permits are held. Without it, who is served at the right moment finds a gap where there is
/// none, time and again the same one.
fn slack(limit: &Limit) -> i64 {
    nap(limit) + limit.hold / 2
}

impl Place {
    /// Its turn is still to come: it is asked for before that so that the store hears that the session lives, and the session
    /// that those ahead of it are gone.
    fn is_early(&self, t: Time) -> bool {
        self.due > t.now + super::line::EARLY
    }

    pub(super) fn entry(&self, i: usize, session: &str) -> Entry {
        let (limit, units) = self.wants[i].clone();
        Entry { limit, due: self.due, place: self.place, units, session: session.to_owned() }
    }
}
