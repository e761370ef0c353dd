/*
 * Sets and bundles from what a Secret and a webhook hold; every text is bounded before. Whoever
 * wrote them may have written anything, so a set refuses what it can't use and says why.
 */
#include "certificate_parts.h"

#include "certificate_make.h"
#include "certificate_pem.h"
#include "pullthrough/core/base/alloc.h"

#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

enum { BUNDLE_MOST = 64 }; /* certificates of a caBundle that are looked at */

struct certificate_bundle *certificate_bundle_read(struct slice pem)
{
    struct certificate_bundle *bundle = alloc_zeroed(1, sizeof(*bundle));

    (void)certificate_pem_read(&bundle->all, pem, CERTIFICATE_TEXT_MAX, BUNDLE_MOST, NULL);
    if (sk_X509_num(bundle->all) > BUNDLE_MOST) {
        sk_X509_pop_free(bundle->all, X509_free);
        bundle->all = alloc_made(sk_X509_new_null());
    }
    return bundle;
}

void certificate_bundle_free(struct certificate_bundle *bundle)
{
    if (!bundle)
        return;
    sk_X509_pop_free(bundle->all, X509_free);
    free(bundle);
}

static bool signed_by(X509 *leaf, X509 *ca)
{
    bool is =
        X509_check_issued(ca, leaf) == X509_V_OK && X509_verify(leaf, X509_get0_pubkey(ca)) == 1;

    ERR_clear_error();
    return is;
}

static int read_cas(struct certificate_set *set, const struct certificate_texts *texts,
                    struct error *error)
{
    (void)certificate_pem_read(&set->cas, texts->ca, CERTIFICATE_TEXT_MAX, CERTIFICATE_CAS_MAX,
                               NULL);
    if (sk_X509_num(set->cas) > CERTIFICATE_CAS_MAX)
        return error_set(error, "ca.crt has over %d certificates", CERTIFICATE_CAS_MAX);
    if (sk_X509_num(set->cas) == 0)
        return error_set(error, "ca.crt holds no certificate");
    for (int i = 0; i < sk_X509_num(set->cas); i++)
        if (X509_check_ca(sk_X509_value(set->cas, i)) != 1)
            return error_set(error, "certificate %d of ca.crt is not a CA's", i + 1);
    return 0;
}

static int read_ca_key(struct certificate_set *set, const struct certificate_texts *texts,
                       struct error *error)
{
    set->ca_key = certificate_pem_key(texts->ca_key, CERTIFICATE_TEXT_MAX, NULL);
    if (!set->ca_key)
        return error_set(error, "ca.key holds no private key");
    if (!certificate_has_key(sk_X509_value(set->cas, 0), set->ca_key))
        return error_set(error, "ca.key is not the key of the first certificate of ca.crt");
    return 0;
}

static int read_leaf(struct certificate_set *set, const struct certificate_texts *texts,
                     struct error *error)
{
    STACK_OF(X509) *chain;
    int n;

    (void)certificate_pem_read(&chain, texts->leaf, CERTIFICATE_TEXT_MAX, CERTIFICATE_CAS_MAX,
                               NULL);
    n = sk_X509_num(chain) <= CERTIFICATE_CAS_MAX ? sk_X509_num(chain) : 0;
    set->leaf = n == 1 ? sk_X509_shift(chain) : NULL;
    sk_X509_pop_free(chain, X509_free);
    if (!set->leaf)
        return error_set(
            error, n ? "tls.crt holds %d certificates, not one" : "tls.crt holds no certificate",
            n);
    set->leaf_key = certificate_pem_key(texts->leaf_key, CERTIFICATE_TEXT_MAX, NULL);
    if (!set->leaf_key)
        return error_set(error, "tls.key holds no private key");
    if (!certificate_has_key(set->leaf, set->leaf_key))
        return error_set(error, "tls.key is not the key of tls.crt");
    if (X509_check_purpose(set->leaf, X509_PURPOSE_SSL_SERVER, 0) != 1)
        return error_set(error, "tls.crt is not a server's certificate");
    while (set->leaf_ca < certificate_set_cas(set) &&
           !signed_by(set->leaf, sk_X509_value(set->cas, (int)set->leaf_ca)))
        set->leaf_ca++;
    if (set->leaf_ca == certificate_set_cas(set))
        return error_set(error, "tls.crt is signed by none of the CAs in ca.crt");
    return 0;
}

/* Whoever may write to the Secret must not be able to have API servers trust more than leaves of
 * the Service need: what stays is the CA of the leaf, the one that signs next, and those whose
 * leaves another replica may still serve. */
static int drop_foreign(struct certificate_set *set, struct error *error)
{
    if (set->leaf_ca != 0 && !certificate_is_ours(sk_X509_value(set->cas, 0)))
        return error_set(error, "the first certificate of ca.crt did not sign tls.crt, and was not "
                                "made by this program");
    for (size_t i = certificate_set_cas(set) - 1; i > 0; i--) {
        X509 *one = sk_X509_value(set->cas, (int)i);

        if (i == set->leaf_ca || certificate_is_ours(one))
            continue;
        X509_free(sk_X509_delete(set->cas, (int)i));
        set->foreign++;
        if (i < set->leaf_ca)
            set->leaf_ca--;
    }
    return 0;
}

static int read_set(struct certificate_set **setp, const struct certificate_texts *texts,
                    bool with_ca_key, struct error *error)
{
    CERTIFICATE_SET_CLEANUP struct certificate_set *set = alloc_zeroed(1, sizeof(*set));

    set->references = 1;
    if (read_cas(set, texts, error) || (with_ca_key && read_ca_key(set, texts, error)) ||
        read_leaf(set, texts, error) || drop_foreign(set, error))
        return -1;
    *setp = set;
    set = NULL;
    return 0;
}

int certificate_set_read(struct certificate_set **setp, const struct certificate_texts *texts,
                         struct error *error)
{
    return read_set(setp, texts, true, error);
}

int certificate_set_read_lasting(struct certificate_set **setp,
                                 const struct certificate_texts *texts, struct error *error)
{
    return read_set(setp, texts, false, error);
}
