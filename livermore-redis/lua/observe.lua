-- ARGV[5] what to do:
--   observe  [6] epoch, [7] holder, [8] generation, [9] what is observed, [10] where to tell it, then id and state of each
--            job that has ended. Answers 'ok', or 'regressed' after writing it down; or 'stale', 'lost'
--   rebase   an operator's word that the desired state holds. Answers 'ok', generation, desired state
if ARGV[5] == 'rebase' then
  if regressed() then
    although_full()
    state.generation = text(tonumber(state.observed_generation) + 1)
    redis.call('HSET', STATE, 'generation', state.generation)
  end
  return { 'ok', state.generation or '0', state.desired or '' }
end
local refused = stale(ARGV[6], ARGV[7])
if refused then return refused end
although_full()
redis.call('HSET', STATE, 'observed_generation', ARGV[8], 'observed', ARGV[9])
state.observed_generation = ARGV[8]
for i = 11, #ARGV, 2 do
  local key = DONE .. ARGV[i]
  if redis.call('EXISTS', key) == 1 then redis.call('HSETNX', key, 'job', ARGV[i + 1]) end
end
redis.pcall('PUBLISH', ARGV[10], ARGV[8])
return regressed() or { 'ok' }
