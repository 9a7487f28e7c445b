-- GET with a key. Arguments: the key, then paths, one a line of a file; `#` in a path becomes a number that never repeats.
local paths, headers, n = {}, {}, 0

function init(args)
  headers["X-API-Key"] = args[1]
  headers["Host"] = args[2]
  for line in io.lines(args[3]) do paths[#paths + 1] = line end
end

function request()
  n = n + 1
  local path = paths[n % #paths + 1]:gsub("#", tostring(n + os.time() * 1000000))
  return wrk.format("GET", path, headers)
end
