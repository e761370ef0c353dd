/*
 * Who may take the program's role, and be its principal: trust policies, and the texts that go
 * into them, which are checked because a wrong one is a policy that is valid and lets nobody in,
 * or everybody.
 */
#include "iam_document.h"
#include "pullthrough/core/base/alloc.h"
#include "pullthrough/core/image/ecr_host.h"

#include <stdio.h>

static bool holds_only(struct slice text, const char *signs)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool alphanumeric =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

        if (!alphanumeric && (!c || !strchr(signs, c)))
            return false;
    }
    return true;
}

/* arn:PARTITION:iam::ACCOUNT:role/NAME, or user/NAME, or root. */
static bool is_principal_arn(struct slice text)
{
    struct slice rest = text;

    return slice_is(slice_cut(&rest, ':'), "arn") &&
           slice_starts_with(slice_cut(&rest, ':'), slice_str("aws")) &&
           slice_is(slice_cut(&rest, ':'), "iam") && slice_cut(&rest, ':').len == 0 &&
           ecr_host_is_account(slice_cut(&rest, ':')) &&
           (slice_is(rest, "root") ||
            (slice_starts_with(rest, slice_str("role/")) && rest.len > strlen("role/")) ||
            (slice_starts_with(rest, slice_str("user/")) && rest.len > strlen("user/"))) &&
           holds_only(rest, "/_+=,.@-");
}

int iam_policy_check_principal(struct slice text, struct error *error)
{
    enum { ARN_MAX = 640 };

    if (text.len <= ARN_MAX && (ecr_host_is_account(text) || is_principal_arn(text)))
        return 0;
    return error_set(error, "a principal is an account's 12 digits or "
                            "arn:PARTITION:iam::ACCOUNT:role/NAME");
}

int iam_policy_issuer(char issuer[static IAM_ISSUER_BYTES], struct slice text, struct error *error)
{
    static const char scheme[] = "https://";

    if (slice_starts_with(text, slice_str(scheme)))
        text = slice_from(text, strlen(scheme));
    if (slice_ends_with(text, slice_str("/")))
        text.len--;
    if (text.len == 0 || text.len >= IAM_ISSUER_BYTES || slice_find(text, '.') == text.len ||
        !holds_only(text, "/._-"))
        return error_set(error, "an issuer is a URL such as "
                                "https://oidc.eks.eu-central-1.amazonaws.com/id/0123456789ABCDEF");
    memcpy(issuer, text.ptr, text.len);
    issuer[text.len] = '\0';
    return 0;
}

void iam_policy_trust_irsa(struct strbuf *out, const struct iam_place *place, const char *issuer,
                           const struct iam_subject *subject)
{
    static const char *const action[] = {"sts:AssumeRoleWithWebIdentity", NULL};
    json_t *statements = alloc_made(json_array());
    json_t *statement = iam_allow(statements, "ServiceAccount", iam_names(action), NULL);
    char provider[2 * IAM_ISSUER_BYTES], sub[IAM_ISSUER_BYTES + 8], aud[IAM_ISSUER_BYTES + 8];
    char who[640];

    (void)snprintf(provider, sizeof(provider), "arn:%s:iam::%s:oidc-provider/%s", place->partition,
                   place->account, issuer);
    (void)snprintf(sub, sizeof(sub), "%s:sub", issuer);
    (void)snprintf(aud, sizeof(aud), "%s:aud", issuer);
    (void)snprintf(who, sizeof(who), "system:serviceaccount:%s:%s", subject->name_space,
                   subject->service_account);
    iam_set(statement, "Principal", json_pack("{s:s}", "Federated", provider));
    iam_set(statement, "Condition",
            json_pack("{s:{s:s, s:s}}", "StringEquals", sub, who, aud, "sts.amazonaws.com"));
    iam_print(out, statements);
}

void iam_policy_trust_pod_identity(struct strbuf *out, const struct iam_subject *subject)
{
    static const char *const actions[] = {"sts:AssumeRole", "sts:TagSession", NULL};
    json_t *statements = alloc_made(json_array());
    json_t *statement = iam_allow(statements, "ServiceAccount", iam_names(actions), NULL);

    iam_set(statement, "Principal", json_pack("{s:s}", "Service", "pods.eks.amazonaws.com"));
    iam_set(statement, "Condition",
            json_pack("{s:{s:s, s:s}}", "StringEquals", "aws:RequestTag/kubernetes-namespace",
                      subject->name_space, "aws:RequestTag/kubernetes-service-account",
                      subject->service_account));
    iam_print(out, statements);
}
