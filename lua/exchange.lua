-- One exchange of one session with one budget: completions, corrections and asks go in, grants and waits come out. All
-- limits are decided together. Nothing is written before everything has been checked.
--   KEYS[1] state, a hash   KEYS[2] line, a sorted set   KEYS[3] the node's marker, if it is in reach; looked at for
--   an exchange that may be the first of its session here (acked is 0, or it resumes), and may be left out for others
--   ARGV[1] the request     ARGV[2] a clock in Unix microseconds, for tests
--   Reply: MessagePack, a list whose first says what it is; lua/README.md names them. One string costs less than so many
--   integers, and is kept for a repeat as it is.
-- Twin: src/ledger.rs

local LAYOUT, SWEEP, WAKES, PAUSED, CHECKS = 1, 4, 8, 2000000, 8
local META, META_AND_NODE = '<dddddddd', '<ddddddddc0'
local DONE, NO_STATE, OTHER_NODE, LOST, STALE, OTHER_TIME, NEWER, REFUSED = 0, 1, 2, 3, 4, 5, 6, 7
local WHOLE, ARRIVED, ENDED, UNSENT = 0, 1, 2, 3

local sound, request, seq, acked, settle, lease, node, causes, completes, adjusts, cools, seen, flights, journal =
  pcall(read_request)
if not sound then return cmsgpack.pack({ REFUSED, request }) end
local list, resumes = request.list, flights ~= nil
local wall = ARGV[2] and tonumber(ARGV[2])
if not wall then
  local time = redis.call('TIME')
  wall = time[1] * 1000000 + time[2]
end

local mine = 's:' .. request.session
local terms_of, other_time = request.limits, false
local names = { 'm', 'p', mine, nil }
for i = 1, #terms_of do
  local terms = terms_of[i]
  names[#names + 1] = 'l:' .. terms[1]
  if request.strangers then names[#names + 1] = 'y:' .. terms[1] end
  if terms[2] == FIXED_WINDOW and terms[10] > 0 and (wall < terms[7] or wall >= terms[10]) then other_time = true end
end
local found = redis.call('HMGET', KEYS[1], unpack(names))
local packed, pause, held = found[1], found[2], found[3]
for i = 4, #names do fields[names[i]] = found[i] end

-- Whether there is state, the node it is of, what is added to `TIME`, the time of the last exchange, what the line goes by: the
-- last place given out, when to look next whether something may be dropped.
local fresh, used_on, lineup = not packed, nil, nil
local offset, last, settle_until, horizon, expires = 0, wall, 0, 0, 0
if packed then
  local layout, places, next_look, after
  layout, offset, last, places, settle_until, next_look, horizon, expires, after = struct.unpack(META, packed)
  if layout > LAYOUT then return cmsgpack.pack({ NEWER, layout }) end
  used_on, lineup = string.sub(packed, after), { places = places, next_look = next_look }
end
local me = held and read_session(held)

-- Why this exchange must not be done; decided before anything is written.
if other_time then return cmsgpack.pack({ OTHER_TIME, wall }) end
if fresh then
  if acked > 0 and not resumes then return cmsgpack.pack({ LOST }) end
  if settle < 0 then return cmsgpack.pack({ NO_STATE }) end
  -- Who looked before the node forgot would take a budget for new that others have spent from.
  local marker = KEYS[3] and redis.call('GET', KEYS[3])
  if marker ~= nil and marker ~= string.match(node, '^[^ ]*') then return cmsgpack.pack({ NO_STATE }) end
else
  if me then
    if me.seq == seq then
      -- What the stored reply granted is held from now on: the session lives as from a new one.
      me.lease_end = math.max(me.lease_end, math.max(last, wall + offset) + lease)
      me.reply = string.sub(held, me.reply_at)
      flush_fields({ mine, pack_session(me) })
      return me.reply
    end
    if me.seq > seq then return cmsgpack.pack({ STALE }) end
  end
  if not resumes then
    if used_on ~= node then return cmsgpack.pack({ OTHER_NODE, used_on }) end
    if (me and me.seq or 0) < acked then return cmsgpack.pack({ LOST }) end
  end
end

-- From here on things change. Time keeps the clock's pace, but never goes back.
lineup = lineup or { places = 0, next_look = NOWHERE }
if wall + offset < last then offset = last - wall end
last = wall + offset
local t = { now = last, wall = wall }
if fresh then redis.call('ZADD', KEYS[2], '0', '!') end

-- Drops sessions whose lease ended, and limits of scope values that nobody uses: a few at a time.
for _ = 1, SWEEP do
  if lineup.next_look > t.now then break end
  local first = redis.call('ZRANGEBYLEX', KEYS[2], '[x|', '(x}', 'LIMIT', '0', '1')[1]
  lineup.next_look = first and struct.unpack('>I7', first, 3) or NOWHERE
  if lineup.next_look > t.now then break end
  redis.call('ZREM', KEYS[2], first)
  local what, name = string.sub(first, 10, 10), string.sub(first, 12)
  if what == 's' then
    local packed = get_field('s:' .. name)
    local session = packed and read_session(packed)
    if session and session.lease_end > t.now then
      parts().line().look_at(lineup, session.lease_end, 's|' .. name)
    elseif session then
      -- All that it held landed when its lease ended, at the latest.
      local age = math.max(t.now - session.lease_end, 0)
      for key, held in pairs(session.flights) do
        local limit = read_limit(key)
        if limit then
          limit.is.roll(limit, t)
          land(limit, held, held, age, t)
        end
      end
      for _, place in pairs(session.places) do parts().wait().leave(place, name) end
      set_field('s:' .. name, nil)
      set_field('w:' .. name, nil)
      if name == request.session then me = nil end
    end
  else
    local limit = read_limit(name)
    if limit then
      limit.is.roll(limit, t)
      if parts().seldom().idle(limit, t) then
        parts().seldom().drop(limit)
        known[name] = false
      else
        parts().line().look_at_limit(lineup, limit, t.now)
      end
    end
  end
end

if used_on ~= node then
  settle_until = math.max(settle_until, t.now + math.max(settle, 0))
end
if not me then
  me = { seq = 0, since = t.now, lease_end = t.now, calls = 0, flights = {}, places = {}, reply = false }
  set_field('w:' .. request.session, request.who)
end

local limits = { nil }
for i = 1, #terms_of do
  local terms = terms_of[i]
  local limit = read_limit(terms[1])
  if limit then
    redefine(limit, terms, t)
  else
    limit = parts().seldom().new(terms, t)
    -- Units that age from their grant are never in flight, so nothing would tell how a trial went.
    if request.strangers and not request.at_grant then parts().feedback().try(limit, t) end
    known[terms[1]] = limit
    if string.find(terms[1], '@', 1, true) then parts().line().look_at_limit(lineup, limit, t.now) end
  end
  limit.is.roll(limit, t)
  limits[i] = limit
  if horizon < 2 * limit.per then horizon = 2 * limit.per end
end

-- Enters again what the store forgot: all that the session holds, and what it used that was not heard of.
if resumes then
  local truly = {}
  for i = flights + 1, flights + 2 * list[flights], 2 do truly[limits[list[i]].key] = list[i + 1] end
  for _, limit in ipairs(limits) do
    local believed, now = me.flights[limit.key] or 0, truly[limit.key] or 0
    if now > believed then
      grant(limit, now - believed, t)
    else
      parts().seldom().unsent(limit, believed - now)
    end
    me.flights[limit.key] = now > 0 and now or nil
    truly[limit.key] = now
  end
  for key, believed in pairs(me.flights) do
    if not truly[key] then
      local limit = read_limit(key)
      if limit then
        limit.is.roll(limit, t)
        parts().seldom().unsent(limit, believed)
      end
      me.flights[key] = nil
    end
  end
  for i = journal + 1, journal + 4 * list[journal], 4 do
    local limit, units, age, reported = list[i], list[i + 1], list[i + 2], list[i + 3]
    if reported > me.seq then land(limits[limit], units, 0, age, t) end
  end
end

for c = 1, list[causes] do
  local i = cools + 5 * (c - 1)
  local said = { age = list[i + 1], wait = list[i + 2], penalty = list[i + 3], most = list[i + 4], cause = list[causes + c] }
  parts().feedback().cool(limits[list[i]], said, request.limits[list[i]][3], request, t)
end

for i = completes + 1, completes + 5 * list[completes], 5 do
  local costs, count, age, hold, part = request.classes[list[i]], list[i + 1], list[i + 2], list[i + 3], list[i + 4]
  if part == UNSENT then me.calls = math.max(me.calls - count, 0) end
  for j = costs + 1, costs + 2 * list[costs], 2 do
    local limit = limits[list[j]]
    local to_the_end = limit.kind == CONCURRENCY
    if not (part == ARRIVED and to_the_end) and not (part == ENDED and not to_the_end) then
      local units = list[j + 1] * count
      local flying = me.flights[limit.key] or 0
      local held = units < flying and units or flying
      me.flights[limit.key] = flying > held and flying - held or nil
      if part == UNSENT then
        parts().seldom().unsent(limit, held)
      else
        land(limit, units, held, age, t)
        learn_hold(limit, hold, count)
        if limit.told and parts().feedback().answered(limit, units, age + hold, t) then limit.early = true end
      end
      if part == UNSENT or to_the_end then limit.early = true end
    end
  end
end
for i = adjusts + 1, adjusts + 3 * list[adjusts], 3 do
  local l, units, age = list[i], list[i + 1], list[i + 2]
  parts().seldom().adjust(limits[l], units, age, t)
  if units < 0 then limits[l].early = true end
end

for i = seen + 1, seen + 4 * list[seen], 4 do
  local l, age, quota, remaining = list[i], list[i + 1], list[i + 2], list[i + 3]
  parts().feedback().see(limits[l], age, quota, remaining, request.limits[l][3], t)
  redefine(limits[l], request.limits[l], t)
end

-- While an operator has paused the budget, it is asked again and again whether that is over.
local held_up = settle_until - t.now
local paused_until = pause and struct.unpack('<d', pause) or 0
local paused = paused_until > t.now
local all_held = held_up
if paused then
  held_up = math.max(held_up, math.min(paused_until - t.now, PAUSED))
  all_held = paused_until < NOWHERE and math.max(held_up, paused_until - t.now) or held_up
end

-- Those in line are served in the order of their places, then those who have none.
local asks, order = request.asks, nil
if #asks > 1 then
  local places = {}
  order = {}
  for i = 1, #asks do
    local place = me.places[list[asks[i]]]
    places[i], order[i] = place and place[1] or NOWHERE, i
  end
  table.sort(order, function(a, b) return places[a] < places[b] or (places[a] == places[b] and a < b) end)
end
local reply = { DONE, paused and -held_up or held_up > 0 and held_up or 0, #limits, nil, nil, nil, nil, nil }
for o = 1, #asks do
  local i = order and order[o] or o
  local ask, at = asks[i], 4 * i + #limits
  if held_up > 0 and list[ask + 2] > 0 then
    reply[at], reply[at + 1], reply[at + 2], reply[at + 3] = 0, held_up, all_held, 0
    parts().wait().stand_by(ask, me, request, t.now + held_up)
  else
    reply[at], reply[at + 1], reply[at + 2], reply[at + 3] = serve_ask(ask, me, limits, request, lineup, t)
  end
  me.calls = me.calls + reply[at]
end

-- What is free now. What came free early is offered to the nearest sleepers.
local woken = nil
for i = 1, #limits do
  local limit = limits[i]
  local free = free_units(limit, t)
  reply[3 + i] = free
  if limit.told then parts().feedback().note(limit, t) end
  if limit.early and limit.waiting > 0 and free > 0 and held_up <= 0 then
    woken = woken or {}
    for _, session in ipairs(parts().line().nearest(limit.key, request.session, t.now, math.min(free, WAKES))) do
      if not woken[session] then
        woken[session] = true
        local channel = string.match(KEYS[1], '^[^{]*') .. 'wake:' .. string.match(session, '^[^.]*')
        redis.call('PUBLISH', channel, session)
      end
    end
  end
end

-- One that only waits need not call so often: the farther its turn, the less.
local needed = t.now
if next(me.flights) == nil then
  for _, place in pairs(me.places) do needed = math.max(needed, t.now + math.floor((place[2] - t.now) / CHECKS)) end
end
local lease_end = needed + lease
-- It may end before that of one that waited longer.
if me.seq == 0 or lease_end < me.lease_end then parts().line().look_at(lineup, lease_end, 's|' .. request.session) end
me.seq, me.lease_end, me.reply = seq, lease_end, cmsgpack.pack(reply)

-- An expiry is garbage collection, never part of a decision: it comes long after everything has aged out.
local keep = 2 * (horizon + lease + FORGET)
local renew = not paused and needed + keep / 2 > expires
if renew then expires = needed + keep end
local m = struct.pack(
  META_AND_NODE, LAYOUT, offset, last, lineup.places, settle_until, lineup.next_look, horizon, expires, node
)
local sets = { 'm', m, mine, pack_session(me), nil, nil, nil, nil }
for key, limit in pairs(known) do
  if limit then
    local n = #sets
    sets[n + 1], sets[n + 2] = 'l:' .. key, pack_limit(limit)
    if limit.told then sets[n + 3], sets[n + 4] = 'y:' .. key, parts().feedback().packed(limit) end
  end
end
flush_fields(sets)
if renew then
  local ms = math.floor((expires - t.now) / 1000)
  redis.call('PEXPIRE', KEYS[1], ms)
  redis.call('PEXPIRE', KEYS[2], ms)
end
return me.reply
