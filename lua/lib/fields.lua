-- Fields of the budget's hash, read once and written once: every other part goes through here.
-- KEYS[1] the hash, KEYS[2] the line (a sorted set of equal scores, ordered by its members).

local hash, line_key = KEYS[1], KEYS[2]
local fields, dirty = {}, {}

-- Reads several fields in one call.
local function prefetch(names)
  local values = redis.call('HMGET', hash, unpack(names))
  for i = 1, #names do
    fields[names[i]] = values[i]
  end
end

local function get(name)
  local value = fields[name]
  if value == nil then
    value = redis.call('HGET', hash, name)
    fields[name] = value
  end
  return value
end

local function set(name, value)
  fields[name] = value
  dirty[name] = true
end

local function drop(name)
  fields[name] = false
  dirty[name] = true
end

-- Writes what changed, a bounded number of fields a call.
local function flush()
  local sets, drops = {}, {}
  for name in pairs(dirty) do
    if fields[name] then
      sets[#sets + 1] = name
      sets[#sets + 1] = fields[name]
    else
      drops[#drops + 1] = name
    end
  end
  for i = 1, #sets, 1000 do
    redis.call('HSET', hash, unpack(sets, i, math.min(i + 999, #sets)))
  end
  for i = 1, #drops, 1000 do
    redis.call('HDEL', hash, unpack(drops, i, math.min(i + 999, #drops)))
  end
end
