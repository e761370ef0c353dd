/*
 * Whether the registry as a whole is turned away from: by probes, and by what different nodes say.
 * Signs are kept, not counted, so that what they come to is judged by the time it matters at.
 */
#include "fallback_state.h"

/* Whether the signs that are younger than FALLBACK_REGISTRY_WITHIN_MS at that time are enough. */
static bool has_enough_signs(const struct fallback_registry *registry, int64_t at_ms)
{
    const struct fallback_sign *first = NULL;
    bool nodes = false, prefixes = false, namespaces = false;
    unsigned n = 0;

    for (size_t i = 0; i < registry->n_signs; i++) {
        const struct fallback_sign *sign = &registry->signs[i];

        if (at_ms - sign->at_ms >= FALLBACK_REGISTRY_WITHIN_MS)
            continue;
        first = first ? first : sign;
        n++;
        nodes |= !slice_equal(slice_of(first->node, first->node_bytes),
                              slice_of(sign->node, sign->node_bytes));
        prefixes |= !slice_equal(slice_of(first->image, first->prefix_bytes),
                                 slice_of(sign->image, sign->prefix_bytes));
        namespaces |= !slice_equal(slice_of(first->namespace, first->namespace_bytes),
                                   slice_of(sign->namespace, sign->namespace_bytes));
    }
    return registry->answered ? nodes && prefixes && namespaces
                              : nodes || n >= FALLBACK_REGISTRY_IMAGES;
}

int64_t fallback_registry_due(const struct fallback_registry *registry, int64_t now_ms)
{
    int64_t hold = registry->ever_changed ? registry->changed_ms + FALLBACK_HOLD_MS : INT64_MIN;
    int64_t at = INT64_MAX, soonest = now_ms > hold ? now_ms : hold;

    if (registry->open) {
        at = registry->news_ms + FALLBACK_SILENCE_MS;
        if (registry->sure_ms + FALLBACK_BLIND_MS < at)
            at = registry->sure_ms + FALLBACK_BLIND_MS;
        if (registry->alive >= FALLBACK_PROBES_UP)
            at = soonest;
    } else if (registry->failed >= FALLBACK_PROBES_DOWN || has_enough_signs(registry, soonest)) {
        at = soonest;
    }
    return at < hold ? hold : at;
}

unsigned fallback_registry_settle(struct fallback_registry *registry, int64_t now_ms)
{
    bool blind = registry->open && registry->failed && !registry->answered &&
                 registry->sure_ms + FALLBACK_BLIND_MS <= now_ms;

    if (fallback_registry_due(registry, now_ms) > now_ms)
        return 0;
    registry->open = !registry->open;
    registry->ever_changed = true;
    registry->changed_ms = registry->news_ms = registry->sure_ms = now_ms;
    registry->failed = registry->alive = 0;
    registry->n_signs = 0;
    if (registry->open)
        return FALLBACK_OPENED;
    return blind ? FALLBACK_CLOSED | FALLBACK_BLIND : FALLBACK_CLOSED;
}

unsigned fallback_registry_probe(struct fallback_registry *registry, bool alive, int64_t now_ms)
{
    registry->answered = alive;
    registry->alive = alive ? registry->alive + 1 : 0;
    registry->failed = alive ? 0 : registry->failed + 1;
    registry->news_ms = now_ms;
    if (alive)
        registry->sure_ms = now_ms;
    return fallback_registry_settle(registry, now_ms);
}

/* The one of the same node, namespace and image, or else a new one's place: the oldest's, if need
 * be. */
static struct fallback_sign *place_of(struct fallback_registry *registry,
                                      const struct fallback_pull *pull)
{
    struct fallback_sign *oldest = registry->signs;

    for (size_t i = 0; i < registry->n_signs; i++) {
        struct fallback_sign *sign = &registry->signs[i];

        if (slice_equal(slice_of(sign->image, sign->image_bytes), pull->image) &&
            slice_equal(slice_of(sign->node, sign->node_bytes), pull->node) &&
            slice_equal(slice_of(sign->namespace, sign->namespace_bytes), pull->namespace))
            return sign;
        if (sign->at_ms < oldest->at_ms)
            oldest = sign;
    }
    if (registry->n_signs < FALLBACK_SIGNS_MAX)
        oldest = &registry->signs[registry->n_signs++];
    oldest->at_ms = INT64_MIN;
    return oldest;
}

/* What happened before it was opened or closed last, has been counted. */
unsigned fallback_registry_failure(struct fallback_registry *registry,
                                   const struct fallback_pull *pull, int64_t at_ms, int64_t now_ms)
{
    struct fallback_sign *sign;

    if ((pull->class != PULL_LOGIN && pull->class != PULL_UNREACHABLE) ||
        (registry->ever_changed && at_ms < registry->changed_ms) ||
        now_ms - at_ms >= FALLBACK_REGISTRY_WITHIN_MS)
        return 0;
    if (registry->open) {
        registry->news_ms = registry->sure_ms = now_ms;
        return 0;
    }
    sign = place_of(registry, pull);
    if (sign->at_ms < at_ms)
        sign->at_ms = at_ms;
    sign->image_bytes = pull->image.len;
    sign->prefix_bytes = pull->prefix.len;
    sign->node_bytes = pull->node.len;
    sign->namespace_bytes = pull->namespace.len;
    memcpy(sign->image, pull->image.ptr, pull->image.len);
    if (pull->node.len)
        memcpy(sign->node, pull->node.ptr, pull->node.len);
    if (pull->namespace.len)
        memcpy(sign->namespace, pull->namespace.ptr, pull->namespace.len);
    return fallback_registry_settle(registry, now_ms);
}
