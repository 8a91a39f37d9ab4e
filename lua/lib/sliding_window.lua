-- `capacity` units in any `per`: an exact log; a unit in flight holds its place.
-- Twin: src/ledger/sliding_window.rs

local function make_sliding_window()

local trim, add = make_log()

-- The numbers of such a limit, with the five that all kinds have, and the two ends of its log.
local FORM = '<ddddddddddddddddHc0Hc0'

local function define(limit, terms) limit.per = terms[4] end

local function read(limit, packed, at)
  local per, used, entries, oldest, newest, through, first, last, gone, gone_units, written, front, tail, after =
    struct.unpack('<dddddddddddHc0Hc0', packed, at)
  limit.per = per
  limit.log = {
    used = used, entries = entries, oldest = oldest, newest = newest, through = through, first = first, last = last,
    gone = gone, gone_units = gone_units, written = written, front = front, tail = tail,
  }
  return after
end

local function write(limit)
  local log = limit.log
  return limit.per, log.used, log.entries, log.oldest, log.newest, log.through, log.first, log.last, log.gone,
    log.gone_units, log.written, #log.front, log.front, #log.tail, log.tail
end

local function start(limit) limit.log = past().empty() end

local function free(limit) return limit.capacity - limit.log.used - limit.flying end

local function land(limit, units, _, age, t) add(limit, t.now - age, units, t.now) end

local function adjust(limit, units, age, t)
  if units > 0 then
    add(limit, t.now - age, units, t.now)
  elseif age < limit.per then
    past().refund(limit, -units, t.now - age)
  end
end

-- When the `k`-th unit beyond those free now comes free. The log says it exactly, what is in flight follows, spread
-- over the mean hold, then what is free now, which those ahead take at once; then all of it once more.
local function release(limit, k, t)
  local used = limit.log.used
  local total = math.max(limit.capacity, used + limit.flying)
  local cycles = math.min(math.floor((k - 1) / total), 100)
  local place = (k - 1) % total + 1
  local at = t.now + limit.per + limit.hold
  if place <= used then
    at = past().nth(limit, place) + limit.per
  elseif place <= used + limit.flying then
    at = t.now + limit.per + spread(limit, place - used)
  end
  return at + cycles * (limit.per + limit.hold)
end

local function forget(limit) past().clear(limit) end

return {
  form = FORM, define = define, read = read, write = write, start = start, roll = trim, free = free, land = land,
  adjust = adjust, release = release, forget = forget,
}
end
