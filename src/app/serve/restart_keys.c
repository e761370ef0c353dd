/*
 * Copies of what was current at the start, compared key by key at each load. It says that a value
 * waits; nothing is made to take effect here.
 */
#include "restart_keys.h"

#include "pullthrough/edge/sys/log.h"

#include <stdlib.h>
#include <string.h>

static char *copy_text(const char *text)
{
    char *copy = strdup(text);

    if (!copy)
        abort();
    return copy;
}

void restart_keys_init(struct restart_keys *keys, const struct config *config)
{
    keys->webhook = copy_text(config->listen.webhook);
    keys->status = copy_text(config->listen.status);
    keys->server = config->server;
    keys->format = config->log.format;
}

void restart_keys_fini(struct restart_keys *keys)
{
    free(keys->webhook);
    free(keys->status);
}

void restart_keys_warn(const struct restart_keys *keys, const struct config *config)
{
    const struct config_server *old = &keys->server, *new = &config->server;
    const struct {
        const char *key;
        bool same;
    } rows[] = {
        {"listen.webhook", strcmp(keys->webhook, config->listen.webhook) == 0},
        {"listen.status", strcmp(keys->status, config->listen.status) == 0},
        {"server.threads", old->threads == new->threads},
        {"server.maxConnections", old->max_connections == new->max_connections},
        {"server.maxBody", old->max_body_bytes == new->max_body_bytes},
        {"server.requestMemory", old->request_memory_bytes == new->request_memory_bytes},
        {"server.drain", old->drain_ms == new->drain_ms},
        {"log.format", keys->format == config->log.format},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (!rows[i].same)
            log_event(LOG_LEVEL_WARN, "this key takes effect at the next start",
                      LOG_TEXT("key", rows[i].key));
}
