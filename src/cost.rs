//! How much of each unit one request takes.

use std::borrow::Cow;

/// The unit of a limit, and of a cost, that does not name another.
pub(crate) const REQUESTS: &str = "requests";

type Part = (Cow<'static, str>, u64);

/// How much one request takes of each unit.
///
/// ```
/// use paceline::Cost;
///
/// let cost = Cost::requests(1).and("tokens", 1_200);
/// assert_eq!(cost.iter().collect::<Vec<_>>(), [("requests", 1), ("tokens", 1_200)]);
/// assert_eq!(Cost::from(3), Cost::requests(3));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Cost {
    // Nearly every cost has one or two units: those need no memory of their own.
    first: Part,
    second: Option<Part>,
    rest: Vec<Part>,
}

impl Cost {
    /// So many requests.
    pub fn requests(amount: u64) -> Self {
        Self::of(REQUESTS, amount)
    }

    /// So many of a unit of your own.
    pub fn of(unit: impl Into<Cow<'static, str>>, amount: u64) -> Self {
        Self { first: (unit.into(), amount), second: None, rest: Vec::new() }
    }

    /// And so many of another unit. Naming a unit again adds to it.
    #[must_use]
    pub fn and(mut self, unit: impl Into<Cow<'static, str>>, amount: u64) -> Self {
        let unit = unit.into();
        if let Some((_, sum)) = self.parts_mut().find(|(known, _)| *known == unit) {
            *sum = sum.saturating_add(amount);
        } else if self.second.is_none() {
            self.second = Some((unit, amount));
        } else {
            self.rest.push((unit, amount));
        }
        self
    }

    /// Each unit and how much of it, in the order they were named.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        let parts = std::iter::once(&self.first).chain(&self.second).chain(&self.rest);
        parts.map(|(unit, amount)| (unit.as_ref(), *amount))
    }

    fn parts_mut(&mut self) -> impl Iterator<Item = &mut Part> {
        std::iter::once(&mut self.first).chain(&mut self.second).chain(&mut self.rest)
    }
}

/// The one number that a cost can be made of: with a second one, `acquire(1)` would not know which `1` is meant.
impl From<u64> for Cost {
    fn from(requests: u64) -> Self {
        Self::requests(requests)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(cost: impl Into<Cost>) -> u64 {
        cost.into().iter().map(|(_, amount)| amount).sum()
    }

    #[test]
    fn a_bare_literal_is_a_number_of_requests() {
        assert_eq!(total(2), 2);
    }

    #[test]
    fn a_unit_named_twice_adds_up_without_overflow() {
        let cost = Cost::of("tokens", u64::MAX).and("tokens", 1);
        assert_eq!(cost.iter().collect::<Vec<_>>(), [("tokens", u64::MAX)]);
    }

    #[test]
    fn any_number_of_units_keeps_its_order() {
        let cost = Cost::of("a", 1).and("b", 2).and("c", 3).and("d", 4).and("c", 1);
        assert_eq!(cost.iter().collect::<Vec<_>>(), [("a", 1), ("b", 2), ("c", 4), ("d", 4)]);
    }
}
