-- What responses said of one limit: that nobody may send for a while, what the provider's own numbers are, and that others
-- use it, too. Only limits of which something was said have one, `told`, so it is made when one comes up.
--   y:<limit>  { cool_since, cool_until, strikes, struck_at, ramp, quota, rumour, agreed, since, most, since_before,
--                most_before, by_others, by_others_since, cause, origin }
-- Twin: src/ledger/feedback.rs

local Feedback = later(function()

local FORGIVE, AGREED, MEMORY = 60000000, 3, 5000000

local function read(key)
  local v = cmsgpack.unpack(Fields.get('y:' .. key))
  return {
    cool_since = v[1], cool_until = v[2], strikes = v[3], struck_at = v[4], ramp = v[5], quota = v[6], rumour = v[7],
    agreed = v[8], since = v[9], most = v[10], since_before = v[11], most_before = v[12], by_others = v[13],
    by_others_since = v[14], cause = v[15], origin = v[16],
  }
end

local function packed(limit)
  local f = limit.told
  return cmsgpack.pack({
    f.cool_since, f.cool_until, f.strikes, f.struck_at, f.ramp, f.quota, f.rumour, f.agreed, f.since, f.most, f.since_before,
    f.most_before, f.by_others, f.by_others_since, f.cause, f.origin,
  })
end

-- Units used and in flight.
local function busy(limit, t)
  if limit.kind == TOKEN_BUCKET then return limit.capacity - limit.is.free(limit, t) end
  return (limit.log and limit.log.used or limit.used or 0) + limit.flying
end

-- What responses say of it, from now on.
local function listen(limit, t)
  limit.told = limit.told or {
    cool_since = 0, cool_until = 0, strikes = 0, struck_at = 0, ramp = 0, quota = 0, rumour = 0, agreed = 0, since = t.now,
    most = busy(limit, t), since_before = t.now, most_before = 0, by_others = 0, by_others_since = t.now, cause = '', origin = '',
  }
  return limit.told
end

-- How long to wait where nothing says: twice as long with each repeat.
local function strike(f, penalty, most, period, t)
  local quiet = math.floor((t.now - f.struck_at) / math.max(FORGIVE, period))
  f.strikes = math.max(f.strikes - quiet, 0)
  local wait = penalty * 2 ^ math.min(f.strikes, 20)
  f.strikes = math.min(f.strikes + 1, 20)
  f.struck_at = t.now
  return math.min(wait, most)
end

-- Nobody sends for a while, as long as the response said (-1: it did not).
local function cool(limit, c, origin, at_grant, t)
  local f = listen(limit, t)
  -- What was sent before a cooldown began must not stretch it: all that was on its way is told the same.
  if t.now - c.age < f.cool_since then return end
  local wait = c.wait >= 0 and c.wait or strike(f, c.penalty, c.most, limit.per, t)
  local till = t.now + wait
  if till <= f.cool_until then return end
  if f.cool_until <= t.now then f.cool_since = t.now end
  f.cool_until, f.cause, f.origin = till, c.cause, origin
  -- Units that age from their grant are never in flight, so nothing would tell of a probe.
  f.ramp = at_grant and 0 or 1
end

-- Units answered whose permits were granted so long ago: after a cooldown each makes room for one more.
local function answered(limit, units, granted_ago, t)
  local f = limit.told
  if f.ramp == 0 or t.now - granted_ago < f.cool_until then return false end
  f.ramp = f.ramp + units
  if f.ramp >= limit.capacity then f.ramp = 0 end
  return true
end

-- Units that may go, of those that are free: none while it cools down, then one, then more and more.
local function allows(limit, free, t)
  local f = limit.told
  if f.cool_until > t.now then return math.min(free, 0) end
  if f.ramp > 0 then return math.min(free, math.max(f.ramp - limit.flying, 0)) end
  return free
end

-- Whether a request that is larger than the ramp goes all the same: alone.
local function probes(limit, t) return limit.told.ramp > 0 and limit.flying == 0 and limit.told.cool_until <= t.now end

-- A lower quota holds at once, a higher one when it was said several times, and never above ours.
local function learn(f, quota, capacity)
  local now = f.quota > 0 and math.min(f.quota, capacity) or capacity
  if math.min(quota, capacity) > now then
    f.agreed = quota == f.rumour and f.agreed + 1 or 1
    f.rumour = quota
    if f.agreed < AGREED then return end
  end
  f.quota = quota < capacity and quota or 0
  f.rumour, f.agreed = 0, 0
end

-- Units that others used and that we did not know of, by what the provider says is left. Never less than that: what it
-- says may only lower what we think is left.
local function strangers(f, age, quota, remaining, capacity, period, t)
  local sent = t.now - age
  if remaining < 0 or sent < f.since_before then return 0 end
  -- The most that we can have used when it was counted. What is more was not us.
  local ours = sent >= f.since and f.most or math.max(f.most, f.most_before)
  local units = (quota > 0 and quota or capacity) - remaining - ours
  if units <= 0 then return 0 end
  if t.now - f.by_others_since >= period then f.by_others, f.by_others_since = 0, t.now end
  f.by_others, f.most = f.by_others + units, f.most + units
  return units
end

-- What the provider's own numbers say; the capacity is ours. What is open at a time is for us to count.
local function see(limit, age, quota, remaining, capacity, t)
  if limit.kind == CONCURRENCY then return end
  local f = listen(limit, t)
  if quota > 0 and limit.kind ~= TOKEN_BUCKET then learn(f, quota, capacity) end
  local units = strangers(f, age, quota, remaining, capacity, limit.per, t)
  if units > 0 then limit.is.adjust(limit, units, 0, t) end
end

-- Notes what is in use, after an exchange.
local function note(limit, t)
  local f, now = limit.told, busy(limit, t)
  if t.now - f.since >= MEMORY then
    f.since_before, f.most_before, f.since, f.most = f.since, f.most, t.now, now
  end
  f.most = math.max(f.most, now)
end

-- Whether it cools down, or is tried again little by little.
local function cooling(limit, t) return limit.told.cool_until > t.now or limit.told.ramp > 0 end

return {
  read = read, packed = packed, busy = busy, cool = cool, answered = answered, allows = allows, probes = probes, see = see,
  note = note, cooling = cooling,
}

end)
