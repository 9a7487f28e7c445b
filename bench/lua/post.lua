-- POST a JSON body as a shopper. Arguments: host, path, a file with "token<TAB>body" lines, taken in order.
-- "once" as the fourth ends the run when each line was sent: a cart is checked out once.
local tokens, bodies, path, host, n, once = {}, {}, "", "", 0, false

function init(args)
  host, path, once = args[1], args[2], args[4] == "once"
  for line in io.lines(args[3]) do
    local token, body = line:match("^(.-)\t(.*)$")
    tokens[#tokens + 1] = token
    bodies[#bodies + 1] = body
  end
end

function request()
  n = n + 1
  if once and n > #tokens then
    wrk.thread:stop()
    n = #tokens
  end
  local i = (n - 1) % #tokens + 1
  return wrk.format("POST", path, {
    ["Host"] = host, ["Authorization"] = "Bearer " .. tokens[i], ["Content-Type"] = "application/json",
  }, bodies[i])
end
