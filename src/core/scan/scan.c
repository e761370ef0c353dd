/*
 * Counting: a row for each image, namespace and registry, and one for each place, an image in a
 * namespace. A row remembers the pod that was counted last, so that a pod counts once in it.
 */
#include "pullthrough/core/scan/scan.h"

#include "pullthrough/core/base/alloc.h"
#include "pullthrough/core/base/strbuf.h"
#include "pullthrough/core/image/image_ref.h"
#include "pullthrough/core/image/known_upstreams.h"
#include "pullthrough/core/rules/rewrite.h"
#include "scan_names.h"

#include <stdlib.h>

enum {
    NAME_MAX = 768,       /* more than any reference; of what isn't one the rest is left out */
    DOMAIN_MAX = 253 + 6, /* of a host and its port */
    KINDS_MAX = 4096,
};

/* What is counted alike of everything. */
struct tally {
    size_t containers, pods, last_pod;
};

struct image_row {
    uint32_t registry, outcomes, hints;
    int upstream;
    struct tally tally;
};

struct registry_row {
    int upstream;
    struct tally tally;
};

struct place {
    uint32_t namespace, image, outcomes, hints;
    struct tally tally;
};

struct kind_row {
    size_t objects, images;
};

struct scan {
    const struct rule_set *rules;
    struct scan_names images, registries, namespaces, places, kinds; /* of the rows below */
    struct image_row *image_rows;
    struct registry_row *registry_rows;
    struct tally *namespace_rows;
    struct place *place_rows;
    struct kind_row *kind_rows;
    size_t images_size, registries_size, namespaces_size, places_size, kinds_size;
    struct tally all, hints[SCAN_HINT_COUNT];
    size_t pods_before, pods_seen; /* in inputs before this one; and so far */
    size_t uncounted;
};

struct scan *scan_new(const struct rule_set *rules)
{
    struct scan *scan = alloc_zeroed(1, sizeof(*scan));

    scan->rules = rules;
    scan->images.most = scan->registries.most = scan->namespaces.most = SCAN_NAMES_MAX;
    scan->places.most = SCAN_PLACES_MAX;
    scan->kinds.most = KINDS_MAX;
    return scan;
}

void scan_free(struct scan *scan)
{
    if (!scan)
        return;
    scan_names_fini(&scan->images);
    scan_names_fini(&scan->registries);
    scan_names_fini(&scan->namespaces);
    scan_names_fini(&scan->places);
    scan_names_fini(&scan->kinds);
    free(scan->image_rows);
    free(scan->registry_rows);
    free(scan->namespace_rows);
    free(scan->place_rows);
    free(scan->kind_rows);
    free(scan);
}

void scan_begin_input(struct scan *scan)
{
    scan->pods_before = scan->pods_seen;
}

static void count(struct tally *tally, size_t pod)
{
    tally->containers++;
    tally->pods += tally->last_pod != pod;
    tally->last_pod = pod;
}

/* The row of `name`, new and zeroed where it is; SCAN_NO_NAME: no room. `rows` points to the array
 * of such rows, which may move. */
static int64_t row_of(struct scan_names *names, struct slice name, void *rows, size_t *size,
                      size_t row_bytes)
{
    size_t before = names->n;
    int64_t number = scan_names_put(names, name);
    char *array;

    memcpy(&array, rows, sizeof(array));
    if (names->n > before) {
        array = alloc_grown(array, before, size, row_bytes);
        memset(array + before * row_bytes, 0, row_bytes);
        memcpy(rows, &array, sizeof(array));
    }
    return number;
}

/* What is pulled as one has one name. */
struct named {
    struct slice registry, tag, digest;
    int upstream;
    bool valid, is_hub, cacheable; /* by ECR */
};

/* What is kept of a text that may be of any length. */
static void add_cut(struct strbuf *out, struct slice text)
{
    static const char dots[] = "\xe2\x80\xa6";
    bool whole = text.len <= NAME_MAX;

    strbuf_add(out, text.ptr, whole ? text.len : NAME_MAX - strlen(dots));
    strbuf_add_str(out, whole ? "" : dots);
}

static struct named name_image(const struct scan *scan, const struct manifest_image *image,
                               struct strbuf *name)
{
    struct slice text = image->original;
    struct named named = {.upstream = -1};
    struct image_ref ref;

    if (image->obstacle == MANIFEST_NO_STRING || image_ref_parse(&ref, text, NULL) != 0 ||
        ref.domain.len > DOMAIN_MAX) {
        add_cut(name, text);
        return named;
    }
    named.valid = true;
    named.upstream = rule_set_find_any(scan->rules, ref.domain);
    named.registry =
        named.upstream < 0 ? ref.domain : rule_set_registry(scan->rules, named.upstream);
    named.tag = ref.tag;
    named.digest = ref.digest;
    named.cacheable = known_upstream_url(ref.domain).len > 0;
    named.is_hub = slice_is(known_upstream_url(ref.domain), "registry-1.docker.io");
    strbuf_add_slice(name, named.registry);
    strbuf_add_str(name, named.registry.len ? "/" : "");
    image_ref_print_path(&ref, name);
    image_ref_print_version(&ref, name);
    if (!ref.tag.len && !ref.digest.len)
        strbuf_add_str(name, ":latest");
    return named;
}

/* containerd tells the digest of a registry, or where there is none that of the image's
 * configuration; `ctr images import` makes up names. */
static bool is_only_on_node(struct slice image_id)
{
    static const struct slice bare = {.ptr = "sha256:", .len = 7};
    static const struct slice loaded = {.ptr = "docker.io/library/import-", .len = 25};

    return slice_starts_with(image_id, bare) || slice_starts_with(image_id, loaded);
}

/* By what pods are made of that is neither Kubernetes' own nor known to take the images of pods as
 * they are. */
static bool is_operators(struct slice version, struct slice kind)
{
    return manifest_is_custom_kind(version) && !manifest_knows_kind(kind, version);
}

/* What the webhook would do: how the text is written in YAML is over when it sees the pod. */
static enum outcome outcome_of(const struct manifest_image *image, const struct named *named)
{
    bool written = image->obstacle == MANIFEST_ALIAS || image->obstacle == MANIFEST_BLOCK;

    return written && named->valid ? OUTCOME_REWRITTEN : image->outcome;
}

static uint32_t hints_of(const struct manifest_image *image, const struct named *named,
                         enum outcome outcome)
{
    bool latest = !named->digest.len && (!named->tag.len || slice_is(named->tag, "latest"));
    bool always = !image->pull_policy.len || slice_is(image->pull_policy, "Always");
    uint32_t hints = 0;

    if (named->is_hub && outcome != OUTCOME_NEVER_PULLED && !image->names_pull_secrets)
        hints |= SCAN_BIT(SCAN_NO_LOGIN);
    if (outcome == OUTCOME_NOT_UPSTREAM && named->cacheable)
        hints |= SCAN_BIT(SCAN_COULD_CACHE);
    if (outcome != OUTCOME_REWRITTEN)
        return hints;
    if (image->names_pull_secrets)
        hints |= SCAN_BIT(SCAN_PULL_SECRETS);
    if (latest && always)
        hints |= SCAN_BIT(SCAN_MOVING);
    if (is_only_on_node(image->image_id))
        hints |= SCAN_BIT(SCAN_ONLY_ON_NODE);
    if (is_operators(image->owner_version, image->owner_kind))
        hints |= SCAN_BIT(SCAN_OPERATOR);
    return hints;
}

static struct place *place_of(struct scan *scan, struct slice namespace, struct slice image,
                              const struct named *named)
{
    STRBUF_CLEANUP struct strbuf cut = STRBUF_INIT(NAME_MAX);
    int64_t registry = row_of(&scan->registries, named->registry, &scan->registry_rows,
                              &scan->registries_size, sizeof(*scan->registry_rows));
    int64_t space, number, at;
    uint32_t key[2];

    if (namespace.len > NAME_MAX) {
        add_cut(&cut, namespace);
        namespace = strbuf_slice(&cut);
    }
    space = row_of(&scan->namespaces, namespace, &scan->namespace_rows, &scan->namespaces_size,
                   sizeof(*scan->namespace_rows));
    if (registry < 0 || space < 0)
        return NULL;
    number = row_of(&scan->images, image, &scan->image_rows, &scan->images_size,
                    sizeof(*scan->image_rows));
    if (number < 0)
        return NULL;
    scan->image_rows[number].registry = (uint32_t)registry;
    scan->image_rows[number].upstream = named->upstream;
    scan->registry_rows[registry].upstream = named->upstream;
    key[0] = (uint32_t)space;
    key[1] = (uint32_t)number;
    at = row_of(&scan->places, slice_of((const char *)key, sizeof(key)), &scan->place_rows,
                &scan->places_size, sizeof(*scan->place_rows));
    if (at < 0)
        return NULL;
    scan->place_rows[at].namespace = key[0];
    scan->place_rows[at].image = key[1];
    return &scan->place_rows[at];
}

/* A null is none. */
static bool is_absent(const struct manifest_image *image)
{
    return image->obstacle == MANIFEST_NO_STRING &&
           (slice_is(image->original, "null") || slice_is(image->original, "~"));
}

static void count_image(void *context, const struct manifest_image *image)
{
    STRBUF_CLEANUP struct strbuf name = STRBUF_INIT(2 * NAME_MAX);
    struct scan *scan = context;
    struct named named;
    struct place *place;
    struct image_row *row;
    enum outcome outcome;
    uint32_t hints;
    size_t pod = scan->pods_before + image->pod;

    if (image->other_kind || is_absent(image))
        return;
    named = name_image(scan, image, &name);
    scan->pods_seen = pod > scan->pods_seen ? pod : scan->pods_seen;
    count(&scan->all, pod);
    place = place_of(scan, image->namespace, strbuf_slice(&name), &named);
    if (!place) {
        scan->uncounted++;
        return;
    }
    row = &scan->image_rows[place->image];
    outcome = outcome_of(image, &named);
    hints = hints_of(image, &named, outcome);
    place->outcomes |= SCAN_BIT(outcome);
    place->hints |= hints;
    row->outcomes |= SCAN_BIT(outcome);
    row->hints |= hints;
    count(&place->tally, pod);
    count(&row->tally, pod);
    count(&scan->namespace_rows[place->namespace], pod);
    count(&scan->registry_rows[row->registry].tally, pod);
    for (unsigned i = 0; i < SCAN_HINT_COUNT; i++)
        if (hints & SCAN_BIT(i))
            count(&scan->hints[i], pod);
}

static void count_other(void *context, const struct manifest_other *other)
{
    STRBUF_CLEANUP struct strbuf name = STRBUF_INIT(NAME_MAX);
    struct scan *scan = context;
    int64_t at;

    if (!other->images || !manifest_is_custom_kind(other->version))
        return;
    strbuf_add_slice(&name, other->version);
    strbuf_add_char(&name, ' '); /* which neither may have */
    strbuf_add_slice(&name, other->kind);
    at = strbuf_overflowed(&name) ? SCAN_NO_NAME
                                  : row_of(&scan->kinds, strbuf_slice(&name), &scan->kind_rows,
                                           &scan->kinds_size, sizeof(*scan->kind_rows));
    if (at < 0)
        return;
    scan->kind_rows[at].objects++;
    scan->kind_rows[at].images += other->images;
}

struct manifest_report scan_counter(struct scan *scan)
{
    return (struct manifest_report){.image = count_image, .other = count_other, .context = scan};
}

static void add_image(struct scan_sum *sum, uint32_t outcomes, uint32_t hints)
{
    bool changes = outcomes & SCAN_BIT(OUTCOME_REWRITTEN);
    bool stays = outcomes & ~SCAN_BIT(OUTCOME_REWRITTEN);

    sum->images++;
    sum->change += changes;
    sum->stay += stays;
    sum->both += changes && stays;
    for (unsigned i = 0; i < OUTCOME_COUNT; i++)
        sum->outcomes[i] += outcomes & SCAN_BIT(i) ? 1 : 0;
    for (unsigned i = 0; i < SCAN_HINT_COUNT; i++)
        sum->hints[i] += hints & SCAN_BIT(i) ? 1 : 0;
}

static struct scan_sum sum_of(struct slice name, const struct tally *tally, int upstream)
{
    return (struct scan_sum){
        .name = name, .pods = tally->pods, .containers = tally->containers, .upstream = upstream};
}

struct scan_sum scan_all(const struct scan *scan)
{
    struct scan_sum sum = sum_of(slice_str(""), &scan->all, -1);

    for (size_t i = 0; i < scan->images.n; i++)
        add_image(&sum, scan->image_rows[i].outcomes, scan->image_rows[i].hints);
    return sum;
}

size_t scan_namespaces(const struct scan *scan)
{
    return scan->namespaces.n;
}

size_t scan_hint_pods(const struct scan *scan, enum scan_hint hint)
{
    return scan->hints[hint].pods;
}

size_t scan_uncounted(const struct scan *scan)
{
    return scan->uncounted;
}

static int compare_names(struct slice a, struct slice b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len ? memcmp(a.ptr, b.ptr, len) : 0;

    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int by_name(const void *left, const void *right)
{
    const struct scan_sum *a = left, *b = right;

    return compare_names(a->name, b->name);
}

static int by_images(const void *left, const void *right)
{
    const struct scan_sum *a = left, *b = right;

    return a->images != b->images ? (a->images < b->images) - (a->images > b->images)
                                  : by_name(left, right);
}

struct scan_sum *scan_by_registry(const struct scan *scan, size_t *n)
{
    struct scan_sum *sums = alloc_zeroed(scan->registries.n + 1, sizeof(*sums));

    *n = scan->registries.n;
    for (size_t i = 0; i < *n; i++)
        sums[i] = sum_of(scan->registries.items[i], &scan->registry_rows[i].tally,
                         scan->registry_rows[i].upstream);
    for (size_t i = 0; i < scan->images.n; i++)
        add_image(&sums[scan->image_rows[i].registry], scan->image_rows[i].outcomes,
                  scan->image_rows[i].hints);
    qsort(sums, *n, sizeof(*sums), by_images);
    return sums;
}

struct scan_sum *scan_by_namespace(const struct scan *scan, size_t *n)
{
    struct scan_sum *sums = alloc_zeroed(scan->namespaces.n + 1, sizeof(*sums));

    *n = scan->namespaces.n;
    for (size_t i = 0; i < *n; i++)
        sums[i] = sum_of(scan->namespaces.items[i], &scan->namespace_rows[i], -1);
    for (size_t i = 0; i < scan->places.n; i++)
        add_image(&sums[scan->place_rows[i].namespace], scan->place_rows[i].outcomes,
                  scan->place_rows[i].hints);
    qsort(sums, *n, sizeof(*sums), by_name);
    return sums;
}

static int by_kind(const void *left, const void *right)
{
    const struct scan_kind *a = left, *b = right;
    int order = compare_names(a->version, b->version);

    return order ? order : compare_names(a->kind, b->kind);
}

struct scan_kind *scan_kinds(const struct scan *scan, size_t *n)
{
    struct scan_kind *kinds = alloc_zeroed(scan->kinds.n + 1, sizeof(*kinds));

    *n = scan->kinds.n;
    for (size_t i = 0; i < *n; i++) {
        struct slice kind = scan->kinds.items[i];

        kinds[i].version = slice_cut(&kind, ' ');
        kinds[i].kind = kind;
        kinds[i].objects = scan->kind_rows[i].objects;
        kinds[i].images = scan->kind_rows[i].images;
    }
    qsort(kinds, *n, sizeof(*kinds), by_kind);
    return kinds;
}

static struct scan_image image_at(const struct scan *scan, size_t i)
{
    const struct image_row *row = &scan->image_rows[i];

    return (struct scan_image){.name = scan->images.items[i],
                               .registry = scan->registries.items[row->registry],
                               .upstream = row->upstream,
                               .outcomes = row->outcomes,
                               .hints = row->hints,
                               .containers = row->tally.containers,
                               .pods = row->tally.pods};
}

void scan_each_image(const struct scan *scan, scan_image_fn tell, void *context)
{
    for (size_t i = 0; i < scan->images.n; i++) {
        struct scan_image image = image_at(scan, i);

        tell(context, &image, slice_str(""));
    }
}

void scan_each_place(const struct scan *scan, scan_image_fn tell, void *context)
{
    for (size_t i = 0; i < scan->places.n; i++) {
        const struct place *place = &scan->place_rows[i];
        struct scan_image image = image_at(scan, place->image);

        image.outcomes = place->outcomes;
        image.hints = place->hints;
        image.containers = place->tally.containers;
        image.pods = place->tally.pods;
        tell(context, &image, scan->namespaces.items[place->namespace]);
    }
}

void scan_each_wanted(const struct scan *scan, scan_wanted_fn tell, void *context)
{
    for (size_t i = 0; i < scan->images.n; i++) {
        STRBUF_CLEANUP struct strbuf target = STRBUF_INIT(REWRITE_TEXT_MAX);
        struct scan_image image = image_at(scan, i);

        if ((image.outcomes & SCAN_BIT(OUTCOME_REWRITTEN)) &&
            rewrite_static(scan->rules, image.name, &target))
            tell(context, &image, strbuf_slice(&target));
    }
}

bool scan_is_mendable(enum outcome outcome)
{
    return outcome == OUTCOME_RULE_NOT_READY || outcome == OUTCOME_TOO_LONG ||
           outcome == OUTCOME_INVALID;
}
