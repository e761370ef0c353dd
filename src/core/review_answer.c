#include "review_answer.h"

void review_answer_print(const struct review_answer *answer, struct strbuf *out)
{
    strbuf_add_str(out, "{\"apiVersion\":\"");
    strbuf_add_str(out, answer->api_version);
    strbuf_add_str(out, "\",\"kind\":\"AdmissionReview\",\"response\":{\"uid\":");
    strbuf_add_json(out, answer->uid);
    strbuf_add_str(out, ",\"allowed\":true");
    if (answer->patch.len) {
        strbuf_add_str(out, ",\"patchType\":\"JSONPatch\",\"patch\":\"");
        strbuf_add_base64(out, answer->patch);
        strbuf_add_char(out, '"');
    }
    if (answer->rewritten) {
        strbuf_add_str(out, ",\"auditAnnotations\":{\"rewritten\":\"");
        strbuf_add_u64(out, answer->rewritten);
        strbuf_add_str(out, "\"}");
    }
    if (answer->warning) {
        strbuf_add_str(out, ",\"warnings\":[");
        strbuf_add_json(out, slice_str(answer->warning));
        strbuf_add_char(out, ']');
    }
    strbuf_add_str(out, "}}");
}

void review_answer_print_bad_request(const char *why, struct strbuf *out)
{
    strbuf_add_str(out, "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},"
                        "\"status\":\"Failure\",\"message\":");
    strbuf_add_json(out, slice_str(why));
    strbuf_add_str(out, ",\"reason\":\"BadRequest\",\"code\":400}");
}
