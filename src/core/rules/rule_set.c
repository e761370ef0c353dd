/*
 * Copies of what a review asks for, so that the configuration may go while reviews are judged.
 * Looked up by linear search: a rule set has a handful of rows, and comparing lengths first makes
 * the wrong ones cost a few instructions each.
 *
 * It knows single facts and refuses to weigh them: which one outranks which is rewrite.c's.
 */
#include "pullthrough/core/rules/rule_set.h"

#include "pullthrough/core/base/alloc.h"
#include "pullthrough/core/image/glob.h"

#include <stdlib.h>

/* One of the configuration's upstreams, at the same index; those that are switched off too, for
 * what a pod was given while they were on. */
struct row {
    struct slice registry, prefix;
    struct slice *aliases;
    size_t n_aliases;
    bool enabled, ready; /* ready: new pods may be sent to the cache now */
    struct taken *taken;
    size_t n_taken;
};

/* A NUL stands behind `reason`, as behind every copy. */
struct taken {
    struct slice path, reason;
};

struct label {
    struct slice key, value;
    bool any_value;
};

struct list {
    struct slice *items;
    size_t n;
};

struct rule_set {
    struct slice host;
    struct row *rows;
    size_t n_rows;
    /* A pattern with a "/" is meant for whole names, in their long form; without one for what
     * somebody wrote: "nginx:*". */
    struct list exclude_texts, exclude_names, exclude_tags, namespaces;
    struct label *labels;
    size_t n_labels;
    size_t longest_prefix;
    bool digests, originals, warnings, skips_pull_secrets;
    bool asks, asks_digests; /* whether ECR holds the image */
};

static struct slice copy(struct slice text)
{
    return slice_of(alloc_text(text), text.len);
}

static void drop(struct slice text)
{
    free((char *)text.ptr);
}

static void list_drop(struct list *list)
{
    for (size_t i = 0; i < list->n; i++)
        drop(list->items[i]);
    free(list->items);
}

static void copy_taken(struct row *row, const struct upstream_status *status)
{
    row->n_taken = status->n_taken;
    row->taken = alloc_zeroed(row->n_taken, sizeof(*row->taken));
    for (size_t i = 0; i < row->n_taken; i++)
        row->taken[i] = (struct taken){copy(slice_str(status->taken[i].path)),
                                       copy(slice_str(status->taken[i].reason))};
}

static void copy_upstreams(struct rule_set *rules, const struct config *config,
                           const struct rule_set_facts *facts)
{
    rules->n_rows = config->n_upstreams;
    rules->rows = alloc_zeroed(rules->n_rows, sizeof(*rules->rows));
    for (size_t i = 0; i < rules->n_rows; i++) {
        const struct config_upstream *from = &config->upstreams[i];
        struct row *row = &rules->rows[i];

        row->registry = copy(slice_str(from->registry));
        row->prefix = copy(slice_str(from->prefix));
        if (row->prefix.len > rules->longest_prefix)
            rules->longest_prefix = row->prefix.len;
        row->n_aliases = from->n_aliases;
        row->aliases = alloc_zeroed(row->n_aliases, sizeof(*row->aliases));
        for (size_t k = 0; k < row->n_aliases; k++)
            row->aliases[k] = copy(slice_str(from->aliases[k]));
        row->enabled = from->enabled;
        row->ready = from->enabled && rules->host.len > 0 &&
                     (!facts->statuses || facts->statuses[i].rewrite);
        if (facts->statuses)
            copy_taken(row, &facts->statuses[i]);
    }
}

static void copy_excludes(struct rule_set *rules, const struct config_rewrite *from)
{
    rules->exclude_texts.items = alloc_zeroed(from->n_exclude, sizeof(struct slice));
    rules->exclude_names.items = alloc_zeroed(from->n_exclude, sizeof(struct slice));
    for (size_t i = 0; i < from->n_exclude; i++) {
        struct slice pattern = slice_str(from->exclude[i]);
        bool names = slice_find(pattern, '/') < pattern.len;
        struct list *list = names ? &rules->exclude_names : &rules->exclude_texts;

        list->items[list->n++] = copy(pattern);
    }
    rules->exclude_tags.n = from->n_exclude_tags;
    rules->exclude_tags.items = alloc_zeroed(from->n_exclude_tags, sizeof(struct slice));
    for (size_t i = 0; i < from->n_exclude_tags; i++)
        rules->exclude_tags.items[i] = copy(slice_str(from->exclude_tags[i]));
}

static void copy_skips(struct rule_set *rules, const struct config_rewrite *from)
{
    rules->namespaces.n = from->n_skip_namespaces;
    rules->namespaces.items = alloc_zeroed(from->n_skip_namespaces, sizeof(struct slice));
    for (size_t i = 0; i < from->n_skip_namespaces; i++)
        rules->namespaces.items[i] = copy(slice_str(from->skip_namespaces[i]));
    rules->n_labels = from->n_skip_pods;
    rules->labels = alloc_zeroed(from->n_skip_pods, sizeof(*rules->labels));
    for (size_t i = 0; i < from->n_skip_pods; i++) {
        rules->labels[i].key = copy(slice_str(from->skip_pods[i].label));
        rules->labels[i].value = copy(slice_str(from->skip_pods[i].value));
        rules->labels[i].any_value = !from->skip_pods[i].value;
    }
}

struct rule_set *rule_set_new(const struct config *config, const struct rule_set_facts *facts)
{
    struct rule_set *rules = alloc_zeroed(1, sizeof(*rules));

    rules->host = copy(facts->host);
    copy_upstreams(rules, config, facts);
    copy_excludes(rules, &config->rewrite);
    copy_skips(rules, &config->rewrite);
    rules->digests = config->rewrite.digests != CONFIG_DIGESTS_SKIP;
    rules->asks = !facts->all_cached && config->rewrite.when == CONFIG_WHEN_CACHED;
    rules->asks_digests =
        !facts->all_cached && (rules->asks || config->rewrite.digests == CONFIG_DIGESTS_CACHED);
    rules->skips_pull_secrets = config->rewrite.pull_secrets == CONFIG_PULL_SECRETS_SKIP;
    rules->originals = config->rewrite.record_originals;
    rules->warnings = config->rewrite.warnings;
    return rules;
}

void rule_set_free(struct rule_set *rules)
{
    if (!rules)
        return;
    for (size_t i = 0; i < rules->n_rows; i++) {
        struct row *row = &rules->rows[i];

        drop(row->registry);
        drop(row->prefix);
        for (size_t k = 0; k < row->n_aliases; k++)
            drop(row->aliases[k]);
        free(row->aliases);
        for (size_t k = 0; k < row->n_taken; k++) {
            drop(row->taken[k].path);
            drop(row->taken[k].reason);
        }
        free(row->taken);
    }
    free(rules->rows);
    list_drop(&rules->exclude_texts);
    list_drop(&rules->exclude_names);
    list_drop(&rules->exclude_tags);
    list_drop(&rules->namespaces);
    for (size_t i = 0; i < rules->n_labels; i++) {
        drop(rules->labels[i].key);
        drop(rules->labels[i].value);
    }
    free(rules->labels);
    drop(rules->host);
    free(rules);
}

static bool row_is(const struct row *row, struct slice domain)
{
    if (slice_equal(row->registry, domain))
        return true;
    for (size_t i = 0; i < row->n_aliases; i++)
        if (slice_equal(row->aliases[i], domain))
            return true;
    return false;
}

int rule_set_find(const struct rule_set *rules, struct slice domain)
{
    for (size_t i = 0; i < rules->n_rows; i++)
        if (rules->rows[i].enabled && row_is(&rules->rows[i], domain))
            return (int)i;
    return -1;
}

int rule_set_find_any(const struct rule_set *rules, struct slice domain)
{
    int enabled = rule_set_find(rules, domain);

    for (size_t i = 0; enabled < 0 && i < rules->n_rows; i++)
        if (row_is(&rules->rows[i], domain))
            return (int)i;
    return enabled;
}

size_t rule_set_upstreams(const struct rule_set *rules)
{
    return rules->n_rows;
}

struct slice rule_set_registry(const struct rule_set *rules, int upstream)
{
    return rules->rows[upstream].registry;
}

struct slice rule_set_prefix(const struct rule_set *rules, int upstream)
{
    return rules->rows[upstream].prefix;
}

size_t rule_set_longest_prefix(const struct rule_set *rules)
{
    return rules->longest_prefix;
}

bool rule_set_is_ready(const struct rule_set *rules, int upstream)
{
    return rules->rows[upstream].ready;
}

/* Below, not at it: ECR assumes a "/" behind each prefix. The path of an official image has no
 * "library/" in front, as it was written; in ECR it has. */
static bool is_below(const struct image_ref *ref, struct slice path)
{
    if (ref->official)
        return slice_is(path, "library");
    return ref->path.len > path.len && slice_starts_with(ref->path, path) &&
           ref->path.ptr[path.len] == '/';
}

const char *rule_set_taken(const struct rule_set *rules, const struct image_ref *ref, int upstream)
{
    const struct row *row = &rules->rows[upstream];

    for (size_t i = 0; i < row->n_taken; i++)
        if (is_below(ref, row->taken[i].path))
            return row->taken[i].reason.ptr;
    return NULL;
}

struct slice rule_set_host(const struct rule_set *rules)
{
    return rules->host;
}

bool rule_set_rewrites_digests(const struct rule_set *rules)
{
    return rules->digests;
}

bool rule_set_asks_cache(const struct rule_set *rules, bool has_digest)
{
    return has_digest ? rules->asks_digests : rules->asks;
}

bool rule_set_skips_pull_secrets(const struct rule_set *rules)
{
    return rules->skips_pull_secrets;
}

bool rule_set_records_originals(const struct rule_set *rules)
{
    return rules->originals;
}

bool rule_set_warns(const struct rule_set *rules)
{
    return rules->warnings;
}

bool rule_set_excludes_text(const struct rule_set *rules, struct slice text)
{
    for (size_t i = 0; i < rules->exclude_texts.n; i++)
        if (glob_match(rules->exclude_texts.items[i], text))
            return true;
    return false;
}

/* "docker.io/library/nginx": without tag and digest. */
static bool excludes_name(const struct rule_set *rules, const struct image_ref *ref,
                          struct slice domain)
{
    STRBUF_CLEANUP struct strbuf name = STRBUF_INIT(4096);

    strbuf_add_slice(&name, domain);
    strbuf_add_char(&name, '/');
    image_ref_print_path(ref, &name);
    for (size_t i = 0; i < rules->exclude_names.n; i++)
        if (glob_match(rules->exclude_names.items[i], strbuf_slice(&name)))
            return true;
    return false;
}

bool rule_set_excludes_name(const struct rule_set *rules, const struct image_ref *ref, int upstream)
{
    struct slice own = rules->rows[upstream].registry;

    if (rules->exclude_names.n == 0)
        return false;
    return excludes_name(rules, ref, own) ||
           (!slice_equal(ref->domain, own) && excludes_name(rules, ref, ref->domain));
}

bool rule_set_excludes_tag(const struct rule_set *rules, const struct image_ref *ref)
{
    struct slice tag = ref->tag.len ? ref->tag : slice_str("latest");

    for (size_t i = 0; i < rules->exclude_tags.n && !ref->digest.len; i++)
        if (glob_match(rules->exclude_tags.items[i], tag))
            return true;
    return false;
}

bool rule_set_skips_namespace(const struct rule_set *rules, struct slice name)
{
    for (size_t i = 0; i < rules->namespaces.n; i++)
        if (slice_equal(rules->namespaces.items[i], name))
            return true;
    return false;
}

size_t rule_set_skip_labels(const struct rule_set *rules)
{
    return rules->n_labels;
}

enum rule_set_label rule_set_skip_label(const struct rule_set *rules, size_t i, struct slice key,
                                        struct slice value)
{
    const struct label *label = &rules->labels[i];

    if (!slice_equal(label->key, key))
        return RULE_SET_LABEL_OTHER;
    return label->any_value || slice_equal(label->value, value) ? RULE_SET_LABEL_SKIPPED
                                                                : RULE_SET_LABEL_KEPT;
}
