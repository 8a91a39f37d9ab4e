-- What most exchanges do not ask of a sliding window: all that is done to its log elsewhere than at the two ends. Late reports,
-- units taken back, when more come free, all forgotten.
-- Twins: src/ledger/log.rs, src/ledger/sliding_window.rs

local Past

local function past()

if Past then return Past end

local KEPT = 4

local function empty()
  return {
    used = 0, entries = 0, oldest = 0, newest = 0, through = 0, first = 1, last = 1, gone = 0, gone_units = 0, written = 0,
    front = '', tail = '',
  }
end

local function start(limit) limit.log = empty() end

local function forget(limit)
  local log = limit.log
  for n = log.first, log.written > 0 and log.last or log.last - 1 do
    set_field(log_chunk(limit, n), nil)
  end
  limit.log = empty()
end

-- A chunk as a whole.
local function chunk_of(limit, n)
  local log = limit.log
  local chunk = (n < log.last or log.written > 0) and get_field(log_chunk(limit, n)) or ''
  if n < log.last then return chunk end
  return string.sub(chunk, 1, ENTRY * log.written) .. log.tail .. struct.pack('>I7I6', log.newest, log.through)
end

-- Writes the last chunk as a whole, as all others are, to work on it ...
local function gather(limit)
  set_field(log_chunk(limit, limit.log.last), chunk_of(limit, limit.log.last))
end

-- ... and takes its end out of it again.
local function part(limit)
  local log = limit.log
  local chunk = get_field(log_chunk(limit, log.last))
  local last = #chunk / ENTRY
  log.written, log.front = math.max(last - 1 - KEPT, 0), ''
  log.tail = string.sub(chunk, ENTRY * log.written + 1, -ENTRY - 1)
  log.newest, log.through = log_entry(chunk, last)
  if log.written == 0 then set_field(log_chunk(limit, log.last), nil) end
end

-- Cuts a chunk in two, after an entry that is not gone; those behind it move up.
local function split(limit, n, chunk, gone)
  local log, count = limit.log, #chunk / ENTRY
  for m = log.last, n + 1, -1 do
    set_field(log_chunk(limit, m + 1), get_field(log_chunk(limit, m)))
  end
  log.last = log.last + 1
  local stay = gone + math.ceil((count - gone) / 2)
  local _, before = log_entry(chunk, stay)
  local parts = {}
  for i = stay + 1, count do
    local at, through = log_entry(chunk, i)
    parts[#parts + 1] = struct.pack('>I7I6', at, through - before)
  end
  set_field(log_chunk(limit, n), string.sub(chunk, 1, ENTRY * stay))
  set_field(log_chunk(limit, n + 1), table.concat(parts))
end

-- Enters units in a run of entries, of which `gone` are gone, that were `through` units. Returns it, and how many entries more.
local function enter(run, gone, through, at, units)
  local i, count, known, entry = #run / ENTRY, #run / ENTRY, 0, ''
  while i > gone and log_entry(run, i) > at do i = i - 1 end
  if i > gone then known, through = log_entry(run, i) end
  if known == at then i = i - 1 else entry = struct.pack('>I7I6', at, through + units) end
  local parts = { string.sub(run, 1, ENTRY * i), entry }
  for later = i + 1, count do
    known, through = log_entry(run, later)
    parts[#parts + 1] = struct.pack('>I7I6', known, through + units)
  end
  run = table.concat(parts)
  return run, #run / ENTRY - count
end

-- Enters units before the newest: a late report. Mostly it is not that late, and belongs into the tail.
local function insert(limit, at, units)
  local log, more = limit.log, 0
  local n, single = log.last, log.first == log.last
  local gone = single and math.max(log.gone - log.written, 0) or 0
  if #log.tail > ENTRY * gone and log.written + #log.tail / ENTRY < CHUNK and log_entry(log.tail, gone + 1) <= at then
    local run = log.tail .. struct.pack('>I7I6', log.newest, log.through)
    run, more = enter(run, gone, 0, at, units)
    log.tail, log.entries = string.sub(run, 1, -ENTRY - 1), log.entries + more
    log.newest, log.through = log_entry(run, #run / ENTRY)
    if single then log.front = '' end
    return
  end
  gather(limit)
  local chunk, through = get_field(log_chunk(limit, n)), 0
  while n > log.first and log_entry(chunk, 1) > at do
    n = n - 1
    chunk = get_field(log_chunk(limit, n))
  end
  gone = 0
  if n == log.first then gone, through = log.gone, log.gone_units end
  chunk, more = enter(chunk, gone, through, at, units)
  log.entries = log.entries + more
  if #chunk > 2 * CHUNK * ENTRY then
    split(limit, n, chunk, gone)
  else
    set_field(log_chunk(limit, n), chunk)
  end
  if at < log.oldest then log.oldest = at end
  part(limit)
end

-- Moves the front of the log: so many entries and units of the first chunk are gone.
local function behead(limit, chunk, gone, gone_units)
  local log = limit.log
  log.entries, log.used = log.entries + log.gone - gone, log.used + log.gone_units - gone_units
  if ENTRY * gone == #chunk then
    set_field(log_chunk(limit, log.first), nil)
    log.first, gone, gone_units = log.first + 1, 0, 0
    if log.entries > 0 then chunk = get_field(log_chunk(limit, log.first)) end
  end
  log.gone, log.gone_units = gone, gone_units
  if log.entries > 0 then log.oldest = log_entry(chunk, gone + 1) end
end

-- Takes up to `left` units off one chunk, from the newest entry that is old enough. Returns what is still left.
local function refund_chunk(limit, n, left, at)
  local log, chunk = limit.log, get_field(log_chunk(limit, n))
  local gone, before, units = 0, 0, {}
  if n == log.first then gone, before = log.gone, log.gone_units end
  local count, through, old = #chunk / ENTRY, before, gone
  for i = gone + 1, count do
    local when, sum = log_entry(chunk, i)
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
      parts[stay + 1] = struct.pack('>I7I6', log_entry(chunk, i), through)
    end
  end
  log.entries = log.entries - (count - gone - stay)
  if stay > 0 then
    set_field(log_chunk(limit, n), table.concat(parts))
    return left
  end
  -- Nothing is left of it: those behind it move up.
  for m = n, log.last - 1 do set_field(log_chunk(limit, m), get_field(log_chunk(limit, m + 1))) end
  set_field(log_chunk(limit, log.last), nil)
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
  if left == 0 then return end
  gather(limit)
  if log.oldest <= at - SURE then
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
    log.oldest = log_entry(get_field(log_chunk(limit, log.first)), log.gone + 1)
  end
  while left > 0 do
    local chunk = get_field(log_chunk(limit, log.first))
    local gone, count = log.gone, #chunk / ENTRY
    local _, all = log_entry(chunk, count)
    local units_gone = math.min(log.gone_units + left, all)
    left = left - (units_gone - log.gone_units)
    while gone < count do
      local _, through = log_entry(chunk, gone + 1)
      if through > units_gone then break end
      gone = gone + 1
    end
    behead(limit, chunk, gone, units_gone)
  end
  if log.entries > 0 then part(limit) else limit.log = empty() end
end

-- When the `k`-th of the units started to age (1 <= k <= used).
local function nth(limit, k)
  local log = limit.log
  local run, n, wanted = log.front, log.first, k + log.gone_units
  local _, through = 0, 0
  if run ~= '' then _, through = log_entry(run, #run / ENTRY) end
  if through < wanted then
    run = chunk_of(limit, n)
    _, through = log_entry(run, #run / ENTRY)
  end
  while through < wanted and n < log.last do
    n, wanted = n + 1, wanted - through
    run = chunk_of(limit, n)
    _, through = log_entry(run, #run / ENTRY)
  end
  local low, high = 1, #run / ENTRY
  while low < high do
    local middle = math.floor((low + high) / 2)
    local _, units = log_entry(run, middle)
    if units >= wanted then high = middle else low = middle + 1 end
  end
  return (log_entry(run, high))
end

-- More was used a while ago than was asked for, or less.
local function adjust(limit, units, age, t)
  if units > 0 then
    limit.is.land(limit, units, 0, age, t)
  elseif age < limit.per then
    refund(limit, -units, t.now - age)
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
    at = nth(limit, place) + limit.per
  elseif place <= used + limit.flying then
    at = t.now + limit.per + spread(limit, place - used)
  end
  return at + cycles * (limit.per + limit.hold)
end

Past = { start = start, forget = forget, insert = insert, adjust = adjust, release = release }
return Past

end
