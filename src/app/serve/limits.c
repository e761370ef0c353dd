/*
 * Memory: what the cgroup's limit leaves (edge/http/http_memory.h). Descriptors: each port has its
 * own share, and some are kept for what must go on when both are full: files that are looked at
 * again, name servers, AWS, the API server.
 */
#include "limits.h"

#include "pullthrough/edge/sys/log.h"
#include "pullthrough/edge/sys/memory_limit.h"
#include "pullthrough/edge/sys/process.h"

enum {
    STATUS_CONNECTIONS = 512,       /* more than scrapers and probes ever open */
    MOST_DESCRIPTORS = 1024 * 1024, /* nobody needs more, and some systems allow a billion */
    KEPT_DESCRIPTORS = 64,
    LOOP_DESCRIPTORS = 8, /* epoll, two listeners, two pipes that wake it */
};

static void log_memory(const struct config *config, const struct http_memory *memory,
                       uint64_t limit)
{
    log_event(LOG_LEVEL_DEBUG, "limits", LOG_NUMBER("memoryLimit", limit),
              LOG_NUMBER("requestMemory", memory->request_bytes),
              LOG_NUMBER("maxBody", memory->max_body_bytes),
              LOG_NUMBER("maxConnections", memory->connections));
    if (memory->max_body_bytes < config->server.max_body_bytes)
        log_event(LOG_LEVEL_WARN, "server.maxBody is more than the memory allows, it is less now",
                  LOG_NUMBER("configured", config->server.max_body_bytes),
                  LOG_NUMBER("maxBody", memory->max_body_bytes), LOG_NUMBER("memoryLimit", limit));
    if (limit && memory->needed_bytes > limit)
        log_event(LOG_LEVEL_WARN, "the memory limit is less than what requests may take together",
                  LOG_NUMBER("needed", memory->needed_bytes), LOG_NUMBER("memoryLimit", limit),
                  LOG_NUMBER("requestMemory", memory->request_bytes));
}

/* How many connections both ports may have by the limit of descriptors. */
static uint64_t connections_by_descriptors(unsigned threads)
{
    uint64_t most = process_raise_descriptors(MOST_DESCRIPTORS);
    uint64_t taken = process_facts_now().open_fds + (uint64_t)threads * LOOP_DESCRIPTORS;
    uint64_t kept = most / 4 < KEPT_DESCRIPTORS ? most / 4 : KEPT_DESCRIPTORS;

    return most > taken + kept ? most - taken - kept : 0;
}

static unsigned lesser(uint64_t a, uint64_t b)
{
    return (unsigned)(a < b ? a : b);
}

struct limits limits_find(const struct config *config, unsigned threads)
{
    const struct http_memory_spec spec = {
        .limit_bytes = memory_limit(""),
        .request_bytes = config->server.request_memory_bytes,
        .threads = threads,
        .connections = config->server.max_connections,
        .max_body_bytes = config->server.max_body_bytes,
    };
    struct limits limits = {.memory = http_memory_plan(&spec)};
    uint64_t most = connections_by_descriptors(threads);
    unsigned by_memory = limits.memory.connections;

    limits.status_connections = lesser(STATUS_CONNECTIONS, most / 4 + 1);
    most = most > limits.status_connections ? most - limits.status_connections : 1;
    limits.memory.connections = lesser(by_memory, most);
    log_memory(config, &limits.memory, spec.limit_bytes);
    if (limits.memory.connections < config->server.max_connections)
        log_event(LOG_LEVEL_WARN,
                  by_memory <= most
                      ? "server.maxConnections is more than the memory allows, it is less now"
                      : "server.maxConnections is more than descriptors allow, it is less now",
                  LOG_NUMBER("configured", config->server.max_connections),
                  LOG_NUMBER("maxConnections", limits.memory.connections));
    return limits;
}
