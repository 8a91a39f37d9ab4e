-- What the store knows of one session: its last exchange and reply, its lease, what it holds and what it waits for.
--   s:<session>  seq, since, lease end, calls granted; then as MessagePack: flights { limit = units }, places { route = place }, the reply to seq
--   w:<session>  host, process and version
-- Twin: src/ledger/session.rs

local Session = (function()

local function read(id)
  local packed = Fields.get('s:' .. id)
  if not packed then return nil end
  local seq, since, lease_end, calls, after = struct.unpack('<dddd', packed)
  local _, flights, places = cmsgpack.unpack_limit(packed, 2, after - 1)
  return {
    seq = seq, since = since, lease_end = lease_end, calls = calls, flights = flights, places = places, reply = false,
    new = false,
  }
end

-- The reply to its last exchange: a repeat alone asks for it.
local function last_reply(id)
  local _, _, reply = cmsgpack.unpack(string.sub(Fields.get('s:' .. id), 33))
  return reply
end

local function packed(session)
  return struct.pack('<dddd', session.seq, session.since, session.lease_end, session.calls)
    .. cmsgpack.pack(session.flights, session.places, session.reply)
end

-- Takes units out of flight, at most those that are there.
local function take(session, key, units)
  local held = session.flights[key] or 0
  local taken = math.min(units, held)
  session.flights[key] = held > taken and held - taken or nil
  return taken
end

return {
  read = read, last_reply = last_reply, packed = packed, take = take,
}

end)()
