-- Waiting for a turn: when it comes, by what is in use and who stands in line. Most exchanges get all that they ask for, so it
-- is made when one does not.
-- Twin: src/ledger/turn.rs

local Wait

local function wait()

if Wait then return Wait end
local Line = line()

local LONGEST_NAP, SEARCH, FARTHEST = 5000, 6, 1125899906842624

-- How long to sleep at least, so that what comes free one by one is taken several at a time.
local function nap_for(limit) return math.min(math.floor(limit.per / 200), LONGEST_NAP) end

-- So much later than its slot may a turn be due and still have it: times are estimates, off by a nap and by half of
-- the time that permits are held. Without it, who is served at the right moment finds a gap where there is none, time
-- and again the same one.
local function slack(limit) return nap_for(limit) + math.floor(limit.hold / 2) end

-- When the slot behind so many others comes free; the first takes `first` units beyond those free now.
local function slot_behind(limit, ahead, first, units, t)
  local k = math.min(ahead * units, FARTHEST) + first
  if k <= 0 then return t.now end
  return seldom().release(limit, k, t)
end

-- Until when units that are there are kept for someone else, or enough of them came to serve both.
local function kept_until(limit, first, units, place, t)
  if limit.owed_units == 0 or limit.owed_until <= t.now or limit.owed_place == place then return t.now end
  return math.min(slot_behind(limit, 0, first + limit.owed_units, units, t), limit.owed_until)
end

-- Whether a place's turn is still to come: it is asked for before that so that the store hears that the session lives, and
-- the session that those ahead of it are gone.
local function is_early(place, t) return place and place[2] > t.now + Line.EARLY end

-- How many take a slot before mine: the least number `a` of which it holds that no more than `a` of those ahead of me
-- are due about when slot `a + 1` comes free, or before. `was` is the place that is kept.
local function turns_ahead(limit, first, units, was, t)
  if is_early(was, t) then return Line.before(limit.key, was[2], was[1], t.now) end
  local place = was and was[1]
  local function due_by(a)
    local slot = slot_behind(limit, a, first, units, t) + slack(limit)
    if place then return Line.ahead_until(limit.key, place, slot, t.now) end
    return Line.due_until(limit.key, slot, t.now)
  end
  if place then
    -- One who came in turn and found nothing is near the front: count up.
    local ahead = 0
    for _ = 1, SEARCH do
      local due = due_by(ahead)
      if due <= ahead then break end
      ahead = due
    end
    return ahead
  end
  if first <= 0 then
    -- What is free now beyond what those take who are about to come is anyone's.
    local due = Line.due_until(limit.key, t.now + slack(limit), t.now)
    if slot_behind(limit, due, first, units, t) <= t.now then return due end
  end
  -- One who goes to the back is last, but for gaps in the line: look from there, ever farther, then in between.
  local below, found, step = limit.waiting - 1, limit.waiting, 1
  while below >= 0 and due_by(below) <= below do
    found, below, step = below, below - step, step * 2
  end
  below = math.max(below, -1)
  while found - below > 1 do
    local middle = math.floor((found + below) / 2)
    if due_by(middle) <= middle then found = middle else below = middle end
  end
  return found
end

-- When the first request of the class, { limit, units, limit, units ... }, can be served, and about when the last of those
-- wanted: the latest of its limits. Ahead of it on a limit count only those whose turn comes before that slot; who is bound
-- elsewhere takes none of it.
local function turn_slot(class, limits, was, wanted, t)
  local at, last, binding = t.now, t.now, class[1]
  for j = 1, #class, 2 do
    local limit, units = limits[class[j]], class[j + 1]
    local first = units - math.max(free_units(limit, t), 0)
    local ahead = turns_ahead(limit, first, units, was, t)
    local kept = kept_until(limit, first, units, was and was[1], t)
    local slot = math.max(slot_behind(limit, ahead, first, units, t), kept)
    if slot > at then at, binding = slot, class[j] end
    local rounds = (wanted - 1) * (limit.waiting + 1) + ahead + 1
    local k = math.min(rounds * units, FARTHEST) + first - units
    if k > 0 then last = math.max(last, seldom().release(limit, k, t)) end
  end
  -- To ask early costs nothing.
  if is_early(was, t) then at = math.min(at, was[2]) end
  return at, last, binding
end

local function settle_debt(limits, place)
  for _, limit in ipairs(limits) do
    if limit.owed_place == place then limit.owed_units, limit.owed_until, limit.owed_place = 0, 0, 0 end
  end
end

-- A request of several units that came in turn and found too few: they are kept for it as they come, or smaller ones
-- would take them for ever. All of its limits or none, so that two of them never wait for each other.
local function owe(class, limits, place, till, t)
  local several = false
  for j = 1, #class, 2 do
    local limit = limits[class[j]]
    several = several or class[j + 1] > 1
    if limit.owed_units > 0 and limit.owed_until > t.now and limit.owed_place ~= place then return end
  end
  if not several then return end
  for j = 1, #class, 2 do
    local limit = limits[class[j]]
    limit.owed_units, limit.owed_until, limit.owed_place = class[j + 1], till, place
  end
end

-- Takes a place out of the line: { place, due, wanted, limit, units, limit, units ... }. Returns it if it stood there.
local function leave(place, session)
  if #place < 4 then return nil end
  local members = {}
  for i = 4, #place, 2 do
    members[#members + 1] = Line.entry(place[i], place[2], place[1], place[i + 1], session)
    local limit = read_limit(place[i])
    if limit then limit.waiting = limit.waiting - 1 end
  end
  redis.call('ZREM', KEYS[2], unpack(members))
  return place
end

-- While nobody is served, until `due` at least. Who waits keeps the place that it has. Who has none gets one without limits:
-- operators see it, but it stands in no line, and no turn comes of it.
local function stand_by(ask, me, request, due)
  local list, wanted = request.list, 0
  local route = list[ask]
  local was = me.places[route]
  for i = ask + 4, ask + 2 + 2 * list[ask + 2], 2 do wanted = wanted + list[i] end
  if list[ask + 1] == 0 then
    if was then leave(was, request.session) end
    me.places[route] = nil
  elseif was and #was > 3 then
    was[3] = wanted
  else
    me.places[route] = { NOWHERE, due, wanted }
  end
end

-- What is left of an ask waits: `wanted` callers, the first of them of the class that stands at `class_at`, in the place that
-- they had or at the back. Returns the wait, the last and the binding of the reply.
local function queue(ask, class_at, wanted, served, was, me, limits, request, lineup, t)
  local list = request.list
  local class = { unpack(list, class_at + 1, class_at + 2 * list[class_at]) }
  local keeps_place, place = served == 0 and was ~= nil, was and was[1]
  if not keeps_place then
    if was then settle_debt(limits, place) end
    lineup.places = lineup.places + 1
    place = lineup.places
  end
  local at, last, binding = turn_slot(class, limits, keeps_place and was, wanted, t)
  local nap = LONGEST_NAP
  for j = 1, #class, 2 do nap = math.min(nap, nap_for(limits[class[j]])) end
  -- One who came in turn a little early would lose its slot by sleeping past it.
  if keeps_place and at > t.now then nap = 0 end
  local wait = math.max(at - t.now, nap)
  last = math.max(last - t.now, wait)
  if limits[binding].told and feedback().cooling(limits[binding], t) then binding = -binding end
  if list[ask + 1] == 0 then return wait, last, binding end
  local due = t.now + wait
  if keeps_place and was[2] <= t.now + Line.EARLY then owe(class, limits, place, due + Line.GRACE, t) end
  local mine, members = { place, due, wanted }, {}
  for j = 1, #class, 2 do
    local limit, units = limits[class[j]], class[j + 1]
    limit.waiting = limit.waiting + 1
    mine[#mine + 1], mine[#mine + 2] = limit.key, units
    members[#members + 1], members[#members + 2] = '0', Line.entry(limit.key, due, place, units, request.session)
  end
  redis.call('ZADD', KEYS[2], unpack(members))
  me.places[list[ask]] = mine
  return wait, last, binding
end

Wait = {
  slack = slack, settle_debt = settle_debt, leave = leave, stand_by = stand_by, queue = queue,
}
return Wait

end
