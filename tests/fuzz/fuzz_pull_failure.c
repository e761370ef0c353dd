/*
 * Any bytes as an Event: refused with a reason, not ours, or a pull failure whose parts lie in
 * what was read, are within their bounds, and may be told to the state of what is turned away.
 */
#include "fuzz.h"
#include "rules.h"

#include "pullthrough/core/fallback/fallback_table.h"
#include "pullthrough/core/json/json_arena.h"
#include "pullthrough/core/kube/pull_failure.h"
#include "pullthrough/core/rules/rewrite.h"

#include <string.h>

static void check_found(const struct pull_failure *failure)
{
    const struct rule_set *rules = fuzz_rules();
    struct slice prefix = rule_set_prefix(rules, failure->upstream), name;
    struct image_ref ref;

    FUZZ_ASSERT(failure->pod.len > 0);
    FUZZ_ASSERT((int)failure->class < (int)PULL_CLASS_COUNT);
    FUZZ_ASSERT(failure->why.len <= PULL_FAILURE_WHY_MAX);
    FUZZ_ASSERT(!failure->list == !failure->container.len);
    FUZZ_ASSERT(image_ref_parse(&ref, failure->image, NULL) == 0);
    if (!failure->own) {
        FUZZ_ASSERT(slice_starts_with(failure->image, rule_set_host(rules)));
        FUZZ_ASSERT(slice_ends_with(failure->image, failure->name));
        FUZZ_ASSERT(rewrite_upstream_of(rules, failure->image, &name) == failure->upstream);
    }
    FUZZ_ASSERT(slice_starts_with(failure->name, prefix));
    FUZZ_ASSERT(failure->name.len > prefix.len + 1);
}

static void tell(const struct pull_failure *failure)
{
    struct fallback *fallback =
        fallback_new(&(struct fallback_settings){.remember_ms = FALLBACK_MINUTE_MS});
    struct fallback_pull pull = {.class = failure->class,
                                 .own = failure->own,
                                 .prefix = rule_set_prefix(fuzz_rules(), failure->upstream),
                                 .image = failure->name,
                                 .node = failure->node};
    unsigned changes = fallback_failure(fallback, &pull, 0);
    struct fallback_table *table = fallback_table_new(fallback);

    FUZZ_ASSERT(changes == 0 || changes == FALLBACK_IMAGE);
    FUZZ_ASSERT(fallback_table_ask(table, pull.prefix, pull.image) ==
                (changes && !pull.own ? FALLBACK_PULL_FAILED : FALLBACK_GO_ON));
    fallback_table_unref(table);
    fallback_free(fallback);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ARENA_CLEANUP struct arena arena;
    struct pull_failure failure;
    yyjson_val *event;
    bool too_much;

    arena_init(&arena, 4096);
    arena.ceiling = 16 * 1024 * 1024;
    event = json_arena_read(&arena, slice_of((const char *)data, size), &too_much);
    if (event && pull_failure_read(&failure, fuzz_rules(), event)) {
        check_found(&failure);
        tell(&failure);
    }
    return 0;
}
