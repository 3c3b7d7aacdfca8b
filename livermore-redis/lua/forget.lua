-- Drops the payloads of commands that ended more than ARGV[5] milliseconds ago, oldest first, and the names of those whose
-- outcome has gone by itself.
for i, found in ipairs(redis.call('XRANGE', LOG, '-', '+', 'COUNT', 1000)) do
  if position('seq', string.match(found[1], '%d+')) then break end
  local id = pairs_of(found[2]).id
  local ended = id and redis.call('HGET', DONE .. id, 'decided')
  if ended and now - tonumber(ended) <= tonumber(ARGV[5]) then break end
  redis.call('XDEL', LOG, found[1])
end
for i, id in ipairs(redis.call('ZRANGE', ENDED, 0, 999)) do
  if redis.call('EXISTS', DONE .. id) == 1 then break end
  redis.call('ZREM', ENDED, id)
end
return { 'ok' }
