/*
 * The judgement on one image, in the order in which its reasons outrank each other:
 * what the user wrote by hand (exclude) comes first, what only AWS knows comes last.
 */
#include "pullthrough/core/rules/rewrite.h"

#include "pullthrough/core/image/ecr_host.h"

static struct rewrite_verdict verdict(enum outcome outcome, int upstream)
{
    return (struct rewrite_verdict){.outcome = outcome, .upstream = upstream};
}

/* Our own target may have a host name of the user's that looks like no ECR. */
static bool is_ecr(const struct rule_set *rules, struct slice domain)
{
    return ecr_host_matches(domain) ||
           (domain.len > 0 && slice_equal(domain, rule_set_host(rules)));
}

static void print_rewritten(const struct rule_set *rules, int upstream, const struct image_ref *ref,
                            struct strbuf *out)
{
    strbuf_add_slice(out, rule_set_host(rules));
    strbuf_add_char(out, '/');
    strbuf_add_slice(out, rule_set_prefix(rules, upstream));
    strbuf_add_char(out, '/');
    image_ref_print_path(ref, out);
    image_ref_print_version(ref, out);
}

struct rewrite_verdict rewrite_image(const struct rule_set *rules, struct slice text,
                                     struct strbuf *out)
{
    struct image_ref ref;
    const char *reason = NULL;
    int upstream;

    if (rule_set_excludes_text(rules, text))
        return verdict(OUTCOME_EXCLUDED, -1);
    if (image_ref_parse(&ref, text, &reason))
        return (struct rewrite_verdict){OUTCOME_INVALID, -1, reason};
    if (is_ecr(rules, ref.domain))
        return verdict(OUTCOME_ALREADY_ECR, -1);
    upstream = rule_set_find(rules, ref.domain);
    if (upstream < 0)
        return verdict(OUTCOME_NOT_UPSTREAM, -1);
    if (rule_set_excludes_name(rules, &ref, upstream))
        return verdict(OUTCOME_EXCLUDED, upstream);
    if (rule_set_excludes_tag(rules, &ref))
        return verdict(OUTCOME_TAG_EXCLUDED, upstream);
    if (ref.digest.len && !rule_set_rewrites_digests(rules))
        return verdict(OUTCOME_DIGEST, upstream);
    if (!rule_set_is_ready(rules, upstream))
        return verdict(OUTCOME_RULE_NOT_READY, upstream);
    reason = rule_set_taken(rules, &ref, upstream);
    if (reason)
        return (struct rewrite_verdict){OUTCOME_RULE_NOT_READY, upstream, reason};
    if (rule_set_prefix(rules, upstream).len + 1 + image_ref_path_length(&ref) >
        REWRITE_REPOSITORY_MAX)
        return verdict(OUTCOME_TOO_LONG, upstream);
    print_rewritten(rules, upstream, &ref, out);
    return verdict(OUTCOME_REWRITTEN, upstream);
}

bool rewrite_static(const struct rule_set *rules, struct slice text, struct strbuf *out)
{
    struct image_ref ref;
    const char *reason = NULL;
    int upstream;

    if (rule_set_host(rules).len == 0 || image_ref_parse(&ref, text, &reason) ||
        is_ecr(rules, ref.domain))
        return false;
    upstream = rule_set_find_any(rules, ref.domain);
    if (upstream < 0)
        return false;
    print_rewritten(rules, upstream, &ref, out);
    return true;
}

struct rewrite_name rewrite_name_of(struct slice text)
{
    size_t at = slice_find(text, '@'), colon;
    struct rewrite_name name = {.repository = slice_of(text.ptr, at)};

    if (at < text.len)
        name.digest = slice_from(text, at + 1);
    /* No port: what is left is a path and its tag. */
    colon = slice_find(name.repository, ':');
    if (colon < name.repository.len)
        name.tag = slice_from(name.repository, colon + 1);
    name.repository.len = colon;
    if (!name.tag.len && !name.digest.len)
        name.tag = slice_str("latest");
    return name;
}

bool rewrite_may_be_of(struct slice rewritten, struct slice text)
{
    STRBUF_CLEANUP struct strbuf end = STRBUF_INIT(REWRITE_TEXT_MAX);
    struct image_ref ref;
    const char *reason = NULL;

    if (image_ref_parse(&ref, text, &reason))
        return false;
    strbuf_add_char(&end, '/');
    image_ref_print_path(&ref, &end);
    image_ref_print_version(&ref, &end);
    return slice_ends_with(rewritten, strbuf_slice(&end));
}

int rewrite_upstream_of(const struct rule_set *rules, struct slice image, struct slice *name)
{
    struct slice host = rule_set_host(rules);
    size_t longest = 0;
    int found = -1;

    if (host.len == 0 || !slice_starts_with(image, host) || image.len == host.len ||
        image.ptr[host.len] != '/')
        return -1;
    *name = slice_from(image, host.len + 1);
    for (size_t i = 0; i < rule_set_upstreams(rules); i++) {
        struct slice prefix = rule_set_prefix(rules, (int)i);

        /* Of prefixes that lie in one another ECR takes the longest, too. */
        if (prefix.len > longest && name->len > prefix.len + 1 &&
            slice_starts_with(*name, prefix) && name->ptr[prefix.len] == '/') {
            longest = prefix.len;
            found = (int)i;
        }
    }
    return found;
}
