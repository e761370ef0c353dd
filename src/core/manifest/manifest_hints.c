/*
 * A guess, for a remark: nothing is ever changed by what is found here.
 */
#include "manifest_hints.h"

#include "pullthrough/core/base/strbuf.h"
#include "pullthrough/core/rules/rewrite.h"

bool manifest_looks_like_image(const struct rule_set *rules, struct slice text)
{
    STRBUF_CLEANUP struct strbuf rewritten = STRBUF_INIT(REWRITE_TEXT_MAX);

    switch (rewrite_image(rules, text, &rewritten).outcome) {
    case OUTCOME_INVALID:
    case OUTCOME_EXCLUDED:
    case OUTCOME_ALREADY_ECR: return false;
    default: return true;
    }
}

static struct slice without_first(struct slice text, const char *set)
{
    while (text.len && text.ptr[0] && strchr(set, text.ptr[0]))
        text = slice_from(text, 1);
    return text;
}

static struct slice without_last(struct slice text, const char *set)
{
    while (text.len && text.ptr[text.len - 1] && strchr(set, text.ptr[text.len - 1]))
        text.len--;
    return text;
}

static bool is_telling(struct slice image)
{
    return slice_find(image, '/') < image.len || slice_find(image, ':') < image.len ||
           slice_find(image, '@') < image.len;
}

/* The value of the key "image" in a line of YAML or JSON; empty where it has none. */
static struct slice image_in_line(struct slice line)
{
    static const struct slice key = {.ptr = "image", .len = 5}, comment = {.ptr = " #", .len = 2};
    const char *remark;

    line = without_first(line, " \t-{\"'");
    if (!slice_starts_with(line, key))
        return slice_str("");
    line = without_first(slice_from(line, key.len), "\"'");
    line = without_first(line, " \t");
    if (line.len == 0 || line.ptr[0] != ':')
        return slice_str("");
    line = slice_from(line, 1);
    remark = line.len ? memmem(line.ptr, line.len, comment.ptr, comment.len) : NULL;
    if (remark)
        line.len = (size_t)(remark - line.ptr);
    return without_last(without_first(line, " \t\"'"), " \t\r,}\"'");
}

size_t manifest_images_in_text(const struct rule_set *rules, struct slice text)
{
    size_t n = 0;

    while (text.len) {
        struct slice image = image_in_line(slice_cut(&text, '\n'));

        n += is_telling(image) && manifest_looks_like_image(rules, image);
    }
    return n;
}
