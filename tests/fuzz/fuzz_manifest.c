/*
 * A manifest of any bytes: rewriting it changes the texts of images and nothing else, what
 * comes out is read as the same tree, and a second run changes nothing.
 *
 * The first byte chooses the host, so that scalars which must be quoted occur as well, and
 * whether lists of containers count in objects of any kind.
 */
#include "fuzz.h"

#include "pullthrough/core/manifest/manifest.h"
#include "pullthrough/core/rules/rewrite.h"
#include "pullthrough/core/yaml/yaml_tree.h"

#include <stdlib.h>

enum { BYTES_MAX = 16 * 1024 * 1024 };

static const struct yaml_limits limits = {
    .max_bytes = BYTES_MAX, .max_nodes = 1000000, .max_depth = 1000};

static void check(bool holds)
{
    if (!holds)
        abort();
}

static struct rule_set *make_rules(bool plain)
{
    static char *namespaces[] = {"kube-system"};
    static struct config_pod_label labels[] = {{.label = "cnpg.io/cluster"}};
    static struct config_upstream upstreams[] = {
        {.registry = "docker.io", .prefix = "dockercache", .enabled = true},
        {.registry = "ghcr.io", .prefix = "ghcrcache", .enabled = true},
    };
    const struct config config = {
        .upstreams = upstreams,
        .n_upstreams = 2,
        .rewrite = {.digests = CONFIG_DIGESTS_REWRITE,
                    .skip_pods = labels,
                    .n_skip_pods = 1,
                    .skip_namespaces = namespaces,
                    .n_skip_namespaces = 1},
    };
    const struct rule_set_facts facts = {
        .host = slice_str(plain ? "111122223333.dkr.ecr.us-west-2.amazonaws.com" : "[::1]:5000")};

    return rule_set_new(&config, &facts);
}

/* Both texts up to where each has been compared. */
struct comparison {
    const struct rule_set *rules;
    struct slice before, after;
    size_t before_at, after_at;
    size_t n_images;
};

/* An image's scalars differ, what lies between this one and the one before doesn't. */
static void check_image(struct comparison *comparison, const struct yaml_node *before,
                        const struct yaml_node *after)
{
    STRBUF_CLEANUP struct strbuf want = STRBUF_INIT(REWRITE_TEXT_MAX);
    size_t gap = before->start - comparison->before_at;

    check(yaml_node_is_string(before) && yaml_node_is_string(after));
    check(rewrite_image(comparison->rules, before->text, &want).outcome == OUTCOME_REWRITTEN);
    check(slice_equal(after->text, strbuf_slice(&want)));
    check(before->start >= comparison->before_at && after->start >= comparison->after_at);
    check(after->start - comparison->after_at == gap);
    check(memcmp(comparison->before.ptr + comparison->before_at,
                 comparison->after.ptr + comparison->after_at, gap) == 0);
    comparison->before_at = before->end;
    comparison->after_at = after->end;
    comparison->n_images++;
}

static void compare(struct comparison *comparison, const struct yaml_node *before,
                    const struct yaml_node *after)
{
    check(before->kind == after->kind && before->n == after->n);
    check(before->tagged == after->tagged && before->anchored == after->anchored);
    check(before->in_flow == after->in_flow);
    if (before->kind == YAML_SCALAR && !slice_equal(before->text, after->text))
        check_image(comparison, before, after);
    else
        check(before->style == after->style);
    for (size_t i = 0; i < before->n; i++) {
        compare(comparison, before->items[i], after->items[i]);
        if (before->kind == YAML_MAPPING)
            compare(comparison, before->values[i], after->values[i]);
    }
}

static void compare_texts(struct comparison *comparison)
{
    YAML_TREE_CLEANUP struct yaml_tree *before = NULL, *after = NULL;
    struct slice rest;

    check(yaml_tree_parse(&before, comparison->before, &limits, NULL) == 0);
    check(yaml_tree_parse(&after, comparison->after, &limits, NULL) == 0);
    check(yaml_tree_documents(before) == yaml_tree_documents(after));
    for (size_t i = 0; i < yaml_tree_documents(before); i++) {
        const struct yaml_node *root = yaml_tree_root(before, i);

        check(!root == !yaml_tree_root(after, i));
        if (root)
            compare(comparison, root, yaml_tree_root(after, i));
    }
    rest = slice_from(comparison->before, comparison->before_at);
    check(slice_equal(rest, slice_from(comparison->after, comparison->after_at)));
}

struct count {
    size_t rewritten, images;
};

static void count_image(void *context, const struct manifest_image *image)
{
    struct count *count = context;

    count->images++;
    count->rewritten += image->outcome == OUTCOME_REWRITTEN;
    check(image->line > 0 && image->column > 0 && image->document > 0 && image->path != NULL);
    check((image->rewritten.len > 0) == (image->outcome == OUTCOME_REWRITTEN));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct rule_set *both[2];
    STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(BYTES_MAX), again = STRBUF_INIT(BYTES_MAX);
    struct count count = {0}, second = {0};
    struct manifest_report report = {.image = count_image, .context = &count};
    struct comparison comparison = {0};
    enum config_kinds kinds;
    struct error error;

    if (size == 0)
        return 0;
    if (!both[data[0] & 1])
        both[data[0] & 1] = make_rules(data[0] & 1);
    comparison.rules = both[data[0] & 1];
    kinds = data[0] & 2 ? CONFIG_KINDS_ANY_POD_SPEC : CONFIG_KINDS_KNOWN;
    comparison.before = slice_of((const char *)data + 1, size - 1);
    if (manifest_rewrite(comparison.rules, kinds, comparison.before, &out, &report, &error) != 0) {
        check(out.len == 0);
        return 0;
    }
    comparison.after = strbuf_slice(&out);
    compare_texts(&comparison);
    check(comparison.n_images == count.rewritten);

    report.context = &second;
    check(manifest_rewrite(comparison.rules, kinds, comparison.after, &again, &report, &error) ==
          0);
    check(slice_equal(strbuf_slice(&again), comparison.after));
    check(second.rewritten == 0 && second.images == count.images);
    return 0;
}
