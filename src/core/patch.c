#include "pullthrough/core/patch.h"

void patch_init(struct patch *patch, size_t ceiling)
{
    *patch = (struct patch){0};
    strbuf_init(&patch->text, ceiling);
}

void patch_fini(struct patch *patch)
{
    strbuf_fini(&patch->text);
}

static void begin(struct patch *patch, const char *operation)
{
    strbuf_add_str(&patch->text, patch->n++ ? ",{\"op\":\"" : "[{\"op\":\"");
    strbuf_add_str(&patch->text, operation);
    strbuf_add_str(&patch->text, "\",\"path\":\"");
}

void patch_replace_image(struct patch *patch, const struct pod_image *where, struct slice text)
{
    begin(patch, "replace");
    strbuf_add_str(&patch->text, "/spec/");
    strbuf_add_str(&patch->text, pod_image_field(where->list));
    strbuf_add_char(&patch->text, '/');
    strbuf_add_u64(&patch->text, where->index);
    strbuf_add_str(&patch->text, where->list == POD_IMAGE_VOLUMES ? "/image/reference" : "/image");
    strbuf_add_str(&patch->text, "\",\"value\":");
    strbuf_add_json(&patch->text, text);
    strbuf_add_char(&patch->text, '}');
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

void patch_set_annotation(struct patch *patch, bool map_exists, const char *key, struct slice value)
{
    begin(patch, "add");
    strbuf_add_str(&patch->text, "/metadata/annotations");
    if (map_exists) {
        strbuf_add_char(&patch->text, '/');
        add_token(&patch->text, key);
        strbuf_add_str(&patch->text, "\",\"value\":");
        strbuf_add_json(&patch->text, value);
        strbuf_add_char(&patch->text, '}');
        return;
    }
    strbuf_add_str(&patch->text, "\",\"value\":{");
    strbuf_add_json(&patch->text, slice_str(key));
    strbuf_add_char(&patch->text, ':');
    strbuf_add_json(&patch->text, value);
    strbuf_add_str(&patch->text, "}}");
}

struct slice patch_close(struct patch *patch)
{
    if (patch->n)
        strbuf_add_char(&patch->text, ']');
    return strbuf_slice(&patch->text);
}
