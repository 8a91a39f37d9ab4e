-- One limit's state, whatever its kind: how it is stored, how units land, when more come free.
-- Twin: src/ledger/limit.rs

local KINDS = { make_sliding_window, make_token_bucket, make_fixed_window, make_concurrency }

local Limit = (function()

local FIRST_HOLD = 50000

-- What a kind of limit can do. A script starts from nothing at every call, so a kind is made when one of it comes up.
local function kind_of(kind)
  local made = KINDS[kind]
  if type(made) == 'function' then
    made = made()
    KINDS[kind] = made
  end
  return made
end

local function read(key)
  local packed = Fields.get('l:' .. key)
  if not packed then return nil end
  local kind, capacity, flying, hold, waiting, after = struct.unpack('<ddddd', packed)
  local limit = {
    key = key, kind = kind, capacity = capacity, flying = flying, hold = hold, waiting = waiting,
    owed_units = 0, owed_until = 0, owed_place = 0, told = false, is = kind_of(kind),
  }
  after = limit.is.read(limit, packed, after)
  if after <= #packed then
    local told
    limit.owed_units, limit.owed_until, limit.owed_place, told = struct.unpack('<dddd', packed, after)
    if told == 1 then limit.told = feedback().read(key) end
  end
  return limit
end

local function packed(limit)
  local packed = struct.pack(
    limit.is.form, limit.kind, limit.capacity, limit.flying, limit.hold, limit.waiting, limit.is.write(limit)
  )
  if limit.owed_units > 0 or limit.told then
    packed = packed .. struct.pack('<dddd', limit.owed_units, limit.owed_until, limit.owed_place, limit.told and 1 or 0)
  end
  return packed
end

local function drop(limit)
  if limit.is.forget then limit.is.forget(limit) end
  Fields.drop('l:' .. limit.key)
  if limit.told then Fields.drop('y:' .. limit.key) end
end

-- A new limit; `terms` is { key, kind, capacity, parameters ..., edges ... }.
local function new(terms, t)
  local limit = {
    key = terms[1], kind = terms[2], capacity = terms[3], flying = 0, hold = 0, waiting = 0,
    owed_units = 0, owed_until = 0, owed_place = 0, told = false, is = kind_of(terms[2]),
  }
  if limit.kind == CONCURRENCY then limit.hold = FIRST_HOLD end
  limit.is.define(limit, terms)
  limit.is.start(limit, t)
  return limit
end

-- Takes the numbers of today. Another kind of limit under the same name starts anew with what is in flight.
local function redefine(limit, terms, t)
  if limit.told then terms = feedback().ordered(limit, terms, t) end
  local capacity = limit.told and feedback().shared(limit, terms, t) or terms[3]
  if limit.kind == terms[2] then
    limit.is.define(limit, terms)
    limit.capacity = capacity
    return
  end
  if limit.is.forget then limit.is.forget(limit) end
  limit.kind, limit.capacity, limit.is, limit.scale = terms[2], capacity, kind_of(terms[2]), nil
  limit.is.define(limit, terms)
  limit.is.start(limit, t)
  if limit.kind == TOKEN_BUCKET then limit.is.grant(limit, limit.flying) end
end

-- Units granted: in flight from now on.
local function grant(limit, units, t)
  limit.flying = limit.flying + units
  if limit.is.grant then limit.is.grant(limit, units, t) end
end

-- Units landed `age` ago: `held` of them were known to be in flight.
local function land(limit, units, held, age, t)
  limit.flying = limit.flying - held
  limit.is.land(limit, units, held, age, t)
end

local function unsent(limit, held)
  limit.flying = limit.flying - held
  if limit.is.unsent then limit.is.unsent(limit, held) end
end

-- Learns how long permits are held: at first from one of them.
local function learn(limit, hold, count)
  local LONGEST_HOLD = 4294967296
  local weight = (limit.hold == 0 or count > 16) and 16 or count
  limit.hold = limit.hold + math.floor((math.min(hold, LONGEST_HOLD) - limit.hold) * weight / 16)
end

-- Units free now; below zero: more is used than allowed. None while it cools down.
local function free(limit, t)
  local open = limit.is.free(limit, t)
  return limit.told and feedback().allows(limit, open, t) or open
end

-- When the `k`-th unit beyond those free now is expected to come free.
local function release(limit, k, t)
  if not limit.told or not feedback().holds_back(limit, t) then return limit.is.release(limit, k, t) end
  -- What is free all the same can go as soon as it has cooled down, or the probe has been answered.
  local hold = limit.hold == 0 and FIRST_HOLD or math.max(limit.hold, 1000)
  local at = limit.told.cool_until > t.now and limit.told.cool_until or t.now + hold
  local beyond = k - math.max(limit.is.free(limit, t), 0) + math.max(free(limit, t), 0)
  return math.max(at, beyond > 0 and limit.is.release(limit, beyond, t) or t.now)
end

-- Nothing of it is in use: forgetting it changes nothing.
local function idle(limit, t)
  local cools = limit.told and limit.told.cool_until > t.now
  return limit.flying == 0 and limit.waiting == 0 and not cools and limit.is.free(limit, t) >= limit.capacity
end

return {
  read = read, packed = packed, new = new, redefine = redefine, grant = grant, land = land, unsent = unsent,
  learn = learn, free = free, release = release, idle = idle, drop = drop,
}

end)()
