-- Fields of the budget's hash, read once and written once: every other part goes through here.
-- A script makes all of its functions at every call, so they are few. A large part is a function that runs once: its locals
-- are closed when it ends, which makes the functions behind it cheap. What most exchanges do without is made when it is first
-- called for: `feedback()`, `line()`, `wait()`.
-- KEYS[1] the hash, KEYS[2] the line (a sorted set of equal scores, ordered by its members).

-- Later than any time, and farther back than any place. Nothing is forgotten sooner than that after its last use.
local NOWHERE, FORGET = 9007199254740991, 60000000

local Fields = (function()

local hash, line_key = KEYS[1], KEYS[2]
local values, dirty = {}, {}

-- Reads several fields in one call, and keeps those from place `kept` on for who gets them.
local function prefetch(names, kept)
  local found = redis.call('HMGET', hash, unpack(names))
  for i = kept, #names do
    values[names[i]] = found[i]
  end
  return found
end

local function get(name)
  local value = values[name]
  if value == nil then
    value = redis.call('HGET', hash, name)
    values[name] = value
  end
  return value
end

local function set(name, value)
  values[name] = value
  dirty[name] = true
end

local function drop(name)
  values[name] = false
  dirty[name] = true
end

-- Writes what changed, and then `sets`: names and values that nothing reads any more. A bounded number of fields a call.
local function flush(sets)
  local BATCH, drops = 1000, nil
  for name in pairs(dirty) do
    if values[name] then
      local n = #sets
      sets[n + 1], sets[n + 2] = name, values[name]
    else
      drops = drops or {}
      drops[#drops + 1] = name
    end
  end
  -- What was dropped may have been made anew.
  for i = 1, drops and #drops or 0, BATCH do
    redis.call('HDEL', hash, unpack(drops, i, math.min(i + BATCH - 1, #drops)))
  end
  for i = 1, #sets, BATCH do
    redis.call('HSET', hash, unpack(sets, i, math.min(i + BATCH - 1, #sets)))
  end
end

return {
  hash = hash, line = line_key, values = values, prefetch = prefetch, get = get, set = set, drop = drop,
  flush = flush,
}

end)()
