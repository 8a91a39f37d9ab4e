-- What responses said of one limit: that nobody may send for a while, what the provider's own numbers are, and that others
-- use it, too. Only limits of which something was said have one, `told`, so it is made when one comes up.
--   y:<limit>  { cool_since, cool_until, strikes, struck_at, ramp, quota, rumour, agreed, since, most, since_before,
--                most_before, by_others, by_others_since, cause, origin, by_others_before, rejected,
--                rejected_before, guess, guessed_at, told_no, ordered, ordered_until, configured,
--                throttled }
-- Twin: src/ledger/feedback.rs

local Feedback

local function feedback()

if Feedback then return Feedback end

local FORGIVE, AGREED, MEMORY, MORE, PLAUSIBLE, OURS, GIVE, TAKE, SPARE, FIRST =
  60000000, 3, 5000000, 8, 8, 4, 4, 16, 8, 60000000

local function read(key)
  local v = cmsgpack.unpack(get_field('y:' .. key))
  return {
    cool_since = v[1], cool_until = v[2], strikes = v[3], struck_at = v[4], ramp = v[5], quota = v[6], rumour = v[7],
    agreed = v[8], since = v[9], most = v[10], since_before = v[11], most_before = v[12], by_others = v[13],
    by_others_since = v[14], cause = v[15], origin = v[16], by_others_before = v[17], rejected = v[18],
    rejected_before = v[19], guess = v[20], guessed_at = v[21], told_no = v[22], ordered = v[23], ordered_until = v[24],
    configured = v[25] or 0, throttled = v[26] or 0, -- those that an earlier version wrote end before them
  }
end

local function packed(limit)
  local f = limit.told
  return cmsgpack.pack({
    f.cool_since, f.cool_until, f.strikes, f.struck_at, f.ramp, f.quota, f.rumour, f.agreed, f.since, f.most, f.since_before,
    f.most_before, f.by_others, f.by_others_since, f.cause, f.origin, f.by_others_before, f.rejected, f.rejected_before,
    f.guess, f.guessed_at, f.told_no, f.ordered, f.ordered_until, f.configured, f.throttled,
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
    by_others_before = 0, rejected = 0, rejected_before = 0, guess = 0, guessed_at = 0, told_no = 0, ordered = 0,
    ordered_until = 0, configured = 0, throttled = 0,
  }
  return limit.told
end

-- A limit of which nothing is known, on a key that others may use, is tried little by little, as after a cooldown. Units
-- that age from their grant, and what is open at a time, need not be.
local function try(limit, t)
  if limit.kind == CONCURRENCY then return end
  local f = listen(limit, t)
  f.cool_until, f.ramp = t.now, 1
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

-- Another period begins.
local function turn_over(f, period, t)
  local passed = t.now - f.by_others_since
  if passed < period then return end
  local lately = passed < 2 * period
  f.by_others_before, f.rejected_before = lately and f.by_others or 0, lately and f.rejected or 0
  f.by_others, f.rejected, f.by_others_since = 0, 0, t.now
end

-- What others are thought to use; less and less as time passes without a throttle.
local function guess_now(f, capacity, period, t)
  local quiet = math.floor((t.now - f.guessed_at) / math.max(FORGIVE, period))
  local parts = 2 ^ math.min(quiet, TAKE) - 1
  return math.max(f.guess - parts * (math.floor(capacity / TAKE) + 1), 0)
end

-- The most that we can have used when a request was counted that was sent then.
local function ours(f, sent)
  if sent >= f.since then return f.most end
  return math.max(f.most, f.most_before)
end

-- What a throttle tells of others: the provider counted all of it, and we had less than that. So do those that were on
-- their way with it, but not a probe.
local function suspect(f, sent, late, capacity, period, strangers, t)
  if f.ramp == 1 and not late then return end
  local guess = guess_now(f, capacity, period, t)
  -- What was rejected is among ours here, and there it is not.
  local theirs = capacity - ours(f, sent) + f.told_no
  -- One unit of a handful is a great part of it.
  theirs = theirs + math.max(math.floor(theirs / MORE), math.min(math.floor(capacity / MORE), 1))
  local plausible = theirs >= math.floor(capacity / PLAUSIBLE) and theirs <= capacity - math.floor(capacity / OURS)
  local believed
  if strangers and plausible and theirs > guess and sent >= f.since_before then
    believed = theirs
  elseif not late and f.cool_since > 0 and t.now - f.cool_until < math.max(FORGIVE, period) then
    believed = guess + math.floor((capacity - guess) / GIVE) + 1
  else
    return
  end
  f.guess, f.guessed_at = math.min(believed, capacity), t.now
end

-- Nobody sends for a while, as long as the response said (-1: it did not). The capacity is ours.
local function cool(limit, c, capacity, request, t)
  local f = listen(limit, t)
  turn_over(f, limit.per, t)
  f.rejected = f.rejected + 1
  -- What was sent before a cooldown began must not stretch it: all that was on its way is told the same. No answer takes no
  -- time: that is a person's word.
  local sent = t.now - c.age
  local late = sent < t.now and sent <= f.cool_since
  if sent < t.now then f.throttled = f.throttled + 1 end
  f.told_no = late and f.told_no + 1 or 1
  if limit.kind == SLIDING_WINDOW then suspect(f, sent, late, capacity, limit.per, request.strangers, t) end
  if late then return end
  local wait = c.wait >= 0 and c.wait or strike(f, c.penalty, c.most, limit.per, t)
  local till = t.now + wait
  if till <= f.cool_until then return end
  if f.cool_until <= t.now then f.cool_since = t.now end
  f.cool_until, f.cause, f.origin = till, c.cause, request.who
  -- Units that age from their grant are never in flight, so nothing would tell of a probe.
  f.ramp = request.at_grant and 0 or 1
end

-- Units that may be in flight: none while it cools down, then one, then more and more, until it is as many as are free. In
-- the beginning no more than twice what its rate needs, or two requests of several units (`head`): of what is sent all at
-- once, all that a stranger leaves no room for is rejected.
local function may_fly(limit, head, t)
  local f = limit.told
  if f.cool_until > t.now then return 0 end
  if f.ramp == 0 then return math.huge end
  if f.cool_since == 0 and limit.per <= FIRST and t.now - f.cool_until < 2 * limit.per then
    local rate = math.floor(limit.hold / math.max(math.floor(limit.per / limit.capacity), 1))
    return math.min(f.ramp, 1 + 2 * math.max(rate, head - 1))
  end
  return f.ramp
end

-- Units answered whose permits were granted so long ago: after a cooldown each makes room for one more. Returns whether that is
-- worth waking those who wait: as long as there was room for all of them, they wait for something else.
local function answered(limit, units, granted_ago, t)
  local f = limit.told
  if f.ramp == 0 or t.now - granted_ago < f.cool_until then return false end
  local room = may_fly(limit, 1, t) - limit.flying - units
  f.ramp = f.ramp + units
  if f.ramp >= limit.capacity then f.ramp, f.strikes = 0, math.max(f.strikes - 1, 0) end
  return room < limit.waiting
end

-- Units that may go, of those that are free.
local function allows(limit, free, t) return math.min(free, math.max(may_fly(limit, 1, t) - limit.flying, 0)) end

-- Whether a request that is larger than what may still be in flight goes all the same.
local function probes(limit, head, t)
  local most = may_fly(limit, head, t)
  return most < math.huge and limit.flying < most
end

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

-- Units that were used, by what the provider says is left, beyond the most that we can have used when it was counted: they
-- were not ours. Or nil.
local function not_ours(f, age, quota, remaining, capacity, t)
  local sent = t.now - age
  if remaining < 0 or sent < f.since_before then return nil end
  return (quota > 0 and quota or capacity) - remaining - ours(f, sent)
end

-- Units that others used and that we did not know of. Never less than none: what the provider says may only lower what we
-- think is left. So much is to be `spare` beside a stranger: what he takes until the next answer.
local function strangers(f, units, period, spare, t)
  turn_over(f, period, t)
  if units > 0 or f.by_others > 0 or f.by_others_before > 0 then units = units + spare end
  if units <= 0 then return 0 end
  f.by_others, f.most = f.by_others + units, f.most + units
  return units
end

-- The same of a sliding window, where others use about as much in each period: room is kept for that much. To count what
-- they used like our own would give it to us as it ages out, while they come again.
local function live_with(f, units, capacity, period, t)
  turn_over(f, period, t)
  -- What was rejected was neither theirs nor ours.
  f.by_others = math.max(f.by_others, math.min(units + f.rejected + f.rejected_before, capacity))
end

-- Units of a sliding window that are left to others: the most of the last period or two, and a little more.
local function left_to_others(f, capacity, period, t)
  local passed, units = t.now - f.by_others_since, 0
  if passed < period then
    units = math.max(f.by_others, f.by_others_before)
  elseif passed < 2 * period then
    units = f.by_others
  end
  local seen = units > 0 and units + math.floor(units / MORE) + 1 or 0
  return math.max(seen, guess_now(f, capacity, period, t))
end

-- How much of it is ours, as the provider's own numbers say: a lower quota, and what others use of a sliding window. One
-- unit stays, to find out with.
local function shared(limit, terms, t)
  local f, capacity = limit.told, terms[3]
  local quota = f.quota > 0 and math.min(capacity, f.quota) or capacity
  if terms[2] ~= SLIDING_WINDOW then return quota end
  return math.min(quota, math.max(capacity - left_to_others(f, capacity, terms[4], t), 1))
end

-- An operator's quota holds instead of the configured one for a while: in a bucket so much a time that all of it takes.
local function order(limit, quota, till, t)
  local f = listen(limit, t)
  f.ordered, f.ordered_until = quota, till
end

-- A fraction in lowest terms.
local function lowest(above, below)
  local a, b = above, below
  while b > 0 do a, b = b, a % b end
  return above / a, below / a
end

-- How a bucket refills that takes as long to fill though its burst changes: units, and their time.
local function paced(refill, scale, from, to)
  to, from = lowest(to, from)
  refill, from = lowest(refill, from)
  to, scale = lowest(to, scale)
  return refill * to, scale * from
end

-- The terms with an operator's quota, as long as it holds. The configured capacity is kept beside the limit that it changes: who
-- only reads has no terms.
local function ordered(limit, terms, t)
  local f = limit.told
  f.configured = 0
  if f.ordered_until <= t.now then return terms end
  f.configured = terms[3]
  local changed = { unpack(terms) }
  changed[3] = f.ordered
  if terms[2] == TOKEN_BUCKET then changed[4], changed[5] = paced(terms[4], terms[5], terms[3], f.ordered) end
  return changed
end

-- The reverse: the terms of a limit as it is stored, with the configured capacity.
local function configured(limit)
  local f, edges = limit.told, limit.edges or { 0, 0, 0, 0 }
  local capacity = f.configured > 0 and f.configured or limit.capacity
  local terms = { limit.key, limit.kind, capacity, limit.per, limit.skew or 0, limit.offset or 0, unpack(edges) }
  if limit.kind == TOKEN_BUCKET then
    terms[4], terms[5] = paced(limit.refill, limit.scale, limit.capacity, capacity)
  end
  return terms
end

-- What the provider's own numbers say; the capacity is ours. What is open at a time is for us to count.
local function see(limit, age, quota, remaining, capacity, t)
  if limit.kind == CONCURRENCY then return end
  local f = listen(limit, t)
  if quota > 0 and limit.kind ~= TOKEN_BUCKET then learn(f, quota, capacity) end
  local units = not_ours(f, age, quota, remaining, capacity, t)
  if not units then return end
  if limit.kind == SLIDING_WINDOW then return live_with(f, units, capacity, limit.per, t) end
  local spare = limit.kind == TOKEN_BUCKET and math.floor(capacity / SPARE) + 1 or 0
  units = strangers(f, units, limit.per, spare, t)
  if units > 0 then limit.is.adjust(limit, units, 0, t) end
end

-- Notes what is in use, after an exchange. The shorter the memory, the more it tells of strangers; it must be as long as an
-- answer takes to be told of.
local function note(limit, t)
  local f, now = limit.told, busy(limit, t)
  if t.now - f.since >= math.min(MEMORY, math.max(4 * limit.hold, math.floor(limit.per / 4))) then
    f.since_before, f.most_before, f.since, f.most = f.since, f.most, t.now, now
  end
  f.most = math.max(f.most, now)
end

-- Whether it cools down, or is tried again little by little after that.
local function cooling(limit, t)
  local f = limit.told
  return f.cool_until > t.now or (f.ramp > 0 and f.cool_since > 0)
end

-- Whether not all that is free may go.
local function holds_back(limit, t) return limit.told.cool_until > t.now or limit.told.ramp > 0 end

Feedback = {
  read = read, packed = packed, busy = busy, try = try, cool = cool, answered = answered, allows = allows, probes = probes,
  see = see, shared = shared, order = order, ordered = ordered, configured = configured, note = note, cooling = cooling,
  holds_back = holds_back,
}
return Feedback

end
