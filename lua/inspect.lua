-- What an operator sees of one budget. Reads only.
--   KEYS[1] state, a hash   KEYS[2] line, a sorted set   ARGV[1] a clock in Unix microseconds, for tests (or '')
--   Reply: {} where there is no state, else { settling us, limits, sessions, sessions not listed }:
--   a limit is { key, kind, capacity, period us, used, in flight, free, waiting, next free us (-1: nothing is used),
--   cooling us (-1: it is not), what responses said (empty: nothing) },
--   what responses said is { cause, origin, us since the last cooldown (-1: none ended), units tried after it (0: all),
--   the provider's quota (0: ours), units of others },
--   a session { id, who, since us, lease us, held, waiting, next turn us (-1: none) }.
-- Twin: src/ledger/report.rs

local SESSIONS, META = 200, '<dddddddd'

local all = redis.call('HGETALL', Fields.hash)
for i = 1, #all, 2 do Fields.values[all[i]] = all[i + 1] end
if not Fields.values['m'] then return {} end
local _, offset, last, _, settle_until = struct.unpack(META, Fields.values['m'])
local time = redis.call('TIME')
local wall = time[1] * 1000000 + time[2]
if ARGV[1] ~= '' then wall = tonumber(ARGV[1]) end
local t = { now = math.max(wall + offset, last), wall = wall }

local limits, sessions = {}, {}
for i = 1, #all, 2 do
  local kind, name = string.match(all[i], '^([ls]):(.*)$')
  if kind == 'l' then
    local limit = Limit.read(name)
    limit.is.roll(limit, t)
    local free, used = Limit.free(limit, t), Feedback.busy(limit, t) - limit.flying
    local next_free, cooling, told = -1, -1, {}
    if used + limit.flying > 0 then next_free = Limit.release(limit, 1, t) - t.now end
    local f = limit.told
    if f then
      local over = f.cool_until <= t.now
      if not over then cooling = f.cool_until - t.now end
      told = {
        f.cause, f.origin, over and f.cool_since > 0 and t.now - f.cool_until or -1, over and f.ramp or 0, f.quota,
        math.max(f.by_others, f.guess),
      }
    end
    limits[#limits + 1] = {
      limit.key, limit.kind, limit.capacity, limit.per, math.max(used, 0), limit.flying, math.max(free, 0),
      limit.waiting, next_free, cooling, told,
    }
  elseif kind == 's' then
    local session = Session.read(name)
    if session.lease_end > t.now then sessions[#sessions + 1] = { name, session } end
  end
end
table.sort(limits, function(a, b) return a[1] < b[1] end)
table.sort(sessions, function(a, b)
  return a[2].since < b[2].since or (a[2].since == b[2].since and a[1] < b[1])
end)

local listed = {}
for i = 1, math.min(#sessions, SESSIONS) do
  local id, session = sessions[i][1], sessions[i][2]
  local held, waiting, turn = 0, 0, -1
  for _, units in pairs(session.flights) do held = math.max(held, units) end
  for _, place in pairs(session.places) do
    local due = math.max(place[2] - t.now, 0)
    waiting = waiting + place[3]
    if turn < 0 or due < turn then turn = due end
  end
  listed[i] = { id, Fields.get('w:' .. id) or '', t.now - session.since, session.lease_end - t.now, held, waiting, turn }
end
return { math.max(settle_until - t.now, 0), limits, listed, #sessions - #listed }
