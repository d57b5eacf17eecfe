-- Remembers the digests of one message: all of them, or none.
--
-- KEYS  1: the mark of the memory, which says since when this run of this server
--       knows everything that was accepted; then a key for each digest
-- ARGV  1: until when, in milliseconds since 1970; nothing in a check
--       2: when the message was made, likewise; nothing to take it all the same
--       3: what tells this question from every other
--
-- Without ARGV it is a check: whether the server may evict, and takes the commands.
local check = #ARGV == 0
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- A server that was restarted may lack what was written last, and so may one that
-- took the place of another. Neither has the run_id in the mark: it begins anew.
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
if not run then
	return {'anonymous'}
end
local since = false
local mark = redis.call('GET', KEYS[1])
if mark then
	local of, at = string.match(mark, '^(%w+) (%d+)$')
	since = of == run and tonumber(at)
end
if check or not since then
	local memory = redis.call('INFO', 'memory')
	local most = string.match(memory, 'maxmemory:(%d+)')
	local policy = string.match(memory, 'maxmemory_policy:([%w-]+)')
	if not most or most ~= '0' and policy ~= 'noeviction' then
		return {'evicts', policy or 'in a way that it does not tell'}
	end
end
if not since then
	since = now + 1
	redis.call('SET', KEYS[1], run .. ' ' .. string.format('%.0f', since))
end
if check then
	redis.call('SET', KEYS[2], '', 'PXAT', string.format('%.0f', now + 1000))
	return {'checked'}
end

if tonumber(ARGV[1]) <= now then
	return {'past', string.format('%.0f', now)}
end
local known, mine = 0, 0
for i = 2, #KEYS do
	local by = redis.call('GET', KEYS[i])
	if by then
		known = known + 1
	end
	if by == ARGV[3] then
		mine = mine + 1
	end
end
if mine == #KEYS - 1 then
	return {'fresh'} -- the client asks once more, because it lost the answer
end
if known ~= 0 then
	return {'known'}
end
if ARGV[2] ~= '' and tonumber(ARGV[2]) < since then
	return {'forgotten', string.format('%.0f', since)}
end
for i = 2, #KEYS do
	redis.call('SET', KEYS[i], ARGV[3], 'PXAT', ARGV[1])
end
return {'fresh'}
