-- What the store knows of one session: its last exchange and reply, its lease, what it holds and what it waits for.
--   s:<session>  { seq, since, lease end, flights { limit = units }, places { route = place } }
--   r:<session>  the reply to seq        w:<session>  host, process and version
-- Twin: src/ledger/session.rs

local Session = (function()

local function read(id)
  local packed = Fields.get('s:' .. id)
  if not packed then return nil end
  local v = cmsgpack.unpack(packed)
  return { seq = v[1], since = v[2], lease_end = v[3], flights = v[4], places = v[5] }
end

local function write(id, session)
  Fields.set('s:' .. id, cmsgpack.pack({ session.seq, session.since, session.lease_end, session.flights, session.places }))
end

-- Takes units out of flight, at most those that are there.
local function take(session, key, units)
  local held = session.flights[key] or 0
  local taken = math.min(units, held)
  session.flights[key] = held > taken and held - taken or nil
  return taken
end

return {
  read = read, write = write, take = take,
}

end)()
