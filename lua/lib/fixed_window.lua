-- `capacity` units between two edges. Within `skew` of an edge, what is sent counts in both windows.
-- Twin: src/ledger/fixed_window.rs

local function make_fixed_window()

-- The numbers of such a limit, with the five that all kinds have.
local FORM = '<ddddddddddddddddd'

local function define(limit, terms)
  limit.per, limit.skew, limit.offset = terms[4], terms[5], terms[6]
  limit.edges = terms[10] > 0 and { terms[7], terms[8], terms[9], terms[10] }
end

local function read(limit, packed, at)
  local edges, after = {}
  limit.per, limit.skew, limit.offset, limit.start, limit.stop, limit.used, limit.before, limit.after,
    edges[1], edges[2], edges[3], edges[4], after = struct.unpack('<dddddddddddd', packed, at)
  limit.edges = edges[4] > 0 and edges
  return after
end

local function write(limit)
  local edges = limit.edges or { 0, 0, 0, 0 }
  return limit.per, limit.skew, limit.offset, limit.start, limit.stop, limit.used, limit.before, limit.after,
    edges[1], edges[2], edges[3], edges[4]
end

local function start(limit) limit.start, limit.stop, limit.used, limit.before, limit.after = 0, 0, 0, 0, 0 end

-- The window around `wall`, or nothing if the edges that came along are not around it.
local function around(limit, wall)
  local edges = limit.edges
  if not edges then
    local start = math.floor((wall - limit.offset) / limit.per) * limit.per + limit.offset
    return start, start + limit.per
  end
  for i = 1, 3 do
    if edges[i] <= wall and wall < edges[i + 1] then return edges[i], edges[i + 1] end
  end
end

-- Where the window before the one that starts at `start` does.
local function start_before(limit, start)
  for i = 2, limit.edges and 4 or 0 do
    if limit.edges[i] == start then return limit.edges[i - 1] end
  end
  return start - limit.per
end

local function roll(limit, t)
  local start, stop = around(limit, t.wall)
  if not start then return end
  if start <= limit.start then
    -- The same window, or a clock that went back: what is counted stays.
    if start == limit.start then limit.stop = stop end
    return
  end
  if start < limit.stop then
    -- The definition moved the edges: all that was used still counts.
    limit.before = limit.used + limit.flying
  elseif start == limit.stop then
    limit.before, limit.used = limit.used + limit.flying, limit.after
  else
    -- The window that nobody looked into may be the one before: what landed near its start counts there.
    local late = start_before(limit, start) == limit.stop and limit.after or 0
    limit.before, limit.used = late + limit.flying, 0
  end
  limit.after, limit.start, limit.stop = 0, start, stop
end

local function near_start(limit, wall) return wall - limit.start < limit.skew end

local function free(limit, t)
  local free = limit.capacity - limit.used - limit.flying
  if near_start(limit, t.wall) then free = math.min(free, limit.capacity - limit.before) end
  if limit.stop - t.wall <= limit.skew then free = math.min(free, limit.capacity - limit.after - limit.flying) end
  return free
end

local function grant(limit, units, t)
  if near_start(limit, t.wall) then limit.before = limit.before + units end
end

local function land(limit, units, _, age, t)
  local at = t.wall - age
  if at >= limit.start - limit.skew then limit.used = limit.used + units end
  if at >= limit.stop - limit.skew then limit.after = limit.after + units end
end

local function adjust(limit, units, age, t)
  if units > 0 then return land(limit, units, 0, age, t) end
  -- The time is known but for the delay of a call: given back only where that cannot put it into another window.
  local at = t.wall - age
  if at >= limit.start + math.max(limit.skew, math.min(math.floor(limit.per / 10), 1000000)) then
    limit.used = math.max(limit.used + units, 0)
    if at >= limit.stop - limit.skew then limit.after = math.max(limit.after + units, 0) end
  end
end

-- When the `k`-th unit beyond those free now comes free.
local function release(limit, k, t)
  local here = limit.capacity - limit.used - limit.flying
  if k <= here and near_start(limit, t.wall) then return t.now + limit.start + limit.skew - t.wall end
  local cycles = math.min(math.floor((k - 1) / limit.capacity), 100)
  return t.now + math.max(limit.stop - t.wall, 0) + limit.skew + cycles * limit.per
end

return {
  form = FORM, define = define, read = read, write = write, start = start, around = around, roll = roll, free = free,
  grant = grant, land = land, adjust = adjust, release = release,
}
end
