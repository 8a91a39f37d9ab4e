-- The line: sessions that wait, each with a place and a time at which its turn is due, for each limit it wants.
-- Members of one sorted set of equal scores, in the order of (limit, due): every question costs the logarithm of the
-- line's length, or a bounded look at its near end.
--   "q|" limit "|" due (7 bytes) place (7) units (5) session
--   "x|" when (7 bytes) "s|" session, or "l|" limit: look then whether it may be dropped
--   "!" keeps the set there
-- Numbers are big-endian, so that the order of bytes is theirs: printing and reading them would cost ten times as much.
-- Twin: src/ledger/line.rs

local Line

local function line()

if Line then return Line end

local EARLY, GRACE, LOOK, LATEST = 500, 10000, '32', 36028797018963968
local starts = {}

local function entry(limit, due, place, units, session)
  return 'q|' .. limit .. '|' .. struct.pack('>I7I7I5', due, place, units) .. session
end

-- The bound of what is due after a time ...
local function due_after(limit, time) return '[q|' .. limit .. '|' .. struct.pack('>I7', time > 0 and time + 1 or 0) end

-- ... and that of what is due up to a time.
local function due_by(limit, time) return '(q|' .. limit .. '|' .. struct.pack('>I7', time < LATEST and time + 1 or LATEST) end

-- The bound of what is not missed: most questions start from it, so it is made once.
local function not_missed(limit, now)
  starts[limit] = starts[limit] or due_after(limit, now - GRACE)
  return starts[limit]
end

-- Units that those ahead of `place` may take right now: their turn is due and not missed. Sleepers hold nothing back.
local function held_back(limit, place, now)
  local near = redis.call('ZRANGEBYLEX', KEYS[2], not_missed(limit, now), due_by(limit, now + EARLY), 'LIMIT', '0', LOOK)
  local held, at = 0, #limit + 11 -- where the place starts
  for i = 1, #near do
    local theirs, units = struct.unpack('>I7I5', near[i], at)
    if theirs < place then held = held + units end
  end
  return held
end

-- How many turns are due up to `to`, and not missed.
local function due_until(limit, to, now)
  return redis.call('ZLEXCOUNT', KEYS[2], not_missed(limit, now), due_by(limit, to))
end

-- How many turns of those ahead of `place` are due up to `to` and not missed, of the nearest.
local function ahead_until(limit, place, latest, now)
  local near = redis.call('ZRANGEBYLEX', KEYS[2], not_missed(limit, now), due_by(limit, latest), 'LIMIT', '0', LOOK)
  local ahead, at = 0, #limit + 11
  for i = 1, #near do
    if struct.unpack('>I7', near[i], at) < place then ahead = ahead + 1 end
  end
  return ahead
end

-- How many stand before a turn that is not due yet, and have not missed theirs.
local function before(limit, due, place, now)
  return redis.call('ZLEXCOUNT', KEYS[2], not_missed(limit, now), '(q|' .. limit .. '|' .. struct.pack('>I7I7', due, place))
end

-- The sessions of the nearest sleepers, but for `me`.
local function nearest(limit, me, now, most)
  local near = redis.call('ZRANGEBYLEX', KEYS[2], due_after(limit, now + EARLY), due_by(limit, LATEST), 'LIMIT', '0', most)
  local sessions = {}
  for i = 1, #near do
    local session = string.sub(near[i], #limit + 23)
    if session ~= me then sessions[#sessions + 1] = session end
  end
  return sessions
end

-- Notes when a session or a limit is looked at, whether it may be dropped ...
local function look_at(lineup, when, what)
  redis.call('ZADD', KEYS[2], '0', 'x|' .. struct.pack('>I7', when) .. what)
  lineup.next_look = math.min(lineup.next_look, when)
end

-- ... a limit of a scope value once nobody can have used it for long.
local function look_at_limit(lineup, limit, now)
  local windows = (limit.kind == SLIDING_WINDOW or limit.kind == FIXED_WINDOW) and 2 * limit.per or 0
  look_at(lineup, now + math.max(FORGET, windows), 'l|' .. limit.key)
end

Line = {
  EARLY = EARLY, GRACE = GRACE, entry = entry, held_back = held_back, due_until = due_until,
  ahead_until = ahead_until, before = before, nearest = nearest, look_at = look_at, look_at_limit = look_at_limit,
}
return Line

end
