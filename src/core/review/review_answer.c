/*
 * Constant text around four values, appended piece by piece to the caller's buffer; whether all
 * of it fits is asked once, before its end.
 */
#include "review_answer.h"

void review_answer_begin(struct strbuf *out, const char *api_version, struct slice uid)
{
    strbuf_add_str(out, "{\"apiVersion\":\"");
    strbuf_add_str(out, api_version);
    strbuf_add_str(out, "\",\"kind\":\"AdmissionReview\",\"response\":{\"uid\":");
    strbuf_add_json(out, uid);
    strbuf_add_str(out, ",\"allowed\":true");
}

void review_answer_begin_patch(struct strbuf *out)
{
    strbuf_add_str(out, ",\"patchType\":\"JSONPatch\",\"patch\":\"");
}

void review_answer_end_patch(struct strbuf *out, size_t patch)
{
    strbuf_encode_base64(out, patch);
    strbuf_add_char(out, '"');
}

bool review_answer_fits(const struct strbuf *out)
{
    return !strbuf_overflowed(out) && out->ceiling - out->len >= REVIEW_ANSWER_TAIL;
}

void review_answer_end(struct strbuf *out, size_t rewritten, const char *warning)
{
    if (rewritten) {
        strbuf_add_str(out, ",\"auditAnnotations\":{\"rewritten\":\"");
        strbuf_add_u64(out, rewritten);
        strbuf_add_str(out, "\"}");
    }
    if (warning) {
        strbuf_add_str(out, ",\"warnings\":[");
        strbuf_add_json(out, slice_str(warning));
        strbuf_add_char(out, ']');
    }
    strbuf_add_str(out, "}}");
}

void review_answer_bad_request(struct strbuf *out, const char *why)
{
    strbuf_add_str(out, "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},"
                        "\"status\":\"Failure\",\"message\":");
    strbuf_add_json(out, slice_str(why));
    strbuf_add_str(out, ",\"reason\":\"BadRequest\",\"code\":400}");
}
