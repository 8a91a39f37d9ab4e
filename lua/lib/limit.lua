-- One limit's state, whatever its kind: how it is stored, and what every exchange does with it. What else it can do is in
-- seldom.lua.
-- Twin: src/ledger/limit.rs

local kinds = { make_sliding_window, make_token_bucket, make_fixed_window, make_concurrency }

-- What a kind of limit can do, made when one of it comes up.
local function kind_of(kind)
  local made = kinds[kind]
  if type(made) == 'function' then
    made = made()
    kinds[kind] = made
  end
  return made
end

-- The limits that came up, by name: false where there is none.
local known = {}

local function read_limit(key)
  local limit = known[key]
  if limit ~= nil then return limit end
  local packed = get_field('l:' .. key)
  if not packed then
    known[key] = false
    return false
  end
  local kind, capacity, flying, hold, waiting, after = struct.unpack('<ddddd', packed)
  limit = {
    key = key, kind = kind, capacity = capacity, flying = flying, hold = hold, waiting = waiting,
    owed_units = 0, owed_until = 0, owed_place = 0, told = false, is = kind_of(kind),
  }
  known[key], after = limit, limit.is.read(limit, packed, after)
  if after <= #packed then
    local told
    limit.owed_units, limit.owed_until, limit.owed_place, told = struct.unpack('<dddd', packed, after)
    if told == 1 then limit.told = parts().feedback().read(key) end
  end
  return limit
end

local function pack_limit(limit)
  local packed = struct.pack(
    limit.is.form, limit.kind, limit.capacity, limit.flying, limit.hold, limit.waiting, limit.is.write(limit)
  )
  if limit.owed_units > 0 or limit.told then
    packed = packed .. struct.pack('<dddd', limit.owed_units, limit.owed_until, limit.owed_place, limit.told and 1 or 0)
  end
  return packed
end

-- Takes the numbers of today.
local function redefine(limit, terms, t)
  if limit.told then terms = parts().feedback().ordered(limit, terms, t) end
  limit.capacity = limit.told and parts().feedback().shared(limit, terms, t) or terms[3]
  if limit.kind ~= terms[2] then return parts().seldom().become(limit, terms, t) end
  local define = limit.is.define
  if define then define(limit, terms) else limit.per = terms[4] end
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

-- Learns how long permits are held: at first from one of them.
local function learn_hold(limit, hold, count)
  local LONGEST = 4294967296
  local weight = (limit.hold == 0 or count > 16) and 16 or count
  local sixteenths = 16 * limit.hold + ((hold < LONGEST and hold or LONGEST) - limit.hold) * weight
  limit.hold = (sixteenths - sixteenths % 16) / 16
end

-- Units free now; below zero: more is used than allowed. None while it cools down.
local function free_units(limit, t)
  local open = limit.is.free(limit, t)
  return limit.told and parts().feedback().allows(limit, open, t) or open
end
