-- One ask: what is granted of it now. Of the rest, wait.lua says when to ask again.
-- Twin: src/ledger/turn.rs

-- Units of a limit that this turn may take, whose first request takes `head`.
local function room_for(limit, head, place, t)
  local free = free_units(limit, t)
  if free < head and limit.told and parts().feedback().probes(limit, head, t) then free = math.min(limit.is.free(limit, t), head) end
  if limit.owed_units > 0 and limit.owed_until > t.now and limit.owed_place ~= place then
    free = free - limit.owed_units
  end
  if limit.waiting == 0 or free <= 0 then return free end
  free = free - parts().line().held_back(limit.key, place, t.now)
  -- A turn is one request; more when more is free than there are sessions about to come.
  if free < head then return free end
  return math.max(math.floor(free / (parts().line().due_until(limit.key, t.now + parts().wait().slack(limit), t.now) + 1)), head)
end

-- Grants callers in their order, as far as this turn reaches. Returns how many, and of the rest the class of the first
-- and how many they are.
local function grant_turn(ask, me, limits, request, place, t)
  local list, room, served = request.list, { nil }, 0
  local last = ask + 2 + 2 * list[ask + 2]
  for i = ask + 3, last, 2 do
    local class, count = request.classes[list[i]], list[i + 1]
    local last_cost, fit = class + 2 * list[class], count
    for j = class + 1, last_cost, 2 do
      local l, units = list[j], list[j + 1]
      if not room[l] then room[l] = room_for(limits[l], units, place, t) end
      if fit * units > room[l] then fit = math.floor(math.max(room[l], 0) / units) end
    end
    for j = class + 1, fit > 0 and last_cost or 0, 2 do
      local l, units = list[j], list[j + 1] * fit
      local limit = limits[l]
      room[l] = room[l] - units
      grant(limit, units, t)
      if request.at_grant and limit.kind ~= CONCURRENCY then
        land(limit, units, units, 0, t)
      else
        me.flights[limit.key] = (me.flights[limit.key] or 0) + units
      end
    end
    served = served + fit
    if fit < count then
      local behind = 0
      for k = i + 3, last, 2 do behind = behind + list[k] end
      return served, class, count - fit + behind
    end
  end
  return served
end

-- Serves one ask of a session. Returns how many are granted, the wait (-1: all are served), the last, and what binds them
-- (0: nothing; below zero: it cools down).
local function serve_ask(ask, me, limits, request, lineup, t)
  local route = request.list[ask]
  local was = me.places[route]
  if was then
    was = parts().wait().leave(was, request.session)
    me.places[route] = nil
  end
  local served, class, wanted = grant_turn(ask, me, limits, request, was and was[1] or NOWHERE, t)
  if class then return served, parts().wait().queue(ask, class, wanted, served, was, me, limits, request, lineup, t) end
  if was then parts().wait().settle_debt(limits, was[1]) end
  return served, -1, 0, 0
end
