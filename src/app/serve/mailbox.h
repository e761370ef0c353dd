/*
 * From one writer, the upkeep thread, to the loop threads: each loop has a slot for the
 * newest edition. Posting and taking are one atomic exchange each; nobody waits.
 */
#ifndef PULLTHROUGH_APP_SERVE_MAILBOX_H
#define PULLTHROUGH_APP_SERVE_MAILBOX_H

#include "edition.h"

struct mailbox;

struct mailbox *mailbox_new(unsigned loops);
void mailbox_free(struct mailbox *mailbox);

/* Give `edition` (one reference, taken over) to every loop; one that was not taken yet is
 * replaced. */
void mailbox_post(struct mailbox *mailbox, struct edition *edition);

/* The edition that this loop uses, after making a newer one current and letting the old one
 * go. Only from that loop's thread; valid until its next call. NULL before the first post. */
const struct edition *mailbox_current(struct mailbox *mailbox, unsigned loop);

#endif
