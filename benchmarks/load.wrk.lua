-- Posts one body again and again and prints what wrk has counted as JSON; latencies in microseconds.
local file = io.open(os.getenv("IMPEL_BODY"), "rb")
wrk.method = "POST"
wrk.body = file:read("*a")
wrk.headers["Content-Type"] = "application/json"
file:close()

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '\nRESULT {"p50": %f, "p99": %f, "requests": %d, "microseconds": %d, "failed": %d}\n',
    latency:percentile(50), latency:percentile(99), summary.requests, summary.duration,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
