-- `capacity` units at a time: what is in flight is all there is.
-- Twin: src/ledger/limit.rs

local function make_concurrency()

local concurrency = {}

function concurrency.define() end

function concurrency.read() end

function concurrency.write() return '' end

function concurrency.start() end

function concurrency.roll() end

function concurrency.free(limit) return limit.capacity - limit.flying end

function concurrency.grant() end

function concurrency.land() end

function concurrency.unsent() end

function concurrency.adjust() end

-- When the `k`-th unit beyond those free now comes free: spread over the mean hold.
function concurrency.release(limit, k, t)
  if limit.flying == 0 then return t.now + 1000 end
  local cycles = math.min(math.floor((k - 1) / limit.flying), 1000)
  local rest = spread(limit, (k - 1) % limit.flying + 1)
  return t.now + math.max(cycles * limit.hold + rest, 1000)
end

function concurrency.period() return 200000 end

function concurrency.forget() end

return concurrency
end
