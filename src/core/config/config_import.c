/*
 * How many imports an hour an upstream shall get is written by its registry's name; who asks has
 * the upstream's number. What isn't written is what the upstream is known to stand.
 */
#include "config_import.h"

#include "config_error.h"
#include "pullthrough/core/base/alloc.h"

#include <stdlib.h>
#include <string.h>

enum {
    /* An image of Docker Hub counts once for each of its architectures, and an account without a
     * subscription has 100 to 200 pulls in an hour or in six: its documents differ. */
    HUB_PER_HOUR = 40,
    PER_HOUR = 600,
};

static unsigned preset_of(const struct config_upstream *upstream)
{
    return strcmp(upstream->url, "registry-1.docker.io") == 0 ? HUB_PER_HOUR : PER_HOUR;
}

static struct config_rate *find(struct config_rate *rates, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(rates[i].name, name) == 0)
            return &rates[i];
    return NULL;
}

/* The registry that has this name for an alias, or NULL. */
static const char *registry_of(const struct config *config, const char *alias)
{
    for (size_t i = 0; i < config->n_upstreams; i++)
        for (size_t k = 0; k < config->upstreams[i].n_aliases; k++)
            if (strcmp(config->upstreams[i].aliases[k], alias) == 0)
                return config->upstreams[i].registry;
    return NULL;
}

static const struct yaml_node *key_of(const struct yaml_node *mapping, const char *name)
{
    for (size_t i = 0; mapping && i < mapping->n; i++)
        if (slice_is(mapping->items[i]->text, name))
            return mapping->items[i];
    return NULL;
}

/* At the name, which is what is wrong. */
static int refuse(const struct config *config, const char *name, const struct yaml_node *root,
                  struct error *error)
{
    const struct config_place import = {.key = "import"};
    const struct config_place rates = {.parent = &import, .key = "perHour"};
    const struct config_place place = {.parent = &rates, .key = name};
    const struct yaml_node *written = yaml_node_get(yaml_node_get(root, "import"), "perHour");
    const char *registry = registry_of(config, name);

    if (registry)
        return config_error(&place, key_of(written, name), error, "is an alias: write %s",
                            registry);
    return config_error(&place, key_of(written, name), error,
                        "is not the registry of one of the upstreams");
}

int config_import_settle(struct config *config, const struct yaml_node *root, struct error *error)
{
    struct config_rate *written = config->import.per_hour;
    size_t n_written = config->import.n_per_hour;
    struct config_rate *rates = alloc_zeroed(config->n_upstreams, sizeof(*rates));
    int status = 0;

    for (size_t i = 0; i < config->n_upstreams; i++) {
        const struct config_upstream *upstream = &config->upstreams[i];
        const struct config_rate *found = find(written, n_written, upstream->registry);

        rates[i] = (struct config_rate){alloc_string(upstream->registry),
                                        found ? found->number : preset_of(upstream)};
    }
    for (size_t i = 0; i < n_written; i++) {
        if (status == 0 && !find(rates, config->n_upstreams, written[i].name))
            status = refuse(config, written[i].name, root, error);
        free(written[i].name);
    }
    free(written);
    config->import.per_hour = rates;
    config->import.n_per_hour = config->n_upstreams;
    return status;
}
