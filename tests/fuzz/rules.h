/*
 * One rule set for the fuzz targets: the default upstreams, digests rewritten, originals
 * recorded, so that as much as possible is exercised.
 */
#ifndef PULLTHROUGH_FUZZ_RULES_H
#define PULLTHROUGH_FUZZ_RULES_H

#include "pullthrough/core/rules/rule_set.h"

/* Made at the first call, lives as long as the process. */
static inline const struct rule_set *fuzz_rules(void)
{
    static char *hub[] = {"registry-1.docker.io"}, *k8s[] = {"k8s.gcr.io"};
    static char *exclude[] = {"auto", "ghcr.io/private/*"}, *namespaces[] = {"kube-system"};
    static struct config_pod_label labels[] = {{"cnpg.io/cluster", NULL}, {"application", "spilo"}};
    static struct config_upstream upstreams[] = {
        {.registry = "docker.io",
         .aliases = hub,
         .n_aliases = 1,
         .prefix = "dockercache",
         .enabled = true},
        {.registry = "ghcr.io", .prefix = "ghcrcache", .enabled = true},
        {.registry = "registry.k8s.io",
         .aliases = k8s,
         .n_aliases = 1,
         .prefix = "k8scache",
         .enabled = true},
        {.registry = "quay.io", .prefix = "quay/cache", .enabled = true},
    };
    static struct rule_set *rules;

    if (!rules) {
        struct config config = {.upstreams = upstreams,
                                .n_upstreams = 4,
                                .rewrite = {.digests = CONFIG_DIGESTS_REWRITE,
                                            .exclude = exclude,
                                            .n_exclude = 2,
                                            .skip_pods = labels,
                                            .n_skip_pods = 2,
                                            .skip_namespaces = namespaces,
                                            .n_skip_namespaces = 1,
                                            .record_originals = true}};
        struct rule_set_facts facts = {
            .host = slice_str("111122223333.dkr.ecr.us-west-2.amazonaws.com")};

        rules = rule_set_new(&config, &facts);
    }
    return rules;
}

#endif
