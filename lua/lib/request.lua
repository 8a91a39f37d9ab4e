-- Whether an exchange makes sense, before it changes anything: a negative or broken number must not mint permits.
-- Twin: src/ledger/validate.rs

local Request = {}
do (function()

local MAX_UNITS, MAX_TIME, MAX_INTEGER = 1099511627775, 10 * 366 * 86400000000, 9007199254740991

-- Stops reading with a reason; nothing has been written yet.
local function refuse(why) error(why, 0) end

local function whole(what, n, low, high)
  if type(n) ~= 'number' or n ~= math.floor(n) or n < low or n > high then
    refuse(what .. ' is ' .. tostring(n) .. ', not a whole number from ' .. string.format('%.0f to %.0f', low, high))
  end
  return n
end

local function text(what, s, longest)
  if type(s) ~= 'string' or #s < 1 or #s > longest or string.find(s, '|', 1, true) then refuse(what .. ' is not a name') end
  return s
end

local function list(what, l)
  if type(l) ~= 'table' then refuse(what .. ' is not a list') end
  return l
end

-- State is taken out for an exchange and put back after it: what stands twice would be counted once.
local function once(what, seen, thing)
  if seen[thing] then refuse(what .. ' stands twice') end
  seen[thing] = true
end

local function check_terms(terms)
  text('name of a limit', list('a limit', terms)[1], 256)
  local kind = whole('kind', terms[2], 1, 4)
  whole('quota', terms[3], 1, MAX_UNITS)
  if kind == 1 or kind == 3 then whole('period', terms[4], 1, MAX_TIME) end
  if kind == 2 then
    whole('refill', terms[4], 1, MAX_UNITS)
    whole('refill time', terms[5], 1, MAX_TIME)
    whole('burst times refill time', terms[3] * terms[5], 1, 70368744177664)
  elseif kind == 3 then
    whole('skew', terms[5], 0, math.floor(terms[4] / 2))
    whole('offset', terms[6], 0, MAX_TIME)
    for i = 7, terms[7] and 10 or 6 do whole('edge', terms[i], i == 7 and 0 or terms[i - 1] + 1, MAX_INTEGER) end
  end
end

-- A flat list of records, each so many numbers long.
local function records(what, l, length)
  if #list(what, l) % length ~= 0 then refuse(what .. ' is cut short') end
  return #l
end

-- Reads ARGV[1]: one MessagePack list; lua/README.md names its places.
function Request.read()
  local ok, r = pcall(cmsgpack.unpack, ARGV[1])
  if not ok or type(r) ~= 'table' then refuse('the request is not a MessagePack list') end
  whole('version of the request', r[1], 1, 1)
  local request = {
    session = text('session', r[2], 64), who = r[3], seq = whole('seq', r[4], 1, MAX_INTEGER), acked = r[5], node = r[6],
    settle = whole('settle', r[7], -1, 60000000), lease = whole('lease', r[8], 1, MAX_TIME), at_grant = r[9] == 1,
    limits = list('limits', r[10]), classes = list('classes', r[11]), completes = r[12], adjusts = r[13],
    asks = list('asks', r[14]), resume = r[15], cools = r[16],
  }
  whole('acked', request.acked, 0, request.seq - 1)
  if type(request.who) ~= 'string' or type(request.node) ~= 'string' then refuse('who or node is not text') end
  local keys, routes = {}, {}
  for _, terms in ipairs(request.limits) do
    check_terms(terms)
    once('a limit', keys, terms[1])
  end
  local limits, classes = #request.limits, #request.classes
  local dearest = {}
  for c, class in ipairs(request.classes) do
    if #list('a class', class) < 2 or #class % 2 ~= 0 then refuse('a class is cut short') end
    dearest[c] = 0
    local mine = {}
    for j = 1, #class, 2 do
      whole('limit', class[j], 1, limits)
      once('a limit of a class', mine, class[j])
      dearest[c] = math.max(dearest[c], whole('cost', class[j + 1], 1, request.limits[class[j]][3]))
    end
  end
  local completes, adjusts = request.completes, request.adjusts
  for i = 1, records('completes', completes, 5), 5 do
    local class = whole('class', completes[i], 1, classes)
    whole('units', whole('count', completes[i + 1], 1, MAX_UNITS) * dearest[class], 1, MAX_UNITS)
    whole('age', completes[i + 2], 0, MAX_TIME)
    whole('hold', completes[i + 3], 0, MAX_TIME)
    whole('part', completes[i + 4], 0, 3)
  end
  for i = 1, records('adjusts', adjusts, 3), 3 do
    whole('limit', adjusts[i], 1, limits)
    whole('units', adjusts[i + 1], -MAX_UNITS, MAX_UNITS)
    whole('age', adjusts[i + 2], 0, MAX_TIME)
  end
  for i = 1, records('cools', request.cools, 2), 2 do
    whole('limit', request.cools[i], 1, limits)
    whole('cooldown', request.cools[i + 1], 0, MAX_TIME)
  end
  for _, ask in ipairs(request.asks) do
    whole('route', list('an ask', ask)[1], 0, MAX_INTEGER)
    once('a route', routes, ask[1])
    whole('wait', ask[2], 0, 1)
    if #ask % 2 ~= 0 then refuse('an ask is cut short') end
    for i = 3, #ask, 2 do
      whole('class', ask[i], 1, classes)
      whole('count', ask[i + 1], 1, MAX_UNITS)
    end
  end
  if request.resume then
    local flights, journal = list('resume', request.resume)[1], request.resume[2]
    for i = 1, records('flights', flights, 2), 2 do
      whole('limit', flights[i], 1, limits)
      whole('units', flights[i + 1], 0, MAX_UNITS)
    end
    for i = 1, records('journal', journal, 4), 4 do
      whole('limit', journal[i], 1, limits)
      whole('units', journal[i + 1], 0, MAX_UNITS)
      whole('age', journal[i + 2], 0, MAX_TIME)
      whole('seq', journal[i + 3], 0, MAX_INTEGER)
    end
  end
  return request
end

end)() end
