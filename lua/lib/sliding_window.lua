-- `capacity` units in any `per`: an exact log; a unit in flight holds its place.
-- Twin: src/ledger/sliding_window.rs

local function make_sliding_window()

local function define(limit, terms) limit.per = terms[4] end

local function read(limit, packed)
  limit.per, limit.used, limit.entries, limit.oldest, limit.newest, limit.first, limit.last =
    struct.unpack('>i8i8i8i8i8i8i8', packed, STATE)
end

local function write(limit)
  return struct.pack('>i8i8i8i8i8i8i8', limit.per, limit.used, limit.entries, limit.oldest, limit.newest, limit.first, limit.last)
end

local function start(limit)
  limit.used, limit.entries, limit.oldest, limit.newest, limit.first, limit.last = 0, 0, 0, 0, 1, 0
end

local function roll(limit, t) Log.trim(limit, t.now) end

local function free(limit) return limit.capacity - limit.used - limit.flying end

local function grant() end

local function land(limit, units, _, age, t) Log.add(limit, t.now - age, units, t.now) end

local function unsent() end

local function adjust(limit, units, age, t)
  if units > 0 then
    Log.add(limit, t.now - age, units, t.now)
  elseif age < limit.per then
    Log.refund(limit, -units)
  end
end

-- When the `k`-th unit beyond those free now comes free. The log says it exactly, what is in flight follows, spread
-- over the mean hold, then what is free now, which those ahead take at once; then all of it once more.
local function release(limit, k, t)
  local total = math.max(limit.capacity, limit.used + limit.flying)
  local cycles = math.min(math.floor((k - 1) / total), 100)
  local place = (k - 1) % total + 1
  local at = t.now + limit.per + limit.hold
  if place <= limit.used then
    at = Log.nth(limit, place) + limit.per
  elseif place <= limit.used + limit.flying then
    at = t.now + limit.per + spread(limit, place - limit.used)
  end
  return at + cycles * (limit.per + limit.hold)
end

local function period(limit) return limit.per end

local function forget(limit) Log.clear(limit) end

return {
  define = define, read = read, write = write, start = start, roll = roll, free = free, grant = grant,
  land = land, unsent = unsent, adjust = adjust, release = release, period = period, forget = forget,
}
end
