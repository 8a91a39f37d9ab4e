-- Fields of the budget's hash, read once and written once: every other part goes through here.
-- A script makes its functions and tables anew at every call, which is a good part of what an exchange costs. So they are few,
-- and what most exchanges do without is made when it is first called for (parts.lua).
-- A list that grows is made again and again, so lists are made with room (`nil`) for one limit and one ask.
-- KEYS[1] the hash, KEYS[2] the line (a sorted set of equal scores, ordered by its members).

-- Made in parts.lua.
local Parts, parts

-- Later than any time, and farther back than any place. Nothing is forgotten sooner than that after its last use.
local NOWHERE, FORGET = 9007199254740991, 60000000

-- What is known of fields: values, false where there is none. And which of them are to be written, if any.
local fields, changed = {}, nil

local function get_field(name)
  local value = fields[name]
  if value == nil then
    value = redis.call('HGET', KEYS[1], name)
    fields[name] = value
  end
  return value
end

-- Without a value it is dropped.
local function set_field(name, value)
  changed = changed or {}
  fields[name], changed[name] = value or false, true
end

-- Writes what changed, and then `sets`: names and values that nothing reads any more. A bounded number of fields a call.
local function flush_fields(sets)
  local BATCH = 1000
  if changed then
    local drops = {}
    for name in pairs(changed) do
      if fields[name] then
        local n = #sets
        sets[n + 1], sets[n + 2] = name, fields[name]
      else
        drops[#drops + 1] = name
      end
    end
    -- What was dropped may have been made anew.
    for i = 1, #drops, BATCH do
      redis.call('HDEL', KEYS[1], unpack(drops, i, math.min(i + BATCH - 1, #drops)))
    end
  end
  local count = #sets
  for i = 1, count, BATCH do
    redis.call('HSET', KEYS[1], unpack(sets, i, count < i + BATCH and count or i + BATCH - 1))
  end
end
