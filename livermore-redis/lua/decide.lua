-- What a runner does with a command, under its lease. ARGV[5] epoch, [6] holder, [7] what to do:
--   next      [8] who asks: the same word again is the same attempt, after a lost answer
--             answers 'next', the time, the command, generation, desired, observed; or 'idle'
--   decide    [8] seq, [9] 1 if it holds although its time is over, [10] verdict, [11] code, [12] detail, [13] changed,
--             [14] the next generation or '', [15] the next desired state
--             answers 'decided' and the command as it is recorded now; or 'gone', 'regressed'
--   postpone  [8] seq; answers 'ok'
-- All of them answer 'stale' without the lease, and 'lost' when the state is gone.
local refused = stale(ARGV[5], ARGV[6])
if refused then return refused end
local what = ARGV[7]

if what == 'next' then
  local behind = regressed()
  if behind then return behind end
  sweep()
  while open[1] do
    local c, fields = open[1], show(open[1].id)
    -- One whose entry is lost has just been ended as that; look at the one behind it.
    if open[1] == c then
      local turn = ARGV[8] .. ' ' .. c.seq
      if state.turn ~= turn then
        although_full()
        c.attempts = c.attempts + 1
        save_open()
        redis.call('HSET', STATE, 'turn', turn)
        fields = show(c.id)
      end
      return { 'next', text(now), fields, state.generation, state.desired or '', state.observed or '' }
    end
  end
  return { 'idle' }
end

local index = position('seq', ARGV[8])
if what == 'postpone' then
  local c = index and open[index]
  -- An attempt that may have changed the settings stays counted: it is what keeps the command claimed.
  if c and c.attempts > (c.claims == '1' and 1 or 0) then
    although_full()
    c.attempts = c.attempts - 1
    save_open()
    redis.call('HDEL', STATE, 'turn')
  end
  return { 'ok' }
end

local id
if index then
  local c = open[index]
  id = c.id
  local generation, desired = ARGV[14], ARGV[15]
  if c.till > 0 and now > c.till and ARGV[10] == 'applied' and ARGV[9] ~= '1' then
    close(index, 'verdict', 'expired', 'code', 'expired', 'epoch', ARGV[5])
  elseif generation ~= '' and tonumber(generation) ~= tonumber(state.generation) + 1 then
    return { 'regressed', generation, state.generation }
  else
    local before = state.generation
    if generation ~= '' then state.generation = generation end
    close(index, 'verdict', ARGV[10], 'code', ARGV[11], 'detail', ARGV[12], 'changed', ARGV[13], 'epoch', ARGV[5])
    if generation ~= '' and redis.call('HEXISTS', DONE .. id, 'lost') == 0 then
      redis.call('HSET', STATE, 'generation', generation, 'desired', desired)
    else
      state.generation = before
    end
  end
else
  local fields = entry(ARGV[8])
  id = fields and pairs_of(fields).id
end
return { 'decided', id and show(id) or {} }
