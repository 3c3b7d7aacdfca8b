-- Reads commands. ARGV[5] is what to do:
--   find     [6] id                      answers 'ok' and the command or an empty list
--   cancel   [6] id                      the same, after taking it back if that is possible
--   overview                             answers 'ok' and generation, desired state, holder, milliseconds of the lease
--                                        (nothing and 0 if nobody holds it); what was observed follows as always
--   history  [6] before or '', [7] limit answers 'ok' and a list of commands, newest first
sweep()
if ARGV[5] == 'history' then
  local before, limit = ARGV[6], tonumber(ARGV[7])
  local last = before == '' and '+inf' or '(' .. before
  local ended = redis.call('ZREVRANGEBYSCORE', ENDED, last, '-inf', 'LIMIT', 0, limit)
  local ids = {}
  for i = #open, 1, -1 do
    if before == '' or tonumber(open[i].seq) < tonumber(before) then ids[#ids + 1] = open[i].id end
  end
  for i = 1, #ended do ids[#ids + 1] = ended[i] end
  local list = {}
  for i, id in ipairs(ids) do
    local command = show(id)
    -- One that is not known any more has ended long ago.
    if command then list[#list + 1] = { tonumber(pairs_of(command).seq), command } end
  end
  table.sort(list, function(a, b) return a[1] > b[1] end)
  local page = {}
  for i = 1, math.min(limit, #list) do page[i] = list[i][2] end
  return tail({ 'ok', page })
end
if ARGV[5] == 'overview' then
  local remaining = math.max(0, tonumber(state.till or '0') - now)
  local holder = remaining > 0 and state.holder or ''
  return tail({ 'ok', { state.generation or '0', state.desired or '', holder, text(remaining) } })
end
local index = ARGV[5] == 'cancel' and position('id', ARGV[6])
if index and not (open[index].claims == '1' and open[index].attempts > 0) then
  close(index, 'verdict', 'cancelled', 'code', 'cancelled')
end
return tail({ 'ok', show(ARGV[6]) or {} })
