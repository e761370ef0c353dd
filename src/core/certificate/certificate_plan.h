/*
 * Whether certificates are fit for use, and what is to be done with them next.
 *
 * A rotation has no gap: a CA is added to the bundle first; when every API server had time to
 * take it, a leaf of its own follows; a CA stays until it has ended. Each step is decided anew
 * from what is there, by whoever looks first.
 */
#ifndef PULLTHROUGH_CORE_CERTIFICATE_CERTIFICATE_PLAN_H
#define PULLTHROUGH_CORE_CERTIFICATE_CERTIFICATE_PLAN_H

#include "pullthrough/core/certificate/certificate.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    /* From a CA's making to the first leaf that it signs: API servers see a new bundle within
     * seconds, replicas look at it within a minute, and clocks differ by minutes. */
    CERTIFICATE_SPREAD_S = 15 * 60,
};

enum certificate_health {
    CERTIFICATE_GOOD,
    CERTIFICATE_DUE,     /* good, but past two thirds of its life */
    CERTIFICATE_NOT_YET, /* its life has not begun */
    CERTIFICATE_ENDED,
    CERTIFICATE_WRONG_NAMES, /* of a leaf: not the Service's */
};

enum certificate_health certificate_dates_health(const struct certificate_dates *dates,
                                                 int64_t now_s);
enum certificate_health certificate_leaf_health(const struct certificate_set *set,
                                                const struct certificate_names *names,
                                                int64_t now_s);

enum certificate_change {
    CERTIFICATE_KEEP,
    CERTIFICATE_ADD_CA,     /* certificate_set_add_ca() */
    CERTIFICATE_ISSUE_LEAF, /* certificate_set_issue() */
    CERTIFICATE_DROP_CAS,   /* certificate_set_drop() */
};

/* `held`: the first CA is known to be in the bundle that API servers use. *why is a static text
 * for the log. */
enum certificate_change certificate_plan(const struct certificate_set *set,
                                         const struct certificate_names *names, bool held,
                                         int64_t now_s, const char **why);

#endif
