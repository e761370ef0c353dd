/*
 * One rule after the other, the first that applies is the step; no step depends on what was
 * decided before, so that replicas with different clocks can take turns. Which certificates
 * there are comes from a set; what time it is, from the caller.
 */
#include "certificate_plan.h"

enum { ENDED_FOR_S = 60 * 60 }; /* as certificate_set_drop() has it */

enum certificate_health certificate_dates_health(const struct certificate_dates *dates,
                                                 int64_t now_s)
{
    int64_t life_s = dates->not_after_s - dates->not_before_s;

    if (now_s > dates->not_after_s)
        return CERTIFICATE_ENDED;
    if (now_s < dates->not_before_s)
        return CERTIFICATE_NOT_YET;
    return now_s >= dates->not_after_s - life_s / 3 ? CERTIFICATE_DUE : CERTIFICATE_GOOD;
}

enum certificate_health certificate_leaf_health(const struct certificate_set *set,
                                                const struct certificate_names *names,
                                                int64_t now_s)
{
    struct certificate_dates dates = certificate_set_leaf_dates(set);
    struct certificate_dates ca = certificate_set_ca_dates(set, certificate_set_leaf_ca(set));

    if (!certificate_set_has_names(set, names))
        return CERTIFICATE_WRONG_NAMES;
    if (now_s > ca.not_after_s)
        return CERTIFICATE_ENDED;
    if (now_s < ca.not_before_s)
        return CERTIFICATE_NOT_YET;
    return certificate_dates_health(&dates, now_s);
}

static bool is_usable(enum certificate_health health)
{
    return health == CERTIFICATE_GOOD || health == CERTIFICATE_DUE;
}

/* The first CA signs and must stay; the leaf's own is needed while the leaf is. */
static bool has_ended_cas(const struct certificate_set *set, int64_t now_s)
{
    for (size_t i = 1; i < certificate_set_cas(set); i++)
        if (i != certificate_set_leaf_ca(set) &&
            certificate_set_ca_dates(set, i).not_after_s + ENDED_FOR_S < now_s)
            return true;
    return false;
}

/* For a leaf that another CA than the first one signed. */
static bool has_spread(const struct certificate_dates *ca, int64_t now_s)
{
    return now_s >= ca->not_before_s + CERTIFICATE_BACKDATED_S + CERTIFICATE_SPREAD_S;
}

enum certificate_change certificate_plan(const struct certificate_set *set,
                                         const struct certificate_names *names, bool held,
                                         int64_t now_s, const char **why)
{
    enum certificate_health leaf = certificate_leaf_health(set, names, now_s);
    struct certificate_dates signer = certificate_set_ca_dates(set, 0);
    enum certificate_health ca = certificate_dates_health(&signer, now_s);

    if (ca != CERTIFICATE_GOOD && (ca != CERTIFICATE_DUE || is_usable(leaf))) {
        *why = ca == CERTIFICATE_NOT_YET ? "the CA's life has not begun"
               : ca == CERTIFICATE_ENDED ? "the CA has ended"
                                         : "the CA is past two thirds of its life";
        return CERTIFICATE_ADD_CA;
    }
    if (!is_usable(leaf)) { /* there is nothing to lose */
        *why = leaf == CERTIFICATE_WRONG_NAMES ? "the certificate has not the Service's names"
               : leaf == CERTIFICATE_NOT_YET   ? "the certificate's life has not begun"
                                               : "the certificate has ended";
        return CERTIFICATE_ISSUE_LEAF;
    }
    if (certificate_set_leaf_ca(set) != 0 && held && has_spread(&signer, now_s)) {
        *why = "the new CA has reached the API servers";
        return CERTIFICATE_ISSUE_LEAF;
    }
    if (certificate_set_leaf_ca(set) == 0 && leaf == CERTIFICATE_DUE) {
        *why = "the certificate is past two thirds of its life";
        return CERTIFICATE_ISSUE_LEAF;
    }
    if (has_ended_cas(set, now_s)) {
        *why = "an old CA has ended";
        return CERTIFICATE_DROP_CAS;
    }
    *why = "";
    return CERTIFICATE_KEEP;
}
