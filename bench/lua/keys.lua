-- GET one path with many keys in turn, because this API limits each key. Arguments: host, path, a file of keys.
local keys, host, path, n = {}, "", "", 0

function init(args)
  host, path = args[1], args[2]
  for line in io.lines(args[3]) do keys[#keys + 1] = line end
end

function request()
  n = n + 1
  return wrk.format("GET", path, { ["Host"] = host, ["X-API-Key"] = keys[n % #keys + 1] })
end
