-- What an operator sees of one budget. Reads only, a page of the hash at a time, so that a large budget holds nobody up.
--   KEYS[1] state, a hash   KEYS[2] line, a sorted set   ARGV[1] a clock in Unix microseconds, for tests (or '')
--   ARGV[2] where to go on, '0' at first
--   Reply: {} where there is no state, else { where to go on ('0': that was all), us since it was last used, settling us,
--   the pause (empty: none), limits, sessions }:
--   a pause is { us left (-1: until it is resumed), who, why },
--   a limit is { key, kind, capacity, period us, used, in flight, free, waiting, next free us (-1: nothing is used),
--   us until a quarter, a half, three quarters of what is taken is free, all free us, mean hold us, cooling us (-1: it is
--   not), what responses said (empty: nothing) },
--   what responses said is { cause, origin, us since the last cooldown (-1: none ended), units tried after it (0: all),
--   the provider's quota (0: ours), units of others, requests told no, an operator's quota (0: none), us left of that },
--   a session { id, who, since us, lease us, calls granted, held, waiting, next turn us (-1: none, or not known) }.
-- Twin: src/ledger/report.rs

local PAGE, ENDED, META = '250', '64', '<dddddddd'

local m, pause = get_field('m'), get_field('p')
local time = redis.call('TIME')
local wall = time[1] * 1000000 + time[2]
if ARGV[1] ~= '' then wall = tonumber(ARGV[1]) end
local offset, last, settle_until, _ = 0, wall, 0, nil
if m then _, offset, last, _, settle_until = struct.unpack(META, m) end
local t = { now = math.max(wall + offset, last), wall = wall }

local paused_until = pause and struct.unpack('<d', pause) or 0
if not m and paused_until <= t.now then return {} end

local function us(at) return math.max(at - t.now, 0) end

-- Sessions whose lease ended since the last exchange, in the order in which the next one would find them: what they held
-- counts as used from then on.
local ended, noted = {}, {}
for _, look in ipairs(redis.call('ZRANGEBYLEX', KEYS[2], '[x|', '[x|' .. struct.pack('>I7', t.now + 1), 'LIMIT', '0', ENDED)) do
  local name = string.sub(look, 12)
  local packed = string.sub(look, 10, 10) == 's' and get_field('s:' .. name)
  local session = packed and read_session(packed)
  if session and session.lease_end <= t.now and not noted[name] then
    ended[#ended + 1], noted[name] = session, true
  end
end

local function bury(session, limit)
  local held = session.flights[limit.key]
  if held then land(limit, held, held, t.now - session.lease_end, t) end
  for _, place in pairs(session.places) do
    for i = 4, #place, 2 do
      if place[i] == limit.key then limit.waiting = limit.waiting - 1 end
    end
  end
end

local function limit_of(name)
  local limit = read_limit(name)
  -- An operator's quota shows at once, and no longer than it holds, though the next exchange puts it in force and ends it.
  local f = limit.told
  if f and (f.configured > 0 or f.ordered_until > t.now) then redefine(limit, parts().feedback().configured(limit), t) end
  limit.is.roll(limit, t)
  for _, session in ipairs(ended) do bury(session, limit) end
  local free, used = free_units(limit, t), math.max(parts().feedback().busy(limit, t) - limit.flying, 0)
  local taken = used + limit.flying
  local next_free, all_free, cooling, told, quarters = -1, -1, -1, {}, { 0, 0, 0 }
  if taken > 0 then
    next_free = us(parts().seldom().release(limit, 1, t))
    all_free = us(parts().seldom().reopen(limit, taken, t))
    for i = 1, 3 do quarters[i] = us(parts().seldom().reopen(limit, math.ceil(taken * i / 4), t)) end
  end
  if f then
    local over = f.cool_until <= t.now
    if not over then cooling = f.cool_until - t.now end
    told = {
      f.cause, f.origin, over and f.cool_since > 0 and t.now - f.cool_until or -1, over and f.ramp or 0, f.quota,
      math.max(f.by_others, f.guess), f.throttled, f.ordered_until > t.now and f.ordered or 0, us(f.ordered_until),
    }
  end
  return {
    limit.key, limit.kind, limit.capacity, limit.per, used, limit.flying, math.max(free, 0), limit.waiting, next_free,
    quarters[1], quarters[2], quarters[3], all_free, limit.hold, cooling, told,
  }
end

local served = paused_until <= t.now and settle_until <= t.now

local function session_of(name)
  local session = read_session(get_field('s:' .. name))
  if session.lease_end <= t.now then return nil end
  local held, waiting, turn = 0, 0, -1
  for _, units in pairs(session.flights) do held = math.max(held, units) end
  for _, place in pairs(session.places) do
    local due = us(place[2])
    waiting = waiting + place[3]
    -- While nobody is served nobody knows. Who came then stands in no line until it asks again.
    if served and #place > 3 and (turn < 0 or due < turn) then turn = due end
  end
  return { name, get_field('w:' .. name) or '', t.now - session.since, session.lease_end - t.now, session.calls, held, waiting, turn }
end

local function pause_now()
  if paused_until <= t.now then return {} end
  local who, why = cmsgpack.unpack(string.sub(pause, 9))
  return { paused_until < NOWHERE and paused_until - t.now or -1, who, why }
end

local page = redis.call('HSCAN', KEYS[1], ARGV[2], 'COUNT', PAGE)
local found = page[2]
for i = 1, #found, 2 do fields[found[i]] = found[i + 1] end
local limits, sessions = {}, {}
for i = 1, #found, 2 do
  local kind, name = string.match(found[i], '^([ls]):(.*)$')
  if kind == 'l' then limits[#limits + 1] = limit_of(name) end
  if kind == 's' then sessions[#sessions + 1] = session_of(name) end
end
return { page[1], t.now - last, us(settle_until), pause_now(), limits, sessions }
