-- GET with a key. Arguments: the key, then paths, one a line of a file; `#` in a path becomes a number that never repeats.
local paths, headers, n, start = {}, {}, 0, os.time() % 100000 * 10000000

function init(args)
  headers["X-API-Key"] = args[1]
  headers["Host"] = args[2]
  for line in io.lines(args[3]) do paths[#paths + 1] = line end
end

function request()
  n = n + 1
  local path = paths[n % #paths + 1]:gsub("#", string.format("%d", start + n))
  return wrk.format("GET", path, headers)
end
