-- 25 small records per request, spread over KEYS keys; each thread has an order of its own.
-- MODE is set or get.
local mode = os.getenv("MODE")
local path = "/v1/batch/" .. mode
local value = string.rep("x", 60)
local keys = tonumber(os.getenv("KEYS"))
local apart = math.floor(keys / 25)
local state = tonumber(os.getenv("SEED") or "1")
local threads = 0

function setup(thread)
  threads = threads + 1
  thread:set("lane", threads)
end

function init()
  state = state + lane * 7919
end

function request()
  local records = {}
  state = (state * 1103515 + 12345) % 2147483648
  for n = 1, 25 do
    local key = string.format("user:%07d", (state + n * apart) % keys)
    if mode == "set" then
      records[n] = string.format('{"key":"%s","value":{"name":"%s","n":%d}}', key, value, n)
    else
      records[n] = string.format('{"key":"%s"}', key)
    end
  end
  return wrk.format("POST", path, nil, "[" .. table.concat(records, ",") .. "]")
end
