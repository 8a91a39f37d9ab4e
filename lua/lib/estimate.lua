-- What the kinds of limit share when they estimate.
-- Twin: src/ledger/limit.rs

-- Part of the mean hold after which the `place`-th of the units in flight is expected to land.
local function spread(limit, place)
  return math.floor(limit.hold * math.floor(place * 1024 / limit.flying) / 1024)
end
