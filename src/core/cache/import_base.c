/*
 * What the parts of a plan ask of it.
 */
#include "import_state.h"

#include "pullthrough/core/base/backoff.h"

size_t import_upstream_of(const struct import_plan *plan, struct slice repository)
{
    size_t found = SIZE_MAX, longest = 0;

    for (size_t i = 0; i < plan->n_upstreams; i++) {
        struct slice prefix = slice_str(plan->upstreams[i].prefix);

        if (prefix.len > longest && repository.len > prefix.len + 1 &&
            slice_starts_with(repository, prefix) && repository.ptr[prefix.len] == '/') {
            found = i;
            longest = prefix.len;
        }
    }
    return found;
}

struct repository *import_know(struct import_plan *plan, struct slice repository, int64_t created_s)
{
    size_t upstream = import_upstream_of(plan, repository);
    struct repository *known;

    if (upstream == SIZE_MAX || repository.len > IMAGE_SET_REPOSITORY_MAX)
        return NULL;
    known = repositories_know(&plan->repositories, upstream, repository, created_s);
    if (known)
        known->bit = image_set_repository_bit(plan->set, repository);
    return known;
}

void import_pass_time(struct import_plan *plan, int64_t now_ms)
{
    if (now_ms > plan->now_ms)
        plan->now_ms = now_ms;
}

int64_t import_sooner_ms(int64_t ms, uint32_t random)
{
    return (int64_t)backoff_jitter_ms((uint64_t)(ms - ms / 6), random);
}

int64_t import_spread_ms(uint32_t random)
{
    return (int64_t)random * IMPORT_SPREAD_MS / UINT32_MAX;
}
