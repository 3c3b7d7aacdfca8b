-- Takes, keeps or gives back the lease of one user. It stands alone: with many users it runs often, and needs little.
--   KEYS[1] the stream, KEYS[2] the state, KEYS[3] the history
--   acquire  ARGV[2] holder, [3] ms, [4] a name for a new incarnation   answers the epoch, or 0 if another one holds it
--   renew    ARGV[2] holder, [3] ms, [4] epoch                          answers the epoch, or 0 if it is gone
--   release  ARGV[2] holder, [3] 0, [4] epoch                           the same
local STATE, what, holder = KEYS[2], ARGV[1], ARGV[2]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local till = string.format('%.0f', now + tonumber(ARGV[3]))
local state = redis.call('HMGET', STATE, 'incarnation', 'epoch', 'holder', 'till')
local epoch = state[2] or '0'
-- A lease must be kept even when memory is full: a write that only frees lets the next ones through.
redis.call('HDEL', STATE, '-')
if what ~= 'acquire' then
  if epoch ~= ARGV[4] or state[3] ~= holder then return '0' end
  redis.call('HSET', STATE, 'till', till)
  return epoch
end
local held = state[4] and tonumber(state[4]) > now
if held and state[3] ~= holder then return '0' end
if not state[1] then
  -- As in `append`: nothing was here, or everything was lost.
  redis.call('DEL', KEYS[1], KEYS[3])
  redis.call('HSET', STATE, 'incarnation', ARGV[4], 'seq', '0', 'generation', '0')
  epoch = string.format('%.0f', now)
end
if not held then epoch = string.format('%.0f', tonumber(epoch) + 1) end
redis.call('HSET', STATE, 'epoch', epoch, 'holder', holder, 'till', till)
return epoch
