-- A bucket of `capacity` units that refills steadily, but never above `capacity` minus what is in flight.
-- The level is kept in units times `scale`, so that every step is a whole number.
-- Twin: src/ledger/token_bucket.rs

local function make_token_bucket()

-- More room than any bucket has.
local PLENTY = 4503599627370496

local function free(limit) return math.floor(limit.level / limit.scale) end

-- The numbers of such a limit, with the five that all kinds have.
local FORM = '<ddddddddddddddd'

local function define(limit, terms)
  local free = limit.scale and free(limit)
  limit.refill = terms[4]
  if free and limit.scale ~= terms[5] then limit.level, limit.least, limit.least_before = free * terms[5], 0, 0 end
  limit.scale, limit.per = terms[5], math.floor(terms[3] * terms[5] / terms[4])
end

local function read(limit, packed, at)
  local after
  limit.refill, limit.scale, limit.level, limit.at, limit.prev, limit.full_since, limit.since, limit.least,
    limit.since_before, limit.least_before, after = struct.unpack('<dddddddddd', packed, at)
  limit.per = math.floor(limit.capacity * limit.scale / limit.refill)
  return after
end

local function write(limit)
  return limit.refill, limit.scale, limit.level, limit.at, limit.prev, limit.full_since, limit.since, limit.least,
    limit.since_before, limit.least_before
end

local function cap(limit) return (limit.capacity - limit.flying) * limit.scale end

local function start(limit, t)
  limit.level, limit.at, limit.prev, limit.full_since = limit.capacity * limit.scale, t.now, t.now, t.now
  limit.since, limit.least, limit.since_before, limit.least_before = t.now, PLENTY, t.now, PLENTY
end

local function roll(limit, t)
  if limit.level < cap(limit) then
    local elapsed = t.now - limit.at
    local fill = math.floor((cap(limit) - limit.level + limit.refill - 1) / limit.refill)
    if elapsed >= fill then
      limit.full_since, limit.level = limit.at + fill, cap(limit)
    else
      limit.full_since, limit.level = 0, limit.level + limit.refill * elapsed
    end
  else
    limit.level = cap(limit)
    if limit.full_since == 0 then limit.full_since = math.max(limit.at, 1) end
  end
  if t.now > limit.at then limit.prev, limit.at = limit.at, t.now end
  -- The least room below the cap, lately and before that: no more can be given back to who took it before.
  if limit.full_since > 0 then
    limit.since, limit.least, limit.since_before, limit.least_before = t.now, PLENTY, t.now, PLENTY
    return
  end
  local room = cap(limit) - limit.level
  limit.least = math.min(limit.least, room)
  if t.now - limit.since >= limit.per then
    limit.since_before, limit.least_before, limit.since, limit.least = limit.since, limit.least, t.now, room
  end
end

-- What a full bucket would have gained from `since` on, had its cap been higher by `units`. It was full again only after
-- that, so that nothing is gained twice in the same time.
local function regain(limit, units, since, now)
  if limit.full_since == 0 or units == 0 then return 0 end
  local from = math.max(since, limit.full_since)
  local wanted = units * limit.scale
  local fill = math.floor((wanted + limit.refill - 1) / limit.refill)
  if now - from >= fill then
    limit.full_since = from + fill
    return wanted
  end
  limit.full_since = 0
  return limit.refill * math.max(now - from, 0)
end

local function grant(limit, units) limit.level = limit.level - units * limit.scale end

local function adjust(limit, units, age, t)
  local at = t.now - age
  if units > 0 then
    limit.level = limit.level + regain(limit, units, at, t.now) - units * limit.scale
    return
  end
  if at < limit.since_before then return end
  -- What would have flowed over since then is not given back.
  local room = cap(limit) - limit.level
  if at < limit.prev then room = math.min(room, limit.least) end
  if at < limit.since then room = math.min(room, limit.least_before) end
  local back = math.max(math.min(-units * limit.scale, room), 0)
  limit.level = limit.level + back
  if at < limit.prev then limit.least = limit.least - back end
  if at < limit.since then limit.least_before = limit.least_before - back end
end

local function land(limit, units, held, age, t)
  local was_full = limit.full_since > 0
  limit.level = limit.level + regain(limit, held, t.now - age, t.now)
  if was_full and limit.full_since == 0 then
    -- With hindsight it was not full any more once they had landed.
    limit.since = math.min(limit.since, t.now - age)
    limit.since_before, limit.least_before = limit.since, limit.least
  end
  if units > held then adjust(limit, units - held, age, t) end
end

local function unsent(limit, units) limit.level = limit.level + units * limit.scale end

-- When the `k`-th unit beyond those free now comes free.
local function release(limit, k, t)
  k = math.min(k, 100 * limit.capacity) -- keeps the product below 2^53
  local target = free(limit) + k
  local fill = math.floor((target * limit.scale - limit.level + limit.refill - 1) / limit.refill)
  -- What is in flight keeps the cap down: so many must land first, and where they fill the bucket, each turn waits.
  local landings = math.min(math.max(target - (limit.capacity - limit.flying), 0), limit.flying)
  local at = t.now + math.max(fill, 0)
  if landings > 0 then
    at = at + spread(limit, landings)
    if limit.flying >= limit.capacity then
      at = at + math.floor(limit.hold * math.min(k - 1, 1000000) / limit.capacity)
    end
  end
  return at
end

return {
  form = FORM, define = define, read = read, write = write, start = start, roll = roll, free = free, grant = grant,
  adjust = adjust, land = land, unsent = unsent, release = release,
}
end
