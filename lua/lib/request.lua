-- Whether an exchange makes sense, before it changes anything: a negative or broken number must not mint permits.
-- Every number of every exchange goes through here, so the checks are comparisons rather than calls.
-- Twin: src/ledger/validate.rs

-- Stops reading with a reason, or with a number that is out of its range; nothing has been written yet.
local function refuse(what, n)
  error(n and what .. ' is ' .. tostring(n) .. ', which is out of its range' or what, 0)
end

-- Reads ARGV[1]: a run of MessagePack values, which lua/README.md names. Returns the request, with the whole run as its `list`;
-- seq, acked, settle, lease and node; and where in the list the causes, completes, adjusts, cools, seen, flights and journal
-- stand: the place of their number, which they follow. So do the classes and asks of the request: a class is the place of its
-- number, an ask that of its route. Cools have no number, they follow their place as many as there are causes; flights and
-- journal are nil where nothing resumes.
local function read_request()
  local FORM, SLICE, MAX_UNITS, MAX_TIME, MAX_INTEGER, MAX_LEVEL, MAX_PENALTY, MAX_CAUSE =
    1, 4000, 1099511627775, 10 * 366 * 86400000000, 9007199254740991, 70368744177664, 4294967296, 256
  -- One list of them all, made in one piece, since one that grows is copied again and again; only what does not fit on the
  -- stack comes later. Its first place is no value: it says where that starts.
  local packed, find = ARGV[1], string.find
  local list = { cmsgpack.unpack_limit(packed, SLICE) }
  local from, count = list[1], #list
  while from ~= -1 do
    local slice = { cmsgpack.unpack_limit(packed, SLICE, from) }
    for i = 2, #slice do list[count + i - 1] = slice[i] end
    from, count = slice[1], count + #slice - 1
  end
  local form, session, who, node, limits = list[2], list[3], list[4], list[5], list[6]
  if form ~= FORM then refuse('the form of the request', form) end
  if session <= '' or #session > 64 then refuse('the session is no name') end
  if who < '' or node < '' then refuse('who or node is no text') end
  if limits % 1 ~= 0 or limits < 0 or limits > count then refuse('how many limits', limits) end
  local causes, cause_at = list[7 + limits], 8 + limits
  if causes % 1 ~= 0 or causes < 0 or causes > count then refuse('how many causes', causes) end
  local at = cause_at + causes
  for i = cause_at, at - 1 do
    if list[i] < '' or #list[i] > MAX_CAUSE then refuse('the cause of a cooldown is too long') end
  end
  -- From here on there are numbers only. What is none fails in its comparison, and so does what is cut short: that refuses it
  -- just as well. Fractions and what is no number at all come in the two forms of a float, so without their marks there are
  -- none.
  if find(packed, '\202', 1, true) or find(packed, '\203', 1, true) then
    for i = at, count do
      if list[i] % 1 ~= 0 then refuse('a number', list[i]) end
    end
  end
  local seq, acked, settle, lease = list[at], list[at + 1], list[at + 2], list[at + 3]
  local at_grant, strangers, resumes = list[at + 4], list[at + 5], list[at + 6]
  if seq < 1 or seq > MAX_INTEGER then refuse('seq', seq) end
  if acked < 0 or acked >= seq then refuse('acked', acked) end
  if settle < -1 or settle > 60000000 then refuse('settle', settle) end
  if lease < 1 or lease > MAX_TIME then refuse('lease', lease) end
  if at_grant ~= 0 and at_grant ~= 1 then refuse('a switch', at_grant) end
  if strangers ~= 0 and strangers ~= 1 then refuse('a switch', strangers) end
  if resumes ~= 0 and resumes ~= 1 then refuse('a switch', resumes) end
  at = at + 7

  local seen, terms = limits > 1 and {}, { nil }
  for i = 1, limits do
    local key, kind, capacity, p, q, r = list[6 + i], list[at], list[at + 1], list[at + 2], list[at + 3], list[at + 4]
    local parameters = kind == 1 and 1 or kind == 2 and 2 or kind == 3 and 7 or kind == 4 and 0
    if key <= '' or #key > 256 or find(key, '|', 1, true) then refuse('the name of a limit is no name') end
    if seen and seen[key] then refuse('a limit stands twice') end
    if seen then seen[key] = true end
    if not parameters then refuse('the kind of a limit', kind) end
    if capacity < 1 or capacity > MAX_UNITS then refuse('a quota', capacity) end
    if kind == 2 then
      if p < 1 or p > MAX_UNITS then refuse('a refill', p) end
      if q < 1 or q > MAX_TIME then refuse('a refill time', q) end
      if capacity * q > MAX_LEVEL then refuse('burst times refill time', capacity * q) end
    elseif kind ~= 4 and (p < 1 or p > MAX_TIME) then
      refuse('a period', p)
    end
    if kind == 3 then
      if q < 0 or q > p / 2 then refuse('a skew', q) end
      if r < 0 or r > MAX_TIME then refuse('an offset', r) end
      if list[at + 5] < 0 then refuse('an edge', list[at + 5]) end
      for edge = at + 6, list[at + 8] == 0 and 0 or at + 8 do
        if list[edge] <= list[edge - 1] or list[edge] > MAX_INTEGER then refuse('the edges of a window do not rise') end
      end
    end
    terms[i] = kind == 3 and { key, unpack(list, at, at + 8) } or { key, kind, capacity, p, q }
    at = at + 2 + parameters
  end
  local classes, known = { nil }, list[at]
  at = at + 1
  for c = 1, known do
    local last = at + 2 * list[at]
    if last <= at then refuse('a class is empty') end
    local mine = last > at + 2 and {}
    for i = at + 1, last, 2 do
      local limit, cost = list[i], list[i + 1]
      if limit < 1 or limit > limits then refuse('the limit of a class', limit) end
      if cost < 1 or cost > terms[limit][3] then refuse('a cost', cost) end
      if mine and mine[limit] then refuse('a limit of a class stands twice') end
      if mine then mine[limit] = true end
    end
    classes[c] = at
    at = last + 1
  end
  local completes, last = at, at + 5 * list[at]
  if last < at then refuse('how many completes', list[at]) end
  for i = at + 1, last, 5 do
    local class, times, age, hold, part = list[i], list[i + 1], list[i + 2], list[i + 3], list[i + 4]
    if class < 1 or class > known then refuse('a class that completes', class) end
    if times < 1 then refuse('the count of what completes', times) end
    local costs = classes[class]
    for j = costs + 2, costs + 2 * list[costs], 2 do
      if times * list[j] > MAX_UNITS then refuse('the units of what completes', times) end
    end
    if age < 0 or age > MAX_TIME or hold < 0 or hold > MAX_TIME then refuse('the age or hold of what completes', age) end
    if part < 0 or part > 3 then refuse('a part', part) end
  end
  local adjusts = last + 1
  last = adjusts + 3 * list[adjusts]
  if last < adjusts then refuse('how many adjusts', list[adjusts]) end
  for i = adjusts + 1, last, 3 do
    local limit, units, age = list[i], list[i + 1], list[i + 2]
    if limit < 1 or limit > limits then refuse('the limit of an adjust', limit) end
    if units < -MAX_UNITS or units > MAX_UNITS then refuse('the units of an adjust', units) end
    if age < 0 or age > MAX_TIME then refuse('the age of an adjust', age) end
  end
  local cools = last + 1
  last = last + 5 * causes
  for i = cools, last, 5 do
    local limit, age, wait, penalty, most = list[i], list[i + 1], list[i + 2], list[i + 3], list[i + 4]
    if limit < 1 or limit > limits then refuse('the limit of a cooldown', limit) end
    if age < 0 or age > MAX_TIME then refuse('the age of a cooldown', age) end
    if wait < -1 or wait > MAX_TIME then refuse('a cooldown', wait) end
    if penalty < 0 or penalty > MAX_PENALTY then refuse('a penalty', penalty) end
    if most < 0 or most > MAX_TIME then refuse('a longest penalty', most) end
  end
  local sights = last + 1
  last = sights + 4 * list[sights]
  if last < sights then refuse('how many were seen', list[sights]) end
  for i = sights + 1, last, 4 do
    local limit, age, quota, remaining = list[i], list[i + 1], list[i + 2], list[i + 3]
    if limit < 1 or limit > limits then refuse('the limit of what was seen', limit) end
    if age < 0 or age > MAX_TIME then refuse('the age of what was seen', age) end
    if quota < -1 or quota > MAX_UNITS then refuse('the quota of what was seen', quota) end
    if remaining < -1 or remaining > MAX_UNITS then refuse('what is left', remaining) end
  end
  local asks, routes, wanted = { nil }, nil, list[last + 1]
  at = last + 2
  if wanted > 1 then routes = {} end
  for a = 1, wanted do
    local route, wait = list[at], list[at + 1]
    if route < 0 or route > MAX_INTEGER or wait < 0 or wait > 1 then refuse('an ask has no route') end
    if routes and routes[route] then refuse('a route stands twice') end
    if routes then routes[route] = true end
    last = at + 2 + 2 * list[at + 2]
    if last < at + 2 then refuse('how many runs', list[at + 2]) end
    for i = at + 3, last, 2 do
      if list[i] < 1 or list[i] > known then refuse('the class of an ask', list[i]) end
      if list[i + 1] < 1 or list[i + 1] > MAX_UNITS then refuse('the count of an ask', list[i + 1]) end
    end
    asks[a] = at
    at = last + 1
  end
  local flights, journal
  if resumes == 1 then
    flights, last = at, at + 2 * list[at]
    if last < at then refuse('how many flights', list[at]) end
    for i = at + 1, last, 2 do
      if list[i] < 1 or list[i] > limits then refuse('the limit of flights', list[i]) end
      if list[i + 1] < 0 or list[i + 1] > MAX_UNITS then refuse('the units of flights', list[i + 1]) end
    end
    journal = last + 1
    last = journal + 4 * list[journal]
    if last < journal then refuse('how many of a journal', list[journal]) end
    for i = journal + 1, last, 4 do
      local limit, units, age, reported = list[i], list[i + 1], list[i + 2], list[i + 3]
      if limit < 1 or limit > limits then refuse('the limit of a journal', limit) end
      if units < 0 or units > MAX_UNITS or age < 0 or age > MAX_TIME then refuse('the units or age of a journal', units) end
      if reported < 0 or reported > MAX_INTEGER then refuse('the seq of a journal', reported) end
    end
    at = last + 1
  end
  if at ~= count + 1 then refuse('the request is of another length') end
  local request = {
    list = list, session = session, who = who, at_grant = at_grant == 1, strangers = strangers == 1, limits = terms,
    classes = classes, asks = asks,
  }
  return request, seq, acked, settle, lease, node, 7 + limits, completes, adjusts, cools, sights, flights, journal
end
