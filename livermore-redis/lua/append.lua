-- Records a command, or finds it recorded.
-- ARGV[5] id, [6] kind, [7] body, [8] hash, [9] sender, [10] time to be decided in ms or '', [11] whether it changes the
-- settings, [12] most undecided commands, [13] the bell's channel, [14] a name for a new incarnation, [15] the incarnation
-- the sender knows, or ''.
-- Answers 'known' or 'new' and the command, 'new' also how many have heard the bell; or 'reused', 'busy', 'lost', 'regressed'.
local id, hash = ARGV[5], ARGV[8]
if ARGV[15] ~= '' and ARGV[15] ~= state.incarnation then return tail({ 'lost' }) end
sweep()
local known = show(id)
if known then
  local same = pairs_of(known).hash
  return tail({ (same == nil or same == hash) and 'known' or 'reused', known })
end
local behind = regressed()
if behind then return tail(behind) end
if #open >= tonumber(ARGV[12]) then return tail({ 'busy' }) end

local seq = text(tonumber(state.seq or '0') + 1)
-- The end of the year 9999 is the end of time.
local till = ARGV[10] == '' and '0' or text(math.min(now + tonumber(ARGV[10]), 253402300799999))
if not state.incarnation then
  -- The first command, or the first after everything was lost: what may be left of the stream is of no use. The epoch
  -- begins at the clock, so that it is higher than any before the loss.
  state.incarnation, state.seq, state.generation, state.epoch = ARGV[14], '0', '0', text(now)
  redis.call('HSET', STATE, 'incarnation', ARGV[14], 'seq', '0', 'generation', '0', 'epoch', state.epoch)
  redis.call('DEL', LOG, ENDED)
end
redis.call('XADD', LOG, seq .. '-0', 'id', id, 'kind', ARGV[6], 'body', ARGV[7], 'hash', hash, 'sender', ARGV[9],
  'submitted', text(now), 'till', till)
state.seq = seq
redis.call('HSET', STATE, 'seq', seq)
open[#open + 1] = { seq = seq, till = tonumber(till), claims = ARGV[11], attempts = 0, id = id }
save_open()
local heard = redis.pcall('PUBLISH', ARGV[13], seq)
return tail({ 'new', show(id), type(heard) == 'number' and text(heard) or '' })
