-- Whether an exchange makes sense, before it changes anything: a negative or broken number must not mint permits.
-- Every number of every exchange goes through here, so the checks are loops and comparisons rather than calls.
-- Twin: src/ledger/validate.rs

local Request = (function()

local MAX_UNITS, MAX_TIME, MAX_INTEGER, MAX_LEVEL = 1099511627775, 10 * 366 * 86400000000, 9007199254740991, 70368744177664

-- Stops reading with a reason; nothing has been written yet.
local function refuse(why) error(why, 0) end

local function range(what, n) refuse(what .. ' is ' .. tostring(n) .. ', which is out of its range') end

-- A list of whole numbers, from place `from` on, so many to a record.
local function numbers(what, l, from, length)
  if type(l) ~= 'table' then refuse(what .. ' is not a list') end
  if (#l - from + 1) % length ~= 0 then refuse(what .. ' is cut short') end
  for i = from, #l do
    local n = l[i]
    -- What is no number fails in the first comparison, which refuses the request just as well.
    if n % 1 ~= 0 or n > MAX_INTEGER or n < -MAX_INTEGER then range('a number of ' .. what, n) end
  end
  return #l
end

-- State is taken out for an exchange and put back after it: what stands twice would be counted once.
local function once(what, seen, thing)
  if seen[thing] then refuse(what .. ' stands twice') end
  seen[thing] = true
end

local function check_terms(terms)
  numbers('a limit', terms, 2, 1)
  local key, kind, capacity, p, q, r = terms[1], terms[2], terms[3], terms[4], terms[5], terms[6]
  if type(key) ~= 'string' or #key < 1 or #key > 256 or string.find(key, '|', 1, true) then refuse('the name of a limit is no name') end
  if #terms < 3 or capacity < 1 or capacity > MAX_UNITS then range('a quota', capacity) end
  if kind == 1 or kind == 3 then
    if not p or p < 1 or p > MAX_TIME then range('a period', p) end
    if kind == 3 then
      if not q or q < 0 or q > p / 2 then range('a skew', q) end
      if not r or r < 0 or r > MAX_TIME then range('an offset', r) end
      if #terms ~= 6 and #terms ~= 10 then refuse('the edges of a window are cut short') end
      for i = 8, #terms do
        if terms[i] <= terms[i - 1] then refuse('the edges of a window do not rise') end
      end
    end
  elseif kind == 2 then
    if not p or p < 1 or p > MAX_UNITS then range('a refill', p) end
    if not q or q < 1 or q > MAX_TIME then range('a refill time', q) end
    if capacity * q > MAX_LEVEL then range('burst times refill time', capacity * q) end
  elseif kind ~= 4 then
    range('a kind', kind)
  end
end

-- A cooldown: { limit, age, wait (-1: nobody said), penalty, the longest penalty, cause }.
local function check_cool(cool, limits)
  if type(cool) ~= 'table' or #cool ~= 6 then refuse('a cooldown is cut short') end
  local limit, age, wait, penalty, most, cause = cool[1], cool[2], cool[3], cool[4], cool[5], cool[6]
  if type(cause) ~= 'string' or #cause > 256 then refuse('the cause of a cooldown is no text') end
  numbers('a cooldown', { limit, age, wait, penalty, most }, 1, 5)
  if limit < 1 or limit > limits then range('the limit of a cooldown', limit) end
  if age < 0 or age > MAX_TIME then range('the age of a cooldown', age) end
  if wait < -1 or wait > MAX_TIME then range('a cooldown', wait) end
  if penalty < 0 or penalty > 4294967296 then range('a penalty', penalty) end
  if most < 0 or most > MAX_TIME then range('a longest penalty', most) end
end

-- Reads ARGV[1]: one MessagePack list; lua/README.md names its places.
local function read()
  local ok, request = pcall(cmsgpack.unpack, ARGV[1])
  if not ok or type(request) ~= 'table' then refuse('the request is not a MessagePack list') end
  local form, session, who, seq, acked, node, settle, lease, at_grant, terms, classes, completes, adjusts, asks, resume, cools, seen =
    unpack(request, 1, 17)
  if form ~= 1 then range('the form of the request', form) end
  if type(session) ~= 'string' or #session < 1 or #session > 64 then refuse('the session is no name') end
  if type(who) ~= 'string' or type(node) ~= 'string' then refuse('who or node is no text') end
  numbers('the head', { seq, acked, settle, lease, at_grant }, 1, 5)
  if seq < 1 then range('seq', seq) end
  if acked < 0 or acked >= seq then range('acked', acked) end
  if settle < -1 or settle > 60000000 then range('settle', settle) end
  if lease < 1 or lease > MAX_TIME then range('lease', lease) end
  if type(terms) ~= 'table' or type(classes) ~= 'table' or type(asks) ~= 'table' then refuse('a list is missing') end
  local limits, known, dearest = #terms, #classes, {}
  local keys, routes = {}, {}
  for i = 1, limits do
    if type(terms[i]) ~= 'table' then refuse('a limit is not a list') end
    check_terms(terms[i])
    once('a limit', keys, terms[i][1])
  end
  for c = 1, known do
    local class, mine, dear = classes[c], {}, 0
    if numbers('a class', class, 1, 2) < 2 then refuse('a class is empty') end
    for j = 1, #class, 2 do
      local limit, cost = class[j], class[j + 1]
      if limit < 1 or limit > limits then range('the limit of a class', limit) end
      if cost < 1 or cost > terms[limit][3] then range('a cost', cost) end
      once('a limit of a class', mine, limit)
      if cost > dear then dear = cost end
    end
    dearest[c] = dear
  end
  for i = 1, numbers('completes', completes, 1, 5), 5 do
    local class, count, age, hold, part = completes[i], completes[i + 1], completes[i + 2], completes[i + 3], completes[i + 4]
    if class < 1 or class > known then range('a class that completes', class) end
    if count < 1 or count * dearest[class] > MAX_UNITS then range('the count of what completes, or its units', count) end
    if age < 0 or age > MAX_TIME or hold < 0 or hold > MAX_TIME then range('the age or hold of what completes', age) end
    if part < 0 or part > 3 then range('a part', part) end
  end
  for i = 1, numbers('the units and ages of adjusts', adjusts, 1, 3), 3 do
    local limit, units, age = adjusts[i], adjusts[i + 1], adjusts[i + 2]
    if limit < 1 or limit > limits then range('the limit of an adjust', limit) end
    if units < -MAX_UNITS or units > MAX_UNITS then range('the units of an adjust', units) end
    if age < 0 or age > MAX_TIME then range('the age of an adjust', age) end
  end
  if type(cools) ~= 'table' then refuse('cools is not a list') end
  for i = 1, #cools do check_cool(cools[i], limits) end
  for i = 1, numbers('seen', seen, 1, 4), 4 do
    local limit, age, quota, remaining = seen[i], seen[i + 1], seen[i + 2], seen[i + 3]
    if limit < 1 or limit > limits then range('the limit of what was seen', limit) end
    if age < 0 or age > MAX_TIME then range('the age of what was seen', age) end
    if quota < -1 or quota > MAX_UNITS then range('the quota of what was seen', quota) end
    if remaining < -1 or remaining > MAX_UNITS then range('what is left', remaining) end
  end
  for a = 1, #asks do
    local ask = asks[a]
    if numbers('an ask', ask, 1, 2) < 2 or ask[1] < 0 or ask[2] < 0 or ask[2] > 1 then refuse('an ask has no route') end
    once('a route', routes, ask[1])
    for i = 3, #ask, 2 do
      if ask[i] < 1 or ask[i] > known then range('the class of an ask', ask[i]) end
      if ask[i + 1] < 1 or ask[i + 1] > MAX_UNITS then range('the count of an ask', ask[i + 1]) end
    end
  end
  if resume then
    if type(resume) ~= 'table' then refuse('resume is not a list') end
    local flights, journal = resume[1], resume[2]
    for i = 1, numbers('flights', flights, 1, 2), 2 do
      if flights[i] < 1 or flights[i] > limits then range('the limit of flights', flights[i]) end
      if flights[i + 1] < 0 or flights[i + 1] > MAX_UNITS then range('the units of flights', flights[i + 1]) end
    end
    for i = 1, numbers('journal', journal, 1, 4), 4 do
      local limit, units, age, reported = journal[i], journal[i + 1], journal[i + 2], journal[i + 3]
      if limit < 1 or limit > limits then range('the limit of a journal', limit) end
      if units < 0 or units > MAX_UNITS or age < 0 or age > MAX_TIME or reported < 0 then range('the units, age or seq of a journal', units) end
    end
  end
  return {
    session = session, who = who, seq = seq, acked = acked, node = node, settle = settle, lease = lease,
    at_grant = at_grant == 1, limits = terms, classes = classes, completes = completes, adjusts = adjusts, asks = asks,
    resume = resume, cools = cools, seen = seen,
  }
end

return {
  read = read,
}

end)()
