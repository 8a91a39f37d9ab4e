-- `capacity` units in any `per`: an exact log of when units started to age, oldest first; a unit in flight holds its place.
-- An entry is 13 bytes: when (7), and the units of its chunk up to and with it (6). Chunks of some 34 entries are fields of
-- their own. But both ends of the log stand in the limit's field, since an exchange takes off the one and adds to the other,
-- so that it reads or writes a chunk once in some eight entries:
--   front   a copy of the next entries of the first chunk, of which `gone` entries and `gone_units` units left; or nothing
--   tail    the last entries of the last chunk but for the newest; they follow the `written` ones that its field holds
--   newest  the very last of all, and `through`: the units of its chunk up to and with it
-- What most exchanges do not ask of it, and what is done to the log elsewhere than at its ends, is in past.lua.
-- Twins: src/ledger/sliding_window.rs, src/ledger/log.rs

-- The bytes of an entry, and the entries of a chunk.
local ENTRY, CHUNK = 13, 34

local function log_chunk(limit, n) return 'c:' .. limit.key .. ':' .. n end

local function log_entry(chunk, i) return struct.unpack('>I7I6', chunk, ENTRY * i - ENTRY + 1) end

local function make_sliding_window()

-- The numbers of such a limit, with the five that all kinds have, and the two ends of its log.
local FORM = '<ddddddddddddddddHc0Hc0'

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

local PIECE = 8 * ENTRY

-- Copies what comes next to the front.
local function advance(limit)
  local log = limit.log
  local whole = log.first < log.last
  if log.entries == 1 then
    log.oldest = log.newest
    return
  elseif not whole and log.gone >= log.written then
    log.front = string.sub(log.tail, ENTRY * (log.gone - log.written) + 1)
  else
    local name = log_chunk(limit, log.first)
    local chunk = get_field(name)
    if whole and ENTRY * log.gone == #chunk then
      set_field(name, nil)
      log.first, log.gone, log.gone_units = log.first + 1, 0, 0
      return advance(limit)
    end
    local last = whole and #chunk or ENTRY * log.written
    log.front = string.sub(chunk, ENTRY * log.gone + 1, math.min(ENTRY * log.gone + PIECE, last))
  end
  log.oldest = log_entry(log.front, 1)
end

-- Forgets what left the window; when all did, at once, else a bounded piece.
local function roll(limit, t)
  local log, start = limit.log, t.now - limit.per
  if log.entries == 0 or log.oldest > start then return end
  if log.newest <= start then return parts().past().forget(limit) end
  local left = 256
  while log.oldest <= start and left > 0 do
    if log.front == '' then advance(limit) end
    local passed, units = 0, log.gone_units
    local at, through = log_entry(log.front, 1)
    while at and at <= start and passed < left do
      passed, units, at = passed + 1, through, nil
      if ENTRY * passed < #log.front then at, through = log_entry(log.front, passed + 1) end
    end
    log.front = string.sub(log.front, ENTRY * passed + 1)
    log.entries, log.used, left = log.entries - passed, log.used + log.gone_units - units, left - passed
    log.gone, log.gone_units = log.gone + passed, units
    if at then log.oldest = at else advance(limit) end
  end
end

-- Enters units that started to age a while ago.
local function land(limit, units, _, age, t)
  if units == 0 or age >= limit.per then return end
  local EXACT, GRID = 1024, 2048
  local log, at = limit.log, t.now - age
  if limit.capacity > EXACT or log.entries >= EXACT then
    local up = limit.per + GRID - 1
    local grid = (up - up % GRID) / GRID
    local over = at % grid
    if over > 0 then at = at + grid - over end
  end
  log.used = log.used + units
  if log.entries == 0 then
    log.entries, log.oldest, log.newest, log.through = 1, at, at, units
  elseif at == log.newest then
    log.through = log.through + units
  elseif at < log.newest then
    parts().past().insert(limit, at, units)
  else
    local tail = log.tail .. struct.pack('>I7I6', log.newest, log.through)
    log.entries, log.newest, log.through = log.entries + 1, at, log.through + units
    local full = ENTRY * log.written + #tail >= ENTRY * CHUNK
    if full or #tail >= PIECE then
      local name = log_chunk(limit, log.last)
      if log.written > 0 then tail = string.sub(get_field(name), 1, ENTRY * log.written) .. tail end
      set_field(name, tail)
      log.written, tail = #tail / ENTRY, ''
      if full then log.last, log.written, log.through = log.last + 1, 0, units end
    end
    log.tail = tail
  end
end

local function free(limit) return limit.capacity - limit.log.used - limit.flying end

return { form = FORM, read = read, write = write, roll = roll, free = free, land = land }
end
