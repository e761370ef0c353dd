/*
 * What is said to Kubernetes' API server, and what it answers: one Secret, the caBundle fields of
 * one MutatingWebhookConfiguration, and refusals.
 *
 * A resourceVersion is an opaque text; what is written carries the one that was read, so that
 * the API server refuses it when somebody wrote in between.
 */
#ifndef PULLTHROUGH_CORE_KUBE_KUBE_MESSAGES_H
#define PULLTHROUGH_CORE_KUBE_KUBE_MESSAGES_H

#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/slice.h"
#include "pullthrough/core/base/strbuf.h"
#include "pullthrough/core/kube/certificate_texts.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    KUBE_VERSION_BYTES = 64, /* a resourceVersion, with its NUL; etcd's are 64-bit numbers */
    KUBE_WEBHOOKS_MAX = 32,  /* of one configuration */
    /* An object has up to 1.5 MiB in etcd, of which as JSON bytes become base64 (4/3), and some
     * characters escapes. */
    KUBE_ANSWER_MAX = 3 * 1024 * 1024,
    KUBE_REQUEST_MAX = 1024 * 1024,
};

/* What became of a request. */
enum kube_outcome {
    KUBE_DONE,
    KUBE_ABSENT,   /* there is no such object */
    KUBE_CONFLICT, /* somebody else wrote first: read again */
    KUBE_DENIED,   /* RBAC, or the token */
    KUBE_FAILED,   /* no answer, or one that says nothing else */
};

/* The certificates' Secret. */
struct kube_secret {
    char version[KUBE_VERSION_BYTES];
    struct strbuf ca, ca_key, leaf, leaf_key; /* decoded and secret; empty where there is none */
};

void kube_secret_init(struct kube_secret *secret);
void kube_secret_fini(struct kube_secret *secret);
struct certificate_texts kube_secret_texts(const struct kube_secret *secret);
bool kube_secret_is_empty(const struct kube_secret *secret);

/* Replaces what *secret holds. -1 with the reason. */
int kube_decode_secret(struct kube_secret *secret, struct slice body, struct error *error);

/* A JSON merge patch of the four keys; all others stay. `out` should be secret. An empty text's key
 * is left out, and a Secret without the CA's key is made as one of type kubernetes.io/tls. */
void kube_encode_secret_patch(struct strbuf *out, const char *version,
                              const struct certificate_texts *texts);
void kube_encode_secret(struct strbuf *out, const char *namespace, const char *name,
                        const struct certificate_texts *texts);

/* A configuration's webhooks, as far as we care. */
struct kube_webhooks {
    char version[KUBE_VERSION_BYTES];
    size_t n;
    struct slice bundles[KUBE_WEBHOOKS_MAX]; /* PEM, decoded; empty where there is none */
    struct strbuf text;                      /* where they lie */
};

void kube_webhooks_init(struct kube_webhooks *webhooks);
void kube_webhooks_fini(struct kube_webhooks *webhooks);

/* Replaces what *webhooks holds. -1 with the reason. */
int kube_decode_webhooks(struct kube_webhooks *webhooks, struct slice body, struct error *error);

/* A JSON patch that gives each of the n webhooks this bundle, and changes nothing else. */
void kube_encode_bundle_patch(struct strbuf *out, const struct kube_webhooks *webhooks,
                              struct slice bundle);

/* What an HTTP status means; of a JSON patch, 422 with these words: a `test` failed, a
 * ValidatingAdmissionPolicy denied it, or what came of it would be invalid. */
enum kube_outcome kube_judge_status(int status, bool json_patch, struct slice body);

/* Write why a request was refused: what was asked ("patch secrets/x in namespace y"), the status,
 * and the message of the Status object in the body, if it is one. */
void kube_describe_refusal(struct error *error, const char *asked, int status, struct slice body);

#endif
