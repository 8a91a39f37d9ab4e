-- What the store knows of one session: its last exchange and reply, its lease, what it holds and what it waits for.
--   s:<session>  seq, since, lease end, calls granted; then as MessagePack: flights { limit = units }, places { route = place }, the reply to seq
--   w:<session>  host, process and version
-- Twin: src/ledger/session.rs

local function read_session(packed)
  local seq, since, lease_end, calls, after = struct.unpack('<dddd', packed)
  local rest, flights, places = cmsgpack.unpack_limit(packed, 2, after - 1)
  return {
    seq = seq, since = since, lease_end = lease_end, calls = calls, flights = flights, places = places,
    reply = false, reply_at = rest + 1, -- few ask for it
  }
end

local function pack_session(session)
  return struct.pack('<dddd', session.seq, session.since, session.lease_end, session.calls)
    .. cmsgpack.pack(session.flights, session.places) .. session.reply
end
