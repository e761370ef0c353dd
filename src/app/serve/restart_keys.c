/*
 * One row a key. It says that a value waits; nothing is made to take effect here.
 */
#include "restart_keys.h"

#include "pullthrough/edge/sys/log.h"

#include <stdbool.h>
#include <string.h>

void restart_keys_warn(const struct config *started, const struct config *config)
{
    const struct config_server *old = &started->server, *new = &config->server;
    const struct {
        const char *key;
        bool same;
    } rows[] = {
        {"listen.webhook", strcmp(started->listen.webhook, config->listen.webhook) == 0},
        {"listen.status", strcmp(started->listen.status, config->listen.status) == 0},
        {"server.threads", old->threads == new->threads},
        {"server.maxConnections", old->max_connections == new->max_connections},
        {"server.maxBody", old->max_body_bytes == new->max_body_bytes},
        {"server.requestMemory", old->request_memory_bytes == new->request_memory_bytes},
        {"server.drain", old->drain_ms == new->drain_ms},
        {"log.format", started->log.format == config->log.format},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (!rows[i].same)
            log_event(LOG_LEVEL_WARN, "this key takes effect at the next start",
                      LOG_TEXT("key", rows[i].key));
}
