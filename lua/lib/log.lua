-- The exact log of a sliding window: when units started to age, oldest first.
-- It stands in chunks, so that an exchange touches its two ends only. A chunk is the sum of its units (6 bytes), then
-- 12 bytes an entry: when (7), units (5).
-- Twin: src/ledger/log.rs

local Log = (function()

local EXACT, GRID, TRIM, CHUNK = 1024, 2048, 256, 64
local SUM, ENTRY = 6, 12

local function chunk_name(limit, n) return 'c:' .. limit.key .. ':' .. n end

local function entry_at(chunk, i) return struct.unpack('>I7I5', chunk, SUM + 1 + ENTRY * (i - 1)) end

local function entries_in(chunk) return (#chunk - SUM) / ENTRY end

local function clear(limit)
  for n = limit.first, limit.last do
    Fields.drop(chunk_name(limit, n))
  end
  limit.used, limit.entries, limit.oldest, limit.newest, limit.first, limit.last = 0, 0, 0, 0, 1, 0
end

-- Takes `count` entries off the first chunk, and `units` off its sum.
local function log_behead(limit, chunk, count, units)
  limit.entries = limit.entries - count
  if count == entries_in(chunk) then
    Fields.drop(chunk_name(limit, limit.first))
    limit.first = limit.first + 1
    if limit.entries > 0 then
      limit.oldest = entry_at(Fields.get(chunk_name(limit, limit.first)), 1)
    end
  elseif count > 0 or units > 0 then
    local sum = struct.unpack('>I6', chunk)
    chunk = struct.pack('>I6', sum - units) .. string.sub(chunk, SUM + 1 + ENTRY * count)
    Fields.set(chunk_name(limit, limit.first), chunk)
    limit.oldest = entry_at(chunk, 1)
  end
end

-- Forgets what left the window; when all did, at once, else a bounded piece.
local function trim(limit, now)
  if limit.entries == 0 or limit.oldest + limit.per > now then return end
  if limit.newest + limit.per <= now then return clear(limit) end
  local left = TRIM
  while left > 0 do
    local chunk = Fields.get(chunk_name(limit, limit.first))
    local most, count, units = math.min(left, entries_in(chunk)), 0, 0
    while count < most do
      local at, n = entry_at(chunk, count + 1)
      if at + limit.per > now then break end
      count, units = count + 1, units + n
    end
    limit.used = limit.used - units
    left = left - count
    local whole = count == entries_in(chunk)
    log_behead(limit, chunk, count, units)
    if not whole then return end
  end
end

-- Enters units that started to age at `at`, which may be a while ago.
local function add(limit, at, units, now)
  if units == 0 or at + limit.per <= now then return end
  if limit.capacity > EXACT or limit.entries >= EXACT then
    local grid = math.floor((limit.per + GRID - 1) / GRID)
    local over = at % grid
    if over > 0 then at = at + grid - over end
  end
  limit.used = limit.used + units
  if limit.entries == 0 then
    limit.first, limit.last, limit.entries, limit.oldest, limit.newest = 1, 1, 1, at, at
    return Fields.set(chunk_name(limit, 1), struct.pack('>I6I7I5', units, at, units))
  end
  if at > limit.newest then
    local chunk = Fields.get(chunk_name(limit, limit.last))
    limit.entries, limit.newest = limit.entries + 1, at
    if entries_in(chunk) >= CHUNK then
      limit.last = limit.last + 1
      return Fields.set(chunk_name(limit, limit.last), struct.pack('>I6I7I5', units, at, units))
    end
    local sum = struct.unpack('>I6', chunk)
    chunk = struct.pack('>I6', sum + units) .. string.sub(chunk, SUM + 1) .. struct.pack('>I7I5', at, units)
    return Fields.set(chunk_name(limit, limit.last), chunk)
  end
  -- A late report goes where it belongs.
  local n = limit.last
  local chunk = Fields.get(chunk_name(limit, n))
  while n > limit.first and entry_at(chunk, 1) > at do
    n = n - 1
    chunk = Fields.get(chunk_name(limit, n))
  end
  local i = entries_in(chunk)
  while i > 0 and entry_at(chunk, i) > at do i = i - 1 end
  local head, tail = string.sub(chunk, SUM + 1, SUM + ENTRY * i), string.sub(chunk, SUM + ENTRY * i + 1)
  local known, there = 0, 0
  if i > 0 then known, there = entry_at(chunk, i) end
  local entry = units
  if known == at then
    head, entry = string.sub(head, 1, -ENTRY - 1), there + units
  else
    limit.entries = limit.entries + 1
  end
  local sum = struct.unpack('>I6', chunk)
  Fields.set(chunk_name(limit, n), struct.pack('>I6', sum + units) .. head .. struct.pack('>I7I5', at, entry) .. tail)
  if at < limit.oldest then limit.oldest = at end
end

-- Takes units back: from the oldest, which would have left first, so that nothing leaves before its time.
local function refund(limit, units)
  local left = math.min(units, limit.used)
  limit.used = limit.used - left
  while left > 0 and limit.entries > 0 do
    local chunk = Fields.get(chunk_name(limit, limit.first))
    local count, taken = 0, 0
    while left > 0 and count < entries_in(chunk) do
      local at, n = entry_at(chunk, count + 1)
      if left < n then
        local start = SUM + ENTRY * count
        chunk = string.sub(chunk, 1, start) .. struct.pack('>I7I5', at, n - left) .. string.sub(chunk, start + ENTRY + 1)
        taken, left = taken + left, 0
        break
      end
      count, taken, left = count + 1, taken + n, left - n
    end
    log_behead(limit, chunk, count, taken)
  end
end

-- When the `k`-th of the units started to age (1 <= k <= used).
local function nth(limit, k)
  local seen = 0
  for n = limit.first, limit.last do
    local chunk = Fields.get(chunk_name(limit, n))
    local sum = struct.unpack('>I6', chunk)
    if seen + sum >= k then
      for i = 1, entries_in(chunk) do
        local at, units = entry_at(chunk, i)
        seen = seen + units
        if seen >= k then return at end
      end
    end
    seen = seen + sum
  end
  return limit.newest
end

return {
  clear = clear, trim = trim, add = add, refund = refund, nth = nth,
}

end)()
