-- What most exchanges do not ask of a limit: its beginning and its end, other numbers than before, what is taken back, when
-- more comes free.
-- Twin: src/ledger/limit.rs

local Seldom

local function seldom()

if Seldom then return Seldom end

local FIRST_HOLD = 50000

-- The same of its kind.
local function kind_seldom(limit) return limit.kind == SLIDING_WINDOW and past() or limit.is end

local function forget(limit)
  local kind = kind_seldom(limit)
  if kind.forget then kind.forget(limit) end
end

-- Nothing of it is used but what is in flight.
local function start(limit, t)
  kind_seldom(limit).start(limit, t)
  if limit.kind == TOKEN_BUCKET then limit.is.grant(limit, limit.flying) end
end

-- Takes its numbers and starts it; a kind that defines nothing has a period only.
local function begin(limit, terms, t)
  local define = limit.is.define
  if define then define(limit, terms) else limit.per = terms[4] end
  start(limit, t)
end

-- A new limit; `terms` is { key, kind, capacity, parameters ..., edges ... }.
local function new(terms, t)
  local limit = {
    key = terms[1], kind = terms[2], capacity = terms[3], flying = 0, hold = 0, waiting = 0,
    owed_units = 0, owed_until = 0, owed_place = 0, told = false, is = kind_of(terms[2]),
  }
  if limit.kind == CONCURRENCY then limit.hold = FIRST_HOLD end
  begin(limit, terms, t)
  return limit
end

-- Another kind of limit under the same name starts anew with what is in flight.
local function become(limit, terms, t)
  forget(limit)
  limit.kind, limit.is, limit.scale = terms[2], kind_of(terms[2]), nil
  begin(limit, terms, t)
end

-- Forgets what was used. What is in flight stays.
local function restart(limit, t)
  forget(limit)
  start(limit, t)
end

local function drop(limit)
  forget(limit)
  set_field('l:' .. limit.key, nil)
  if limit.told then set_field('y:' .. limit.key, nil) end
end

local function unsent(limit, held)
  limit.flying = limit.flying - held
  if limit.is.unsent then limit.is.unsent(limit, held) end
end

-- More was used `age` ago than was asked for (above zero), or less.
local function adjust(limit, units, age, t) kind_seldom(limit).adjust(limit, units, age, t) end

-- When the `k`-th unit beyond those free now is expected to come free, whatever responses said ...
local function reopen(limit, k, t) return kind_seldom(limit).release(limit, k, t) end

-- ... and as they have it.
local function release(limit, k, t)
  if not limit.told or not feedback().holds_back(limit, t) then return reopen(limit, k, t) end
  -- What is free all the same can go as soon as it has cooled down, or the probe has been answered.
  local hold = limit.hold == 0 and FIRST_HOLD or math.max(limit.hold, 1000)
  local at = limit.told.cool_until > t.now and limit.told.cool_until or t.now + hold
  local beyond = k - math.max(limit.is.free(limit, t), 0) + math.max(free_units(limit, t), 0)
  return math.max(at, beyond > 0 and reopen(limit, beyond, t) or t.now)
end

-- Nothing of it is in use: forgetting it changes nothing.
local function idle(limit, t)
  local cools = limit.told and limit.told.cool_until > t.now
  return limit.flying == 0 and limit.waiting == 0 and not cools and limit.is.free(limit, t) >= limit.capacity
end

Seldom = {
  new = new, become = become, restart = restart, drop = drop, unsent = unsent, adjust = adjust, reopen = reopen,
  release = release, idle = idle,
}
return Seldom

end
