/*
 * A snapshot knows nothing of how it came about, and is never changed: what is new is another one.
 */
#include "snapshot.h"

#include "pullthrough/core/base/alloc.h"

#include <stdlib.h>

/* A cache line each: loops look at theirs with every request. */
struct place {
    _Alignas(64) _Atomic(struct snapshot *) published;
    struct snapshot *current; /* the loop's own */
};

struct snapshots {
    unsigned loops;
    struct place *places;
};

struct snapshot *snapshot_new(struct rule_set *rules, struct fallback_table *fallback,
                              struct image_set *cached, struct metrics *metrics,
                              struct strbuf *status, enum snapshot_awaits awaits)
{
    size_t n = rule_set_upstreams(rules);
    struct snapshot *snapshot = alloc_zeroed(1, sizeof(*snapshot) + n * sizeof(snapshot->slots[0]));

    references_init(&snapshot->references);
    snapshot->rules = rules;
    snapshot->fallback = fallback;
    snapshot->cached = cached;
    snapshot->status = strbuf_detach(status);
    snapshot->awaits = awaits;
    snapshot->n_slots = n;
    for (size_t i = 0; i < n; i++)
        snapshot->slots[i] = metrics_upstream_slot(metrics, rule_set_registry(rules, (int)i));
    return snapshot;
}

struct snapshot *snapshot_ref(struct snapshot *snapshot)
{
    references_add(&snapshot->references);
    return snapshot;
}

void snapshot_unref(struct snapshot *snapshot)
{
    if (!snapshot || !references_drop(&snapshot->references))
        return;
    rule_set_free(snapshot->rules);
    fallback_table_unref(snapshot->fallback);
    image_set_unref(snapshot->cached);
    free(snapshot->status);
    free(snapshot);
}

unsigned snapshot_slot(const struct snapshot *snapshot, int upstream)
{
    return upstream >= 0 && (size_t)upstream < snapshot->n_slots ? snapshot->slots[upstream]
                                                                 : METRICS_OTHER;
}

struct snapshots *snapshots_new(unsigned loops)
{
    struct snapshots *snapshots = alloc_zeroed(1, sizeof(*snapshots));

    snapshots->loops = loops;
    snapshots->places =
        alloc_made(aligned_alloc(_Alignof(struct place), loops * sizeof(struct place)));
    for (unsigned i = 0; i < loops; i++) {
        atomic_init(&snapshots->places[i].published, NULL);
        snapshots->places[i].current = NULL;
    }
    return snapshots;
}

void snapshots_free(struct snapshots *snapshots)
{
    if (!snapshots)
        return;
    for (unsigned i = 0; i < snapshots->loops; i++) {
        snapshot_unref(atomic_load(&snapshots->places[i].published));
        snapshot_unref(snapshots->places[i].current);
    }
    free(snapshots->places);
    free(snapshots);
}

void snapshots_publish(struct snapshots *snapshots, struct snapshot *snapshot)
{
    for (unsigned i = 0; i < snapshots->loops; i++)
        snapshot_unref(atomic_exchange_explicit(&snapshots->places[i].published,
                                                snapshot_ref(snapshot), memory_order_acq_rel));
    snapshot_unref(snapshot);
}

const struct snapshot *snapshots_current(struct snapshots *snapshots, unsigned loop)
{
    struct place *place = &snapshots->places[loop];

    if (atomic_load_explicit(&place->published, memory_order_relaxed)) {
        snapshot_unref(place->current);
        place->current = atomic_exchange_explicit(&place->published, NULL, memory_order_acq_rel);
    }
    return place->current;
}
