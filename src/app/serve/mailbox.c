#include "mailbox.h"

#include <stdatomic.h>
#include <stdlib.h>

/* A cache line each: loops look at their slot with every request. */
struct slot {
    _Alignas(64) _Atomic(struct edition *) posted;
    struct edition *current; /* the loop's own */
};

struct mailbox {
    unsigned loops;
    struct slot *slots;
};

struct mailbox *mailbox_new(unsigned loops)
{
    struct mailbox *mailbox = calloc(1, sizeof(*mailbox));

    if (!mailbox)
        abort();
    mailbox->loops = loops;
    mailbox->slots = aligned_alloc(_Alignof(struct slot), loops * sizeof(struct slot));
    if (!mailbox->slots)
        abort();
    for (unsigned i = 0; i < loops; i++) {
        atomic_init(&mailbox->slots[i].posted, NULL);
        mailbox->slots[i].current = NULL;
    }
    return mailbox;
}

void mailbox_free(struct mailbox *mailbox)
{
    if (!mailbox)
        return;
    for (unsigned i = 0; i < mailbox->loops; i++) {
        edition_unref(atomic_load(&mailbox->slots[i].posted));
        edition_unref(mailbox->slots[i].current);
    }
    free(mailbox->slots);
    free(mailbox);
}

void mailbox_post(struct mailbox *mailbox, struct edition *edition)
{
    for (unsigned i = 0; i < mailbox->loops; i++)
        edition_unref(atomic_exchange_explicit(&mailbox->slots[i].posted, edition_ref(edition),
                                               memory_order_acq_rel));
    edition_unref(edition);
}

const struct edition *mailbox_current(struct mailbox *mailbox, unsigned loop)
{
    struct slot *slot = &mailbox->slots[loop];

    if (atomic_load_explicit(&slot->posted, memory_order_relaxed)) {
        edition_unref(slot->current);
        slot->current = atomic_exchange_explicit(&slot->posted, NULL, memory_order_acq_rel);
    }
    return slot->current;
}
