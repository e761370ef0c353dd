/*
 * What ECR would refuse at CreatePullThroughCacheRule is refused here, before a pod's
 * image depends on it. Beyond that two things are refused that ECR can't see: a registry
 * whose images would come from another one, and prefixes of which one hides the other.
 */
#include "pullthrough/core/config/config_upstreams.h"

#include "config_error.h"
#include "pullthrough/core/base/alloc.h"
#include "pullthrough/core/base/strbuf.h"
#include "pullthrough/core/image/known_upstreams.h"

#include <stdio.h>
#include <stdlib.h>

static bool has_capitals(const char *text)
{
    for (; *text; text++)
        if (*text >= 'A' && *text <= 'Z')
            return true;
    return false;
}

static char *new_lower(struct slice text)
{
    char *lower = alloc_text(text);

    for (char *c = lower; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    return lower;
}

/* One entry while it is judged. */
struct entry {
    struct config_upstream *upstream;
    const struct yaml_node *node; /* NULL: of the preset */
    struct config_place place;
};

/* An error about the value of `key`, or about the entry where the key isn't written. */
static int entry_error(const struct entry *entry, const char *key, struct error *error,
                       const char *format, ...) __attribute__((format(printf, 4, 5)));

static int entry_error(const struct entry *entry, const char *key, struct error *error,
                       const char *format, ...)
{
    struct config_place place = {.parent = &entry->place, .key = key};
    const struct yaml_node *node = entry->node ? yaml_node_get(entry->node, key) : NULL;
    char reason[ERROR_TEXT_BYTES];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(reason, sizeof(reason), format, args);
    va_end(args);
    return config_error(&place, node ? node : entry->node, error, "%s", reason);
}

static int alias_error(const struct entry *entry, size_t alias, struct error *error,
                       const char *reason)
{
    struct config_place aliases = {.parent = &entry->place, .key = "aliases"};
    struct config_place place = {.parent = &aliases, .index = alias};
    const struct yaml_node *list = entry->node ? yaml_node_get(entry->node, "aliases") : NULL;
    const struct yaml_node *node =
        list && list->kind == YAML_SEQUENCE && alias < list->n ? list->items[alias] : entry->node;

    return config_error(&place, node, error, "\"%s\": %s", entry->upstream->aliases[alias], reason);
}

/* What is said of `value` (a registry or a URL) when ECR would refuse the rule. */
static int unsupported_error(const struct entry *entry, const char *key, const char *value,
                             const char *hint, struct error *error)
{
    return entry_error(
        entry, key, error,
        "\"%s\": ECR can't cache this registry, it would answer "
        "UnsupportedUpstreamRegistryException (the upstream registry URL is invalid); "
        "the upstreams that it takes are %s%s",
        value, known_upstream_urls, hint);
}

/* `registry` and `url` must be the same place. `home` is where the registry's images come from. */
static int check_home(const struct entry *entry, struct slice home, struct error *error)
{
    const struct config_upstream *upstream = entry->upstream;

    if (slice_is(home, upstream->url))
        return 0;
    if (home.len)
        return entry_error(entry, "url", error, "\"%s\": images of %s come from %.*s",
                           upstream->url, upstream->registry, SLICE_FMT(home));
    return entry_error(entry, "registry", error,
                       "\"%s\": its images would come from %s; if it is another name of that "
                       "registry, write it under the aliases",
                       upstream->registry, upstream->url);
}

static int fill_url(const struct entry *entry, struct slice home, struct error *error)
{
    struct config_upstream *upstream = entry->upstream;

    if (upstream->url)
        return 0;
    if (home.len == 0)
        return unsupported_error(entry, "registry", upstream->registry,
                                 has_capitals(upstream->registry) ? ", in lower case" : "", error);
    upstream->url = alloc_text(home);
    return 0;
}

static int url_error(const struct entry *entry, struct slice home, struct error *error)
{
    STRBUF_CLEANUP struct strbuf hint = STRBUF_INIT(ERROR_TEXT_BYTES);

    if (home.len)
        strbuf_add_format(&hint, "; for %s write %.*s", entry->upstream->registry, SLICE_FMT(home));
    return unsupported_error(entry, "url", entry->upstream->url, strbuf_str(&hint), error);
}

/* An alias is the user's word, unless everybody knows that it is another registry. */
static int settle_aliases(const struct entry *entry, const struct known_upstream *known,
                          struct error *error)
{
    struct config_upstream *upstream = entry->upstream;

    if (!upstream->aliases) {
        bool presets = known->registry && strcmp(upstream->registry, known->registry) == 0;

        upstream->aliases = alloc_zeroed(KNOWN_UPSTREAM_ALIASES, sizeof(*upstream->aliases));
        for (size_t i = 0; presets && known->aliases[i]; i++)
            upstream->aliases[upstream->n_aliases++] = alloc_string(known->aliases[i]);
    }
    for (size_t i = 0; i < upstream->n_aliases; i++) {
        char *lower = new_lower(slice_str(upstream->aliases[i]));
        struct slice home = known_upstream_url(slice_str(lower));
        bool foreign = home.len && !slice_is(home, upstream->url);

        free(lower);
        if (foreign)
            return alias_error(entry, i, error, "that is another registry, no alias of this one");
    }
    return 0;
}

static int settle_prefix(const struct entry *entry, const struct known_upstream *known,
                         struct error *error)
{
    struct config_upstream *upstream = entry->upstream;

    if (upstream->prefix)
        return 0;
    if (!known->prefix)
        return entry_error(entry, "prefix", error, "the key is missing: %s has no default prefix",
                           upstream->registry);
    upstream->prefix = alloc_string(known->prefix);
    return 0;
}

static int settle_secret(const struct entry *entry, const struct known_upstream *known,
                         struct error *error)
{
    struct config_upstream *upstream = entry->upstream;

    if (!upstream->secret && !known->secret)
        return entry_error(entry, "secret", error, "the key is missing: %s has no default secret",
                           upstream->registry);
    if (!upstream->secret)
        upstream->secret = alloc_string(known->secret);
    if (known->credentials && !*upstream->secret)
        return entry_error(
            entry, "secret", error,
            "must not be empty: ECR would answer UnsupportedUpstreamRegistryException "
            "(%s requires authentication)",
            upstream->url);
    if (!known->credentials && *upstream->secret)
        return entry_error(entry, "secret", error, "must be empty: ECR takes no credentials for %s",
                           upstream->url);
    return 0;
}

static int settle_entry(const struct entry *entry, struct error *error)
{
    struct slice home = known_upstream_url(slice_str(entry->upstream->registry));
    const struct known_upstream *known;

    if (fill_url(entry, home, error))
        return -1;
    known = known_upstream_find(slice_str(entry->upstream->url));
    if (!known)
        return url_error(entry, home, error);
    if (check_home(entry, home, error) || settle_aliases(entry, known, error) ||
        settle_prefix(entry, known, error))
        return -1;
    return settle_secret(entry, known, error);
}

static int find_among(const struct config_upstream *upstreams, size_t n, struct slice domain)
{
    for (size_t i = 0; i < n; i++) {
        if (slice_is(domain, upstreams[i].registry))
            return (int)i;
        for (size_t j = 0; j < upstreams[i].n_aliases; j++)
            if (slice_is(domain, upstreams[i].aliases[j]))
                return (int)i;
    }
    return -1;
}

/* Against the upstreams before it, and against itself. */
static int check_names(const struct config *config, const struct entry *entry, struct error *error)
{
    const struct config_upstream *upstream = entry->upstream;
    size_t before = entry->place.index;
    int other = find_among(config->upstreams, before, slice_str(upstream->registry));

    if (other >= 0)
        return entry_error(entry, "registry", error, "\"%s\" is already a name of upstreams[%d]",
                           upstream->registry, other);
    for (size_t i = 0; i < upstream->n_aliases; i++) {
        struct slice alias = slice_str(upstream->aliases[i]);

        if (find_among(config->upstreams, before, alias) >= 0)
            return alias_error(entry, i, error, "already a name of an upstream above");
        if (slice_is(alias, upstream->registry))
            return alias_error(entry, i, error, "already the registry of this upstream");
        for (size_t j = 0; j < i; j++)
            if (slice_is(alias, upstream->aliases[j]))
                return alias_error(entry, i, error, "already an alias of this upstream");
    }
    return 0;
}

/* "cache" is above "cache/x" */
static bool is_above(struct slice upper, struct slice lower)
{
    return lower.len > upper.len && slice_starts_with(lower, upper) && lower.ptr[upper.len] == '/';
}

/* Of two prefixes one below the other ECR takes the longer: with rules for "cache" and
 * "cache/x" the first one's images "x/..." would come from the other one's registry. */
static int check_prefixes(const struct config *config, const struct entry *entry,
                          struct error *error)
{
    struct slice prefix = slice_str(entry->upstream->prefix);

    for (size_t i = 0; i < entry->place.index; i++) {
        struct slice other = slice_str(config->upstreams[i].prefix);

        if (slice_equal(prefix, other))
            return entry_error(entry, "prefix", error, "\"%s\" is already the prefix of %s",
                               prefix.ptr, config->upstreams[i].registry);
        if (is_above(prefix, other) || is_above(other, prefix))
            return entry_error(entry, "prefix", error,
                               "\"%s\" and \"%s\", the prefix of %s, lie one below the other: one "
                               "rule would take images of the other",
                               prefix.ptr, other.ptr, config->upstreams[i].registry);
    }
    return 0;
}

int config_upstreams_settle(struct config *config, const struct yaml_node *list,
                            struct error *error)
{
    struct config_place root = {.key = "upstreams"};

    for (size_t i = 0; i < config->n_upstreams; i++) {
        struct entry entry = {
            .upstream = &config->upstreams[i],
            .node = list ? list->items[i] : NULL,
            .place = {.parent = &root, .index = i},
        };

        if (settle_entry(&entry, error) || check_names(config, &entry, error) ||
            check_prefixes(config, &entry, error))
            return -1;
    }
    return 0;
}

int config_upstreams_find(const struct config *config, struct slice domain)
{
    return find_among(config->upstreams, config->n_upstreams, domain);
}
