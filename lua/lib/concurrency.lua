-- `capacity` units at a time: what is in flight is all there is.
-- Twin: src/ledger/limit.rs

local function make_concurrency()

-- The numbers of such a limit, with the five that all kinds have.
local FORM = '<ddddd'

local function define(limit) limit.per = 200000 end

local function read(limit, _, at)
  define(limit)
  return at
end

local function write() end

local function start() end

local function roll() end

local function free(limit) return limit.capacity - limit.flying end

local function land() end

local function adjust() end

-- When the `k`-th unit beyond those free now comes free: spread over the mean hold.
local function release(limit, k, t)
  if limit.flying == 0 then return t.now + 1000 end
  local cycles = math.min(math.floor((k - 1) / limit.flying), 1000)
  local rest = spread(limit, (k - 1) % limit.flying + 1)
  return t.now + math.max(cycles * limit.hold + rest, 1000)
end

return {
  form = FORM, define = define, read = read, write = write, start = start, roll = roll, free = free, land = land,
  adjust = adjust, release = release,
}
end
