-- What the scripts share. Each works on one user, whose keys are all in one cluster slot:
--   KEYS[1]  the stream: one entry per command, never changed; its id is the command's sequence number
--   KEYS[2]  the state, a hash:
--              incarnation  a random name; another one means that everything before was lost
--              seq          the last sequence number
--              open         the undecided commands in order, one line each: seq, not_after, claims, attempts, id
--              epoch, holder, till                  the lease
--              generation, desired                  the desired state
--              observed_generation, observed        what was reported last
--              turn                                 who begins to decide which command
--   KEYS[3]  which commands have ended: a sorted set of ids by sequence number, for the history
--   ARGV[1]  what the keys of ended commands begin with; the id follows. A hash: the entry without its body, and the
--            outcome; `lost` where that cannot be known
--   ARGV[2]  what the channels of acknowledgements begin with; the id follows
--   ARGV[3]  how long an ended command is kept, in milliseconds
--   ARGV[4]  how many commands the stream and the history keep
-- The server's clock is the only one. Numbers travel as text: a Lua number would lose its last digits.
local LOG, STATE, ENDED = KEYS[1], KEYS[2], KEYS[3]
local DONE, ACKS, KEEP, HISTORY = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])

local function text(number) return string.format('%.0f', number) end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function pairs_of(list)
  local map = {}
  for i = 1, #list, 2 do map[list[i]] = list[i + 1] end
  return map
end

local state = pairs_of(redis.call('HGETALL', STATE))
local open = {}
for seq, till, claims, attempts, id in string.gmatch(state.open or '', '(%d+) (%d+) (%d) (%d+) (%S+)') do
  open[#open + 1] = { seq = seq, till = tonumber(till), claims = claims, attempts = tonumber(attempts), id = id }
end

-- When its memory is full, Redis refuses the first write of a script unless that one only frees. What is recorded must
-- still be decided; only `append` is refused.
local function although_full() redis.call('HDEL', STATE, '-') end

local function save_open()
  local lines = {}
  for i, c in ipairs(open) do
    lines[i] = c.seq .. ' ' .. text(c.till) .. ' ' .. c.claims .. ' ' .. c.attempts .. ' ' .. c.id
  end
  state.open = table.concat(lines, '\n')
  redis.call('HSET', STATE, 'open', state.open)
end

-- The entry of a command, or nil if the stream has lost it.
local function entry(seq, id)
  local found = redis.call('XRANGE', LOG, seq .. '-0', seq .. '-0')[1]
  local fields = found and pairs_of(found[2])
  -- Another id: the sequence numbers began anew since.
  if fields and fields.id and id and fields.id ~= id then return nil end
  return found and found[2]
end

-- Ends a command. The fields of its outcome follow.
local function close(index, ...)
  local c = table.remove(open, index)
  local key, fields = DONE .. c.id, entry(c.seq, c.id)
  although_full()
  redis.call('DEL', key)
  redis.call('HSET', key, 'id', c.id, 'seq', c.seq, 'attempts', c.attempts, 'decided', text(now))
  if fields then
    for i = 1, #fields, 2 do
      if fields[i] ~= 'body' then redis.call('HSETNX', key, fields[i], fields[i + 1]) end
    end
    redis.call('HSET', key, 'generation', state.generation, ...)
  else
    redis.call('HSET', key, 'lost', '1')
  end
  redis.call('PEXPIRE', key, KEEP)
  redis.call('ZADD', ENDED, c.seq, c.id)
  redis.call('ZREMRANGEBYRANK', ENDED, 0, -HISTORY - 1)
  save_open()
  local oldest = open[1] and tonumber(open[1].seq) or tonumber(state.seq) + 1
  redis.call('XTRIM', LOG, 'MINID', text(math.max(0, math.min(oldest, tonumber(state.seq) - HISTORY + 1))))
  -- A bell that cannot be rung is no reason to undo anything.
  redis.pcall('PUBLISH', ACKS .. c.id, c.seq)
  redis.pcall('PUBLISH', ACKS .. 'signals', c.id)
end

-- Ends what is overdue, but what only its runner may end.
local function sweep()
  for index = #open, 1, -1 do
    local c = open[index]
    if c.till > 0 and now > c.till and not (c.claims == '1' and c.attempts > 0) then
      close(index, 'verdict', 'expired', 'code', 'expired')
    end
  end
end

local function position(field, value)
  for index, c in ipairs(open) do
    if c[field] == value then return index end
  end
end

-- All that is known of a command as a flat list, or nil. An undecided one without its entry is lost, and ended as that.
local function show(id)
  local index = position('id', id)
  if index then
    local c = open[index]
    local fields = entry(c.seq, id)
    if fields then
      local list = { 'seq', c.seq, 'attempts', text(c.attempts), 'id', id }
      for i = 1, #fields do list[#list + 1] = fields[i] end
      return list
    end
    close(index)
  end
  local list = redis.call('HGETALL', DONE .. id)
  if #list == 0 then return nil end
  local fields = entry(pairs_of(list).seq, id)
  local body = fields and pairs_of(fields).body
  if body then
    list[#list + 1] = 'body'
    list[#list + 1] = body
  end
  return list
end

-- What a runner has seen and what is stored, if the store is behind; else nil.
local function regressed()
  local seen = tonumber(state.observed_generation or '0')
  if seen > tonumber(state.generation or '0') then return { 'regressed', text(seen), state.generation } end
end

-- What every answer to a sender ends with: by it, a loss is noticed.
local function tail(list)
  list[#list + 1] = state.incarnation or ''
  list[#list + 1] = state.seq or '0'
  list[#list + 1] = state.epoch or '0'
  list[#list + 1] = state.observed or ''
  return list
end

-- The answer to a runner without the lease, or nil.
local function stale(epoch, holder)
  if not state.incarnation then return { 'lost' } end
  if state.epoch ~= epoch or state.holder ~= holder then return { 'stale', state.epoch } end
end
