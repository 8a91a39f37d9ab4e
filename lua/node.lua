-- A look at the node: its marker, written by whoever comes first, and how old that is. A marker that changed means that
-- the node forgot.
--   KEYS[1] marker, a string "<random>:<Unix microseconds when it was written>"
--   ARGV[1] random text for a new marker   ARGV[2] how long to keep it, in milliseconds
--   Reply: { marker, age in microseconds }

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local marker = redis.call('GET', KEYS[1])
local keep = tonumber(ARGV[2])
if not marker then
  marker = ARGV[1] .. ':' .. string.format('%.0f', now)
  redis.call('SET', KEYS[1], marker, 'PX', keep)
elseif redis.call('PTTL', KEYS[1]) < keep / 2 then
  redis.call('PEXPIRE', KEYS[1], keep)
end
local born = tonumber(string.match(marker, ':(%d+)$')) or now
return { marker, math.max(now - born, 0) }
