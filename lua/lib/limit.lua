-- One limit's state, whatever its kind: how it is stored, how units land, when more come free.
-- Twin: src/ledger/limit.rs

local SLIDING_WINDOW, TOKEN_BUCKET, FIXED_WINDOW, CONCURRENCY = 1, 2, 3, 4
local FIRST_HOLD, LONGEST_HOLD = 50000, 4294967296
local LIMIT = '>' .. string.rep('i8', 20)
local KINDS = { sliding_window, token_bucket, fixed_window, concurrency }
-- What the numbers of a kind are called: its parameters beside the capacity, then its state.
local PARAMETERS = { { 'per' }, { 'refill', 'scale' }, { 'per', 'skew', 'offset' }, {} }
local STATE = {
  { 'used', 'entries', 'oldest', 'newest', 'first', 'last' },
  { 'level', 'at', 'full_since', 'last_full' },
  { 'start', 'stop', 'used', 'before', 'after', 'e1', 'e2', 'e3', 'e4' },
  {},
}

local function limit_read(key)
  local packed = get('l:' .. key)
  if not packed then return nil end
  local v = { struct.unpack(LIMIT, packed) }
  local limit = {
    key = key, kind = v[1], capacity = v[2], flying = v[6], hold = v[7], waiting = v[8],
    owed_units = v[9], owed_until = v[10], owed_place = v[11],
  }
  for i, name in ipairs(PARAMETERS[limit.kind]) do limit[name] = v[2 + i] end
  for i, name in ipairs(STATE[limit.kind]) do limit[name] = v[11 + i] end
  if limit.e1 and limit.e1 > 0 then limit.edges = { limit.e1, limit.e2, limit.e3, limit.e4 } end
  limit.is = KINDS[limit.kind]
  return limit
end

local function limit_write(limit)
  local v = {
    limit.kind, limit.capacity, 0, 0, 0, limit.flying, limit.hold, limit.waiting,
    limit.owed_units, limit.owed_until, limit.owed_place, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  }
  for i, name in ipairs(PARAMETERS[limit.kind]) do v[2 + i] = limit[name] end
  for i, name in ipairs(STATE[limit.kind]) do v[11 + i] = limit[name] end
  set('l:' .. limit.key, struct.pack(LIMIT, unpack(v)))
end

-- Takes the numbers of today; `terms` is { key, kind, capacity, parameters ..., edges ... }.
local function limit_define(limit, terms)
  limit.kind, limit.capacity = terms[2], terms[3]
  limit.is = KINDS[limit.kind]
  for i, name in ipairs(PARAMETERS[limit.kind]) do limit[name] = terms[3 + i] end
  limit.edges = terms[7] and { terms[7], terms[8], terms[9], terms[10] }
  limit.e1, limit.e2, limit.e3, limit.e4 = terms[7] or 0, terms[8] or 0, terms[9] or 0, terms[10] or 0
end

local function limit_new(terms, t)
  local limit = { key = terms[1], flying = 0, hold = 0, waiting = 0, owed_units = 0, owed_until = 0, owed_place = 0 }
  limit_define(limit, terms)
  if limit.kind == CONCURRENCY then limit.hold = FIRST_HOLD end
  limit.is.start(limit, t)
  return limit
end

-- Another kind of limit under the same name starts anew with what is in flight.
local function limit_redefine(limit, terms, t)
  if limit.kind ~= terms[2] then
    limit.is.forget(limit)
    limit_define(limit, terms)
    limit.is.start(limit, t)
    if limit.kind == TOKEN_BUCKET then limit.is.grant(limit, limit.flying) end
    return
  end
  local scale, free = limit.scale, limit.kind == TOKEN_BUCKET and limit.is.free(limit)
  limit_define(limit, terms)
  if free and scale ~= limit.scale then limit.level = free * limit.scale end
end

-- Units granted: in flight from now on.
local function limit_grant(limit, units, t)
  limit.flying = limit.flying + units
  limit.is.grant(limit, units, t)
end

-- Units landed `age` ago: `held` of them were known to be in flight.
local function limit_land(limit, units, held, age, t)
  limit.flying = limit.flying - held
  limit.is.land(limit, units, held, age, t)
end

local function limit_unsent(limit, held)
  limit.flying = limit.flying - held
  limit.is.unsent(limit, held)
end

-- Learns how long permits are held.
local function limit_learn(limit, hold, count)
  limit.hold = limit.hold + math.floor((math.min(hold, LONGEST_HOLD) - limit.hold) * math.min(count, 16) / 16)
end

-- Nothing of it is in use: forgetting it changes nothing.
local function limit_idle(limit, t)
  return limit.flying == 0 and limit.waiting == 0 and limit.is.free(limit, t) >= limit.capacity
end
