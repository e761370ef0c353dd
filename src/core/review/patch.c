/*
 * Operations are appended to the answer as they are decided; only places that pod_images saw
 * become paths. There is no tree of a patch, and nothing is ever taken back singly: the whole
 * goes, or none.
 */
#include "patch.h"

void patch_init(struct patch *patch, struct strbuf *out)
{
    *patch = (struct patch){.out = out};
}

static void begin(struct patch *patch, const char *operation)
{
    strbuf_add_str(patch->out, patch->n++ ? ",{\"op\":\"" : "[{\"op\":\"");
    strbuf_add_str(patch->out, operation);
    strbuf_add_str(patch->out, "\",\"path\":\"");
}

void patch_replace_image(struct patch *patch, const struct pod_image *where, struct slice text)
{
    begin(patch, "replace");
    strbuf_add_str(patch->out, "/spec/");
    strbuf_add_str(patch->out, pod_image_field(where->list));
    strbuf_add_char(patch->out, '/');
    strbuf_add_u64(patch->out, where->index);
    strbuf_add_str(patch->out, where->list == POD_IMAGE_VOLUMES ? "/image/reference" : "/image");
    strbuf_add_str(patch->out, "\",\"value\":");
    strbuf_add_json(patch->out, text);
    strbuf_add_char(patch->out, '}');
}

/* One reference token of a JSON Pointer (RFC 6901, section 3). */
static void add_token(struct strbuf *out, const char *token)
{
    for (;;) {
        size_t plain = strcspn(token, "~/");

        strbuf_add(out, token, plain);
        token += plain;
        if (!*token)
            return;
        strbuf_add_str(out, *token++ == '~' ? "~0" : "~1");
    }
}

void patch_begin_annotation(struct patch *patch, bool map_exists, const char *key)
{
    begin(patch, "add");
    strbuf_add_str(patch->out, "/metadata/annotations");
    if (map_exists) {
        strbuf_add_char(patch->out, '/');
        add_token(patch->out, key);
        strbuf_add_str(patch->out, "\",\"value\":\"");
        return;
    }
    strbuf_add_str(patch->out, "\",\"value\":{");
    strbuf_add_json(patch->out, slice_str(key));
    strbuf_add_str(patch->out, ":\"");
}

void patch_end_annotation(struct patch *patch, bool map_exists)
{
    strbuf_add_str(patch->out, map_exists ? "\"}" : "\"}}");
}

void patch_take_back(struct patch *patch, size_t len)
{
    strbuf_truncate(patch->out, len);
    patch->out->overflowed = false;
    patch->n--;
}

void patch_close(struct patch *patch)
{
    if (patch->n)
        strbuf_add_char(patch->out, ']');
}
