-- What an operator orders of one budget, at once for the whole fleet; each order leaves an entry in a trail.
--   KEYS[1] state, a hash   KEYS[2] line, a sorted set   KEYS[3] the trail, a stream
--   ARGV[1] a clock in Unix microseconds, for tests (or '')   ARGV[2] pause, resume, reset, cool, end_cool, quota or end_quota
--   ARGV[3] who   ARGV[4] the order in words ('': more limits of the same order)   ARGV[5] why
--   ARGV[6] for how long in microseconds (-1: until resumed)   ARGV[7] a quota   ARGV[8 ...] the limits that it is about
--   Reply: { 1 }, or { 0, what is missing: 'state', 'pause' or the limit }
-- It has no twin: the memory store has no operator but its own program.

local LAYOUT, META, ENTRIES, KEPT = 1, '<dddddddd', '1000', 90 * 86400000

local order, who, words, why, us, quota = ARGV[2], ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7])
local time = redis.call('TIME')
local wall = time[1] * 1000000 + time[2]
if ARGV[1] ~= '' then wall = tonumber(ARGV[1]) end

-- Time goes on as for exchanges: at the clock's pace, and never back.
local m, meta = get_field('m'), nil
local t = { now = wall, wall = wall }
if m then
  meta = { struct.unpack(META, m) }
  if meta[1] > LAYOUT then return redis.error_reply('paceline: the state was written by a newer version') end
  meta.node = string.sub(m, meta[9])
  meta[2] = math.max(meta[2], meta[3] - wall)
  t.now = wall + meta[2]
  meta[3] = t.now
end

-- What is missing, before anything is written.
local limits = {}
if order == 'resume' then
  local pause = get_field('p')
  if not pause or struct.unpack('<d', pause) <= t.now then return { 0, 'pause' } end
elseif order ~= 'pause' then
  if not m then return { 0, 'state' } end
  for i = 8, #ARGV do
    local limit = read_limit(ARGV[i])
    if not limit then return { 0, ARGV[i] } end
    limits[#limits + 1] = limit
  end
end

-- Forgets what was used and what responses said. What is in flight stays, and so does an operator's quota.
local function restart(limit)
  local told = limit.told
  parts().seldom().restart(limit, t)
  if limit.told then set_field('y:' .. limit.key, nil) end
  limit.told = false
  if told and told.ordered_until > t.now then
    parts().feedback().order(limit, told.ordered, told.ordered_until, t)
    limit.told.configured = told.configured
  end
end

if order == 'pause' then
  set_field('p', struct.pack('<d', us >= 0 and t.now + us or NOWHERE) .. cmsgpack.pack(who, why))
elseif order == 'resume' then
  set_field('p', nil)
  if meta then meta[8] = math.max(meta[8], t.now + 2 * meta[7] + 4 * FORGET) end
end
for _, limit in ipairs(limits) do
  -- A quota that an operator ordered before may have ended since the last exchange.
  if limit.told and limit.told.configured > 0 then redefine(limit, parts().feedback().configured(limit), t) end
  limit.is.roll(limit, t)
  if order == 'reset' then restart(limit) end
  if order == 'cool' then
    local said = { age = 0, wait = us, penalty = 0, most = 0, cause = why == '' and 'by hand' or 'by hand: ' .. why }
    parts().feedback().cool(limit, said, limit.capacity, { who = who, at_grant = false, strangers = false }, t)
  end
  -- Its end becomes now: it is tried again little by little, as after any other.
  if order == 'end_cool' and limit.told then limit.told.cool_until = math.min(limit.told.cool_until, t.now) end
  if order == 'quota' then parts().feedback().order(limit, quota, t.now + us, t) end
  if order == 'end_quota' and limit.told then limit.told.ordered_until = math.min(limit.told.ordered_until, t.now) end
  set_field('l:' .. limit.key, pack_limit(limit))
  if limit.told then set_field('y:' .. limit.key, parts().feedback().packed(limit)) end
end
if meta then set_field('m', struct.pack(META, unpack(meta, 1, 8)) .. meta.node) end
flush_fields({})

-- A pause must outlive the time after which a budget that nobody uses is forgotten.
if order == 'pause' and us < 0 then
  redis.call('PERSIST', KEYS[1])
  redis.call('PERSIST', KEYS[2])
elseif order == 'pause' then
  local ms = math.floor((us + FORGET) / 1000)
  for _, key in ipairs({ KEYS[1], KEYS[2] }) do
    if redis.call('PTTL', key) < ms then redis.call('PEXPIRE', key, ms) end
  end
elseif order == 'resume' and meta then
  local ms = math.floor((meta[8] - t.now) / 1000)
  redis.call('PEXPIRE', KEYS[1], ms)
  redis.call('PEXPIRE', KEYS[2], ms)
end
if words ~= '' then
  redis.call('XADD', KEYS[3], 'MAXLEN', '~', ENTRIES, '*', 'who', who, 'order', words, 'why', why)
  redis.call('PEXPIRE', KEYS[3], KEPT)
end
return { 1 }
