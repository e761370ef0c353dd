/*
 * The list, and nothing learned at run time: a registry that ECR takes up is added here.
 */
#include "pullthrough/core/image/known_upstreams.h"

static const struct known_upstream table[] = {
    {"docker.io",
     {"registry-1.docker.io", "registry.hub.docker.com"},
     "registry-1.docker.io",
     "dockercache",
     "ecr-pullthroughcache/dockerio",
     true},
    {"ghcr.io", {NULL}, "ghcr.io", "ghcrcache", "ecr-pullthroughcache/ghcr", true},
    {"registry.k8s.io", {"k8s.gcr.io"}, "registry.k8s.io", "k8scache", "", false},
    {"quay.io", {NULL}, "quay.io", "quaycache", "", false},
    {"public.ecr.aws", {"ecr-public.aws.com"}, "public.ecr.aws", "ecrpubliccache", "", false},
    {"registry.gitlab.com",
     {NULL},
     "registry.gitlab.com",
     "gitlabcache",
     "ecr-pullthroughcache/gitlab",
     true},
    {"cgr.dev", {NULL}, "cgr.dev", "cgrcache", "ecr-pullthroughcache/cgr", true},
};

/* Everybody's is another one, so that two of them could not share a preset. */
static const struct known_upstream azure = {.credentials = true};
static const char azure_end[] = ".azurecr.io";

const char known_upstream_urls[] = "registry-1.docker.io, ghcr.io, registry.k8s.io, quay.io, "
                                   "public.ecr.aws, registry.gitlab.com, cgr.dev and "
                                   "NAME.azurecr.io";

enum { N_KNOWN = sizeof(table) / sizeof(table[0]) };

/* NAME.azurecr.io, where NAME is one label in lower case */
static bool is_azure(struct slice domain)
{
    struct slice name = domain;

    if (!slice_ends_with(domain, slice_str(azure_end)))
        return false;
    name.len -= sizeof(azure_end) - 1;
    if (name.len == 0 || name.ptr[0] == '-' || name.ptr[name.len - 1] == '-')
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-')
            return false;
    }
    return true;
}

const struct known_upstream *known_upstream_find(struct slice url)
{
    for (size_t i = 0; i < N_KNOWN; i++)
        if (slice_is(url, table[i].url))
            return &table[i];
    return is_azure(url) ? &azure : NULL;
}

static bool has_name(const struct known_upstream *known, struct slice domain)
{
    if (slice_is(domain, known->registry) || slice_is(domain, known->url))
        return true;
    for (const char *const *alias = known->aliases; *alias; alias++)
        if (slice_is(domain, *alias))
            return true;
    return false;
}

struct slice known_upstream_url(struct slice domain)
{
    for (size_t i = 0; i < N_KNOWN; i++)
        if (has_name(&table[i], domain))
            return slice_str(table[i].url);
    return is_azure(domain) ? domain : slice_of(NULL, 0);
}

bool known_upstream_needs_credential(struct slice url)
{
    const struct known_upstream *known = known_upstream_find(url);

    return known && known->credentials;
}
