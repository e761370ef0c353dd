#include "edition.h"

#include <stdatomic.h>
#include <stdlib.h>

struct edition {
    atomic_uint references;
    struct rule_set *rules;
    char *status;
    bool waiting;
    size_t n_slots;
    unsigned slots[];
};

struct edition *edition_new(struct rule_set *rules, struct metrics *metrics, struct strbuf *status,
                            bool waiting)
{
    size_t n = rule_set_upstreams(rules);
    struct edition *edition = calloc(1, sizeof(*edition) + n * sizeof(edition->slots[0]));

    if (!edition)
        abort();
    atomic_init(&edition->references, 1);
    edition->rules = rules;
    edition->status = strbuf_detach(status);
    edition->waiting = waiting;
    edition->n_slots = n;
    for (size_t i = 0; i < n; i++)
        edition->slots[i] = metrics_upstream_slot(metrics, rule_set_registry(rules, (int)i));
    return edition;
}

struct edition *edition_ref(struct edition *edition)
{
    atomic_fetch_add_explicit(&edition->references, 1, memory_order_relaxed);
    return edition;
}

void edition_unref(struct edition *edition)
{
    if (!edition || atomic_fetch_sub_explicit(&edition->references, 1, memory_order_acq_rel) != 1)
        return;
    rule_set_unref(edition->rules);
    free(edition->status);
    free(edition);
}

const struct rule_set *edition_rules(const struct edition *edition)
{
    return edition->rules;
}

unsigned edition_slot(const struct edition *edition, int upstream)
{
    return upstream >= 0 && (size_t)upstream < edition->n_slots ? edition->slots[upstream]
                                                                : METRICS_OTHER;
}

struct slice edition_status(const struct edition *edition)
{
    return slice_str(edition->status);
}

bool edition_is_waiting(const struct edition *edition)
{
    return edition->waiting;
}
