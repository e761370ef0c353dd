/*
 * The labels of the name are taken off its front one by one; the suffix must be one of a known
 * partition. There is no pattern matching, and "like an ECR host" isn't enough.
 */
#include "pullthrough/core/image/ecr_host.h"

#include "pullthrough/core/image/aws_partition.h"

bool ecr_host_is_account(struct slice text)
{
    if (text.len != 12)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
    return true;
}

bool ecr_host_is_region(struct slice text)
{
    if (text.len < 2 || text.len > 25 || text.ptr[0] == '-' || text.ptr[text.len - 1] == '-')
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-')
            return false;
    }
    return true;
}

/* Cut `start` off the front of *text. */
static bool take(struct slice *text, const char *start)
{
    struct slice wanted = slice_str(start);

    if (!slice_starts_with(*text, wanted))
        return false;
    *text = slice_from(*text, wanted.len);
    return true;
}

static bool is_suffix(struct slice text, bool dual_stack)
{
    const struct aws_partition *partition;

    for (size_t i = 0; (partition = aws_partition_at(i)); i++)
        if (slice_is(text, dual_stack ? partition->dual_stack_registry : partition->suffix))
            return text.len > 0;
    return false;
}

bool ecr_host_matches(struct slice domain)
{
    struct slice rest = domain;
    size_t dot;
    bool dual_stack;

    if (slice_ends_with(rest, slice_str(":443")))
        rest.len -= 4;
    if (rest.len < 12 || !ecr_host_is_account(slice_of(rest.ptr, 12)))
        return false;
    rest = slice_from(rest, 12);
    if (take(&rest, ".dkr.ecr.") || take(&rest, ".dkr.ecr-fips."))
        dual_stack = false;
    else if (take(&rest, ".dkr-ecr.") || take(&rest, ".dkr-ecr-fips."))
        dual_stack = true;
    else
        return false;
    dot = slice_find(rest, '.');
    return dot < rest.len && ecr_host_is_region(slice_of(rest.ptr, dot)) &&
           is_suffix(slice_from(rest, dot + 1), dual_stack);
}

void ecr_host_print(struct strbuf *out, struct slice account, struct slice region)
{
    strbuf_add_slice(out, account);
    strbuf_add_str(out, ".dkr.ecr.");
    strbuf_add_slice(out, region);
    strbuf_add_char(out, '.');
    strbuf_add_str(out, aws_partition_of(region)->suffix);
}
