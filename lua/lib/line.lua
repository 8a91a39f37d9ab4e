-- The line: sessions that wait, each with a place and a time at which its turn is due, for each limit it wants.
-- Members of one sorted set of equal scores, in the order of (limit, due): every question costs the logarithm of the
-- line's length, or a bounded look at its near end.
--   q|limit|due (16 digits)|place (16 digits)|units|session
--   x|when (16 digits)|s|session  or  x|when|l|limit: look then whether it may be dropped
--   !  keeps the set there
-- Twin: src/ledger/line.rs

local EARLY, GRACE, LOOK = 500, 10000, 32

local function digits(n) return string.format('%016.0f', math.min(n, 9999999999999999)) end

local function line_entry(limit, due, place, units, session)
  return 'q|' .. limit .. '|' .. digits(due) .. '|' .. digits(place) .. '|' .. string.format('%.0f', units) .. '|' .. session
end

local function due_from(limit, from) return '[q|' .. limit .. '|' .. digits(math.max(from, 0)) end

local function due_to(limit, to) return '[q|' .. limit .. '|' .. digits(to) .. '~' end

-- Units that those ahead of `place` may take right now: their turn is due and not missed. Sleepers hold nothing back.
local function line_held_back(limit, place, now)
  local near = redis.call('ZRANGEBYLEX', line_key, due_from(limit, now - GRACE + 1), due_to(limit, now + EARLY), 'LIMIT', 0, LOOK)
  local held, at = 0, #limit + 21 -- where the place starts
  for _, member in ipairs(near) do
    if tonumber(string.sub(member, at, at + 15)) < place then
      held = held + tonumber(string.match(member, '^%d+', at + 17))
    end
  end
  return held
end

-- How many turns are due up to `to`, and not missed.
local function line_due_until(limit, to, now)
  return redis.call('ZLEXCOUNT', line_key, due_from(limit, now - GRACE + 1), due_to(limit, to))
end

-- How many turns of those ahead of `place` are due up to `to` and not missed, of the nearest.
local function line_ahead_until(limit, place, to, now)
  local near = redis.call('ZRANGEBYLEX', line_key, due_from(limit, now - GRACE + 1), due_to(limit, to), 'LIMIT', 0, LOOK)
  local ahead, at = 0, #limit + 21
  for _, member in ipairs(near) do
    if tonumber(string.sub(member, at, at + 15)) < place then ahead = ahead + 1 end
  end
  return ahead
end

-- The sessions of the nearest sleepers, but for `me`.
local function line_nearest(limit, me, now, most)
  local near = redis.call('ZRANGEBYLEX', line_key, due_from(limit, now + EARLY + 1), '(q|' .. limit .. '|~', 'LIMIT', 0, most)
  local sessions = {}
  for _, member in ipairs(near) do
    local session = string.match(member, '|([^|]*)$')
    if session ~= me then sessions[#sessions + 1] = session end
  end
  return sessions
end

local function line_look_at(when, what)
  redis.call('ZADD', line_key, 0, 'x|' .. digits(when) .. '|' .. what)
end
