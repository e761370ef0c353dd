-- For wrk: posts the review that the file $REVIEW holds, and says at the end what came of it
-- on one line: requests, microseconds, p50, p99, answers that were not 2xx or 3xx, other errors.
local file = assert(io.open(os.getenv("REVIEW"), "rb"))
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = file:read("*a")
file:close()

function done(summary, latency)
    local errors = summary.errors
    io.write(string.format("result %d %d %.1f %.1f %d %d\n", summary.requests, summary.duration,
        latency:percentile(50), latency:percentile(99), errors.status,
        errors.connect + errors.read + errors.write + errors.timeout))
end
