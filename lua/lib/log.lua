-- The exact log of a sliding window: when units started to age, oldest first.
-- It stands in chunks, so that an exchange touches its two ends only. A chunk is a run of entries of 13 bytes: when (7), and
-- the units of the chunk up to and with this entry (6). So what left at the front is two numbers of the limit's own field, and
-- a place in a chunk is found by halving. Chunks are short since each byte of a string costs the script some ten instructions.
-- Twin: src/ledger/log.rs

local function make_log()

local CHUNK, ENTRY = 34, 13

-- `gone` entries and `gone_units` units of the first chunk left, or were taken back.
local function empty()
  return { used = 0, entries = 0, oldest = 0, newest = 0, first = 1, last = 0, gone = 0, gone_units = 0 }
end

local function chunk_name(limit, n) return 'c:' .. limit.key .. ':' .. n end

local function entry_at(chunk, i) return struct.unpack('>I7I6', chunk, ENTRY * i - ENTRY + 1) end

local function clear(limit)
  for n = limit.log.first, limit.log.last do
    Fields.drop(chunk_name(limit, n))
  end
  limit.log = empty()
end

-- Moves the front of the log: so many entries and units of the first chunk are gone.
local function log_behead(limit, chunk, gone, gone_units)
  local log = limit.log
  log.entries, log.used = log.entries + log.gone - gone, log.used + log.gone_units - gone_units
  if ENTRY * gone == #chunk then
    Fields.drop(chunk_name(limit, log.first))
    log.first, gone, gone_units = log.first + 1, 0, 0
    if log.entries > 0 then chunk = Fields.get(chunk_name(limit, log.first)) end
  end
  log.gone, log.gone_units = gone, gone_units
  if log.entries > 0 then log.oldest = entry_at(chunk, gone + 1) end
end

-- Forgets what left the window; when all did, at once, else a bounded piece.
local function trim(limit, t)
  local log, now = limit.log, t.now
  if log.entries == 0 or log.oldest + limit.per > now then return end
  if log.newest + limit.per <= now then return clear(limit) end
  local left = 256
  while left > 0 do
    local chunk = Fields.get(chunk_name(limit, log.first))
    local gone, units = log.gone, log.gone_units
    local most = math.min(#chunk / ENTRY, gone + left)
    while gone < most do
      local at, through = entry_at(chunk, gone + 1)
      if at + limit.per > now then break end
      gone, units = gone + 1, through
    end
    left = left - (gone - log.gone)
    log_behead(limit, chunk, gone, units)
    if ENTRY * gone < #chunk then return end
  end
end

-- Cuts a chunk in two, after an entry that is not gone; those behind it move up.
local function split(limit, n, chunk, gone)
  local log, count = limit.log, #chunk / ENTRY
  for m = log.last, n + 1, -1 do
    Fields.set(chunk_name(limit, m + 1), Fields.get(chunk_name(limit, m)))
  end
  log.last = log.last + 1
  local stay = gone + math.ceil((count - gone) / 2)
  local _, before = entry_at(chunk, stay)
  local parts = {}
  for i = stay + 1, count do
    local at, through = entry_at(chunk, i)
    parts[#parts + 1] = struct.pack('>I7I6', at, through - before)
  end
  Fields.set(chunk_name(limit, n), string.sub(chunk, 1, ENTRY * stay))
  Fields.set(chunk_name(limit, n + 1), table.concat(parts))
end

-- Enters units where they belong, in chunk `n` of that name or one before it: a late report.
local function insert(limit, n, name, at, units)
  local log, chunk = limit.log, Fields.get(name)
  while n > log.first and entry_at(chunk, 1) > at do
    n = n - 1
    name = chunk_name(limit, n)
    chunk = Fields.get(name)
  end
  local gone, known, through = 0, 0, 0
  if n == log.first then gone, through = log.gone, log.gone_units end
  local count, entry = #chunk / ENTRY, ''
  local i = count
  while i > gone and entry_at(chunk, i) > at do i = i - 1 end
  if i > gone then known, through = entry_at(chunk, i) end
  if known == at then
    i = i - 1
  else
    log.entries, entry = log.entries + 1, struct.pack('>I7I6', at, through + units)
  end
  local parts = { string.sub(chunk, 1, ENTRY * i), entry }
  for later = i + 1, count do
    known, through = entry_at(chunk, later)
    parts[#parts + 1] = struct.pack('>I7I6', known, through + units)
  end
  chunk = table.concat(parts)
  if #chunk > 2 * CHUNK * ENTRY then
    split(limit, n, chunk, gone)
  else
    Fields.set(name, chunk)
  end
  if at < log.oldest then log.oldest = at end
end

-- Enters units that started to age at `at`, which may be a while ago.
local function add(limit, at, units, now)
  if units == 0 or at + limit.per <= now then return end
  local log = limit.log
  local EXACT, GRID = 1024, 2048
  if limit.capacity > EXACT or log.entries >= EXACT then
    local grid = math.floor((limit.per + GRID - 1) / GRID)
    local over = at % grid
    if over > 0 then at = at + grid - over end
  end
  log.used = log.used + units
  if log.entries == 0 then
    log.entries, log.oldest, log.newest, log.first, log.last, log.gone, log.gone_units = 1, at, at, 1, 1, 0, 0
    return Fields.set(chunk_name(limit, 1), struct.pack('>I7I6', at, units))
  end
  local name = chunk_name(limit, log.last)
  if at <= log.newest then return insert(limit, log.last, name, at, units) end
  local chunk = Fields.get(name)
  log.entries, log.newest = log.entries + 1, at
  if #chunk < CHUNK * ENTRY then
    local _, through = entry_at(chunk, #chunk / ENTRY)
    return Fields.set(name, chunk .. struct.pack('>I7I6', at, through + units))
  end
  log.last = log.last + 1
  return Fields.set(chunk_name(limit, log.last), struct.pack('>I7I6', at, units))
end

-- Takes up to `left` units off one chunk, from the newest entry that is old enough. Returns what is still left.
local function refund_chunk(limit, n, left, at)
  local log, chunk = limit.log, Fields.get(chunk_name(limit, n))
  local gone, before, units = 0, 0, {}
  if n == log.first then gone, before = log.gone, log.gone_units end
  local count, through, old = #chunk / ENTRY, before, gone
  for i = gone + 1, count do
    local when, sum = entry_at(chunk, i)
    units[i], through = sum - through, sum
    if when <= at then old = i end
  end
  if old == gone then return left end
  while old > gone and left > 0 do
    local taken = math.min(left, units[old])
    units[old], left, old = units[old] - taken, left - taken, old - 1
  end
  local parts, stay = { string.sub(chunk, 1, ENTRY * gone) }, 0
  through = before
  for i = gone + 1, count do
    if units[i] > 0 then
      through, stay = through + units[i], stay + 1
      parts[stay + 1] = struct.pack('>I7I6', entry_at(chunk, i), through)
    end
  end
  log.entries = log.entries - (count - gone - stay)
  if stay > 0 then
    Fields.set(chunk_name(limit, n), table.concat(parts))
    return left
  end
  -- Nothing is left of it: those behind it move up.
  for m = n, log.last - 1 do Fields.set(chunk_name(limit, m), Fields.get(chunk_name(limit, m + 1))) end
  Fields.drop(chunk_name(limit, log.last))
  if n == log.first then log.gone, log.gone_units = 0, 0 end
  log.last = log.last - 1
  return left
end

-- Takes units back that were said to be used at about `at`. Off an entry that is newer than theirs, what is used would leave
-- before its time; so off the newest that are older for certain, and then off the oldest of all. When something happened is
-- known to the time that an exchange takes: less than SURE, or it is given up.
local function refund(limit, units, at)
  local SURE, log = 2000000, limit.log
  local left = math.min(units, log.used)
  if log.entries > 0 and log.oldest <= at - SURE then
    local used = log.used - left
    for n = log.last, log.first, -1 do
      if left == 0 then break end
      left = refund_chunk(limit, n, left, at - SURE)
    end
    if log.entries == 0 then
      limit.log = empty()
      return
    end
    log.used = used + left
    log.oldest = entry_at(Fields.get(chunk_name(limit, log.first)), log.gone + 1)
    local last = Fields.get(chunk_name(limit, log.last))
    log.newest = entry_at(last, #last / ENTRY)
  end
  while left > 0 do
    local chunk = Fields.get(chunk_name(limit, log.first))
    local gone, count = log.gone, #chunk / ENTRY
    local _, all = entry_at(chunk, count)
    local units_gone = math.min(log.gone_units + left, all)
    left = left - (units_gone - log.gone_units)
    while gone < count do
      local _, through = entry_at(chunk, gone + 1)
      if through > units_gone then break end
      gone = gone + 1
    end
    log_behead(limit, chunk, gone, units_gone)
  end
end

-- When the `k`-th of the units started to age (1 <= k <= used).
local function nth(limit, k)
  local log = limit.log
  local wanted = k + log.gone_units
  for n = log.first, log.last do
    local chunk = Fields.get(chunk_name(limit, n))
    local low, high = 1, #chunk / ENTRY
    local at, through = entry_at(chunk, high)
    if through >= wanted then
      while low < high do
        local middle = math.floor((low + high) / 2)
        local when, units = entry_at(chunk, middle)
        if units >= wanted then
          high, at = middle, when
        else
          low = middle + 1
        end
      end
      return at
    end
    wanted = wanted - through
  end
  return log.newest
end

return empty, clear, trim, add, refund, nth

end
