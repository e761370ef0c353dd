/*
 * Codes before words: OCI's code decides, and ECR's sentences only where one code has several
 * causes. An unknown answer stays unknown; no cause is guessed.
 */
#include "pullthrough/core/aws/registry_messages.h"

#include "pullthrough/core/base/redact.h"
#include "pullthrough/core/base/strbuf.h"
#include "pullthrough/core/json/json_arena.h"
#include "pullthrough/core/json/json_fields.h"
#include "pullthrough/core/json/json_member.h"

#include <openssl/sha.h>

enum {
    TEXT_MAX = 64 * 1024, /* of what is looked at before it is cut to a few words */
    /* To read a manifest, its text included: of whoever may push upstream. One of 2 MiB has room;
     * those of images have kilobytes. */
    MANIFEST_MEMORY = 8 * 1024 * 1024,
};

const char registry_messages_manifests[] =
    "application/vnd.oci.image.index.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.v2+json";

/* Copy a string that may be anything, as far as it fits. */
static void copy(char *to, size_t bytes, const json_t *value)
{
    STRBUF_CLEANUP struct strbuf shown = STRBUF_INIT(TEXT_MAX);
    const char *text;
    size_t len;

    redact_text(&shown, slice_of(json_string_value(value), json_string_length(value)));
    text = strbuf_str(&shown);
    len = shown.len;
    if (len >= bytes) {
        len = bytes - 1;
        while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
            len--; /* not within a character */
    }
    for (size_t i = 0; i < len; i++)
        to[i] = (unsigned char)text[i] < 0x20 || text[i] == 0x7f ? ' ' : text[i];
    to[len] = '\0';
}

void registry_messages_decode(struct registry_refusal *refusal, int status, struct slice body)
{
    JSON_FIELDS_CLEANUP json_t *root =
        json_fields_parse(body.len <= TEXT_MAX ? body : (struct slice){0}, NULL);
    const json_t *first = json_array_get(json_object_get(root, "errors"), 0);

    *refusal = (struct registry_refusal){.status = status};
    copy(refusal->code, sizeof(refusal->code), json_object_get(first, "code"));
    copy(refusal->message, sizeof(refusal->message), json_object_get(first, "message"));
}

bool registry_messages_is_passing(const struct registry_refusal *refusal)
{
    return refusal->status == 429 || refusal->status >= 500;
}

static bool is_number(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
    return text.len > 0;
}

static int check_manifest(struct slice body, struct error *error)
{
    ARENA_CLEANUP struct arena arena;
    bool too_much = false;
    yyjson_val *root, *version;

    arena_init(&arena, body.len < TEXT_MAX ? json_arena_bytes(body.len) : 0);
    arena.ceiling = MANIFEST_MEMORY;
    root = json_arena_read(&arena, body, &too_much);
    if (too_much)
        return error_set(error, "the manifest is too large to be read");
    version = json_member(root, "schemaVersion");
    if (!yyjson_is_raw(version) ||
        !is_number(slice_of(yyjson_get_raw(version), yyjson_get_len(version))))
        return error_set(error, "the answer is not a manifest: something on the way speaks for the "
                                "registry");
    return 0;
}

int registry_messages_digest(char digest[static REGISTRY_DIGEST_BYTES], struct slice body,
                             struct slice promised, struct error *error)
{
    static const char start[] = "sha256:", digits[] = "0123456789abcdef";
    unsigned char hash[SHA256_DIGEST_LENGTH];

    if (check_manifest(body, error) < 0)
        return -1;
    (void)SHA256((const unsigned char *)body.ptr, body.len, hash);
    memcpy(digest, start, sizeof(start));
    for (size_t i = 0; i < sizeof(hash); i++) {
        digest[strlen(start) + 2 * i] = digits[hash[i] >> 4];
        digest[strlen(start) + 2 * i + 1] = digits[hash[i] & 15];
    }
    digest[REGISTRY_DIGEST_BYTES - 1] = '\0';
    if (slice_starts_with(promised, slice_str(start)) && !slice_is(promised, digest))
        return error_set(error, "the manifest's digest is %s, not %.*s", digest,
                         SLICE_FMT(promised));
    return 0;
}

static bool says(const struct registry_refusal *refusal, const char *text)
{
    return strstr(refusal->message, text) != NULL;
}

static const char *advise_forbidden(const struct registry_refusal *refusal)
{
    if (says(refusal, "not authorized to perform"))
        return "allow the action that is named (`pullthrough iam verify` prints all that it takes)";
    if (says(refusal, "upstream registry failed"))
        return "the upstream did not take the secret's account, or that account may not read this "
               "image: check the secret's username and accessToken, and pull the image from the "
               "upstream with them";
    if (says(refusal, "token has expired"))
        return "the registry calls a fresh token expired: check this machine's clock";
    return "the upstream may want a longer path (Docker's own images are below library/), or "
           "credentials that see this image; a proxy on the way may refuse too";
}

const char *registry_messages_advice(const struct registry_refusal *refusal, bool by_digest)
{
    if (refusal->status >= 300 && refusal->status < 400)
        return "an ECR registry does not redirect this: check registry.host, and proxies";
    switch (refusal->status) {
    case 400:
    case 401:
        return "the registry did not take ECR's token: check that registry.host is the registry of "
               "this account and region";
    case 403: return advise_forbidden(refusal);
    case 404:
        if (strcmp(refusal->code, "NAME_UNKNOWN") == 0)
            return "ECR did not make the repository: allow ecr:CreateRepository on it to whoever "
                   "runs this (`pullthrough iam verify`, or `iam registry`); a creation template "
                   "with tags and without a role prevents it too";
        if (by_digest)
            return "ECR may not import an image that is first pulled by digest: pull it once by "
                   "tag";
        return "check that the upstream has this image and tag; if it does, "
               "ecr:BatchImportUpstreamImage is missing for whoever runs this (`pullthrough iam "
               "verify`, or `iam registry`): ECR says the same then";
    case 429: return "ECR or the upstream is asked too often: try again later";
    default: break;
    }
    return refusal->status >= 500 ? "the upstream can't be reached from ECR, or ECR has a "
                                    "problem: try again later"
                                  : "see what the registry said";
}
