-- `capacity` units in any `per`: an exact log; a unit in flight holds its place. What most exchanges do not ask of it is in
-- past.lua.
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

local function free(limit) return limit.capacity - limit.log.used - limit.flying end

return { form = FORM, define = define, read = read, write = write, roll = trim, free = free, land = add }
end
