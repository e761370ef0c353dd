/*
 * The images that are wished for, as a table with a bound.
 */
#ifndef PULLTHROUGH_CORE_CACHE_IMPORT_WISHES_H
#define PULLTHROUGH_CORE_CACHE_IMPORT_WISHES_H

#include "pullthrough/core/cache/import_plan.h"

enum wish_state {
    WISH_ASKED,   /* ECR is to be asked whether it holds it */
    WISH_WANTED,  /* it didn't, and there is a tag: to be imported */
    WISH_SEEKING, /* imported: to be looked for until it is seen */
    WISH_REFUSED, /* until due_ms; then it waits to be wished for again */
};

struct import_wish {
    uint64_t hash; /* of all its texts */
    uint64_t id;   /* in the order in which they came, or came again; never 0 */
    char *texts;   /* owned, those of: */
    struct slice repository, tag, digest;
    char *reason;   /* owned; of one that is refused */
    uint64_t owner; /* a hash of the namespace that wants it */
    /* Of the imports of an upstream, and of all first looks, the smallest comes first. Each owner
     * numbers its own from the last one that came (start-time fair queueing), so who has most
     * waiting also has the largest. */
    uint64_t turn, look_turn;
    size_t upstream;
    enum wish_state state;
    bool checks;  /* asked, though it was absent before: an import waits for it */
    bool settles; /* sought, by its tag: whether that is another image now */
    unsigned looks, tries, unanswered;
    int64_t due_ms;    /* of its next look; of a refused one, its end */
    int64_t looked_ms; /* when it was absent last */
    int64_t since_ms;  /* of a refused one */
};

struct wishes {
    struct import_wish *items; /* room for IMPORT_WISHES_MAX */
    size_t n;
    size_t of_upstream[IMPORT_UPSTREAMS_MAX];
    uint64_t turns[IMPORT_UPSTREAMS_MAX], look_turn; /* that came last */
    uint64_t last_id;
    uint64_t dropped;
};

void wishes_init(struct wishes *wishes);
void wishes_fini(struct wishes *wishes);

/* NULL where there is none. */
struct import_wish *wishes_find(struct wishes *wishes, struct slice repository, struct slice tag,
                                struct slice digest);
struct import_wish *wishes_get(struct wishes *wishes, uint64_t id);
uint64_t wishes_owner(struct slice namespace);
/* A new one, asked for, behind its owner's; one that is refused may go for it, or one that waits of
 * whoever has most. NULL: no room. */
struct import_wish *wishes_add(struct wishes *wishes, size_t upstream, uint64_t owner,
                               struct slice repository, struct slice tag, struct slice digest);
/* This one wants it too: it is now whose turn comes first. */
void wishes_share(struct wishes *wishes, struct import_wish *wish, uint64_t owner);
/* The last one takes its place. */
void wishes_remove(struct wishes *wishes, struct import_wish *wish);
/* Behind its owner's. */
void wishes_requeue(struct wishes *wishes, struct import_wish *wish);
/* Its first look, or its import, is made now. */
void wishes_looked(struct wishes *wishes, const struct import_wish *wish);
void wishes_imported(struct wishes *wishes, const struct import_wish *wish);
void wishes_refuse(struct import_wish *wish, struct slice reason, int64_t now_ms, int64_t until_ms);
/* Upstream i is map[i] from now on; those of SIZE_MAX are removed. */
void wishes_remap(struct wishes *wishes, const size_t map[IMPORT_UPSTREAMS_MAX]);

/* By what a pod pulls it, and so what ECR has to hold: the digest, or where there is none the
 * tag. */
enum image_set_kind wish_kind(const struct import_wish *wish);
struct slice wish_reference(const struct import_wish *wish);

#endif
