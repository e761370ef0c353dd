/*
 * A set is never changed: each change makes another one, which shares the certificates that stay.
 * So a caller can compare what there was with what there is, and go back. What is due, and when,
 * isn't known here (certificate_plan.c).
 */
#include "certificate_parts.h"

#include "certificate_make.h"
#include "certificate_pem.h"
#include "pullthrough/core/base/alloc.h"

#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

enum { ENDED_FOR_S = 60 * 60 }; /* more than clocks differ */

struct certificate_set *certificate_set_ref(struct certificate_set *set)
{
    if (set)
        set->references++;
    return set;
}

void certificate_set_unref(struct certificate_set *set)
{
    if (!set || --set->references)
        return;
    sk_X509_pop_free(set->cas, X509_free);
    EVP_PKEY_free(set->ca_key);
    X509_free(set->leaf);
    EVP_PKEY_free(set->leaf_key);
    free(set);
}

static void push(STACK_OF(X509) *stack, X509 *certificate)
{
    alloc_must(sk_X509_push(stack, certificate) > 0);
}

static X509 *shared(X509 *certificate)
{
    alloc_must(X509_up_ref(certificate) == 1);
    return certificate;
}

static EVP_PKEY *shared_key(EVP_PKEY *key)
{
    alloc_must(!key || EVP_PKEY_up_ref(key) == 1);
    return key;
}

static struct certificate_set *new_set(void)
{
    struct certificate_set *set = alloc_zeroed(1, sizeof(*set));

    set->references = 1;
    set->cas = alloc_made(sk_X509_new_null());
    return set;
}

static X509 *ca_of(const struct certificate_set *set, size_t i)
{
    return sk_X509_value(set->cas, (int)i);
}

/* Where a certificate is in a stack, byte for byte; -1 where it isn't. */
static int find(const STACK_OF(X509) *stack, const X509 *certificate)
{
    for (int i = 0; i < sk_X509_num(stack); i++)
        if (X509_cmp(sk_X509_value(stack, i), certificate) == 0)
            return i;
    return -1;
}

/* The leaf's CA must be in the copy by now. */
static void share_leaf(struct certificate_set *copy, const struct certificate_set *set)
{
    copy->leaf = shared(set->leaf);
    copy->leaf_key = shared_key(set->leaf_key);
    copy->leaf_ca = (size_t)find(copy->cas, ca_of(set, set->leaf_ca));
}

static void issue(struct certificate_set *set, const struct certificate_names *names, int64_t now_s,
                  int64_t life_s, const unsigned char *serial)
{
    set->leaf = certificate_make_leaf(&set->leaf_key, names, ca_of(set, 0), set->ca_key, now_s,
                                      life_s, serial);
    set->leaf_ca = 0;
}

struct certificate_set *certificate_set_make(const struct certificate_names *names, int64_t now_s,
                                             const unsigned char *serials)
{
    struct certificate_set *set = new_set();

    push(set->cas, certificate_make_ca(&set->ca_key, now_s, CERTIFICATE_CA_S, serials));
    issue(set, names, now_s, CERTIFICATE_LEAF_S, serials + CERTIFICATE_SERIAL_BYTES);
    return set;
}

struct certificate_set *certificate_set_make_lasting(const struct certificate_names *names,
                                                     const struct certificate_set *previous,
                                                     int64_t now_s, const unsigned char *serials)
{
    struct certificate_set *set = new_set();
    size_t n = previous ? certificate_set_cas(previous) : 0;

    push(set->cas, certificate_make_ca(&set->ca_key, now_s, CERTIFICATE_LASTING_S, serials));
    issue(set, names, now_s, CERTIFICATE_LASTING_LEAF_S, serials + CERTIFICATE_SERIAL_BYTES);
    EVP_PKEY_free(set->ca_key); /* which wipes it */
    set->ca_key = NULL;
    for (size_t i = 0; i < n && certificate_set_cas(set) < CERTIFICATE_CAS_MAX; i++)
        if (certificate_set_ca_dates(previous, i).not_after_s > now_s)
            push(set->cas, shared(ca_of(previous, i)));
    return set;
}

struct certificate_set *certificate_set_add_ca(const struct certificate_set *set, int64_t now_s,
                                               const unsigned char *serial)
{
    struct certificate_set *changed = new_set();
    size_t n = certificate_set_cas(set), drop = n;

    if (n == CERTIFICATE_CAS_MAX)
        drop = set->leaf_ca == n - 1 ? n - 2 : n - 1;
    push(changed->cas, certificate_make_ca(&changed->ca_key, now_s, CERTIFICATE_CA_S, serial));
    for (size_t i = 0; i < n; i++)
        if (i != drop)
            push(changed->cas, shared(ca_of(set, i)));
    share_leaf(changed, set);
    return changed;
}

struct certificate_set *certificate_set_issue(const struct certificate_set *set,
                                              const struct certificate_names *names, int64_t now_s,
                                              const unsigned char *serial)
{
    struct certificate_set *changed = new_set();

    for (size_t i = 0; i < certificate_set_cas(set); i++)
        push(changed->cas, shared(ca_of(set, i)));
    changed->ca_key = shared_key(set->ca_key);
    issue(changed, names, now_s, CERTIFICATE_LEAF_S, serial);
    return changed;
}

struct certificate_set *certificate_set_drop(const struct certificate_set *set, int64_t now_s)
{
    struct certificate_set *changed = new_set();

    for (size_t i = 0; i < certificate_set_cas(set); i++)
        if (i == 0 || i == set->leaf_ca ||
            certificate_set_ca_dates(set, i).not_after_s + ENDED_FOR_S >= now_s)
            push(changed->cas, shared(ca_of(set, i)));
    changed->ca_key = shared_key(set->ca_key);
    share_leaf(changed, set);
    return changed;
}

struct certificate_set *certificate_set_adopt(const struct certificate_set *set,
                                              const struct certificate_bundle *bundle,
                                              int64_t now_s)
{
    CERTIFICATE_SET_CLEANUP struct certificate_set *changed = new_set();

    for (size_t i = 0; i < certificate_set_cas(set); i++)
        push(changed->cas, shared(ca_of(set, i)));
    for (int i = 0; i < sk_X509_num(bundle->all); i++) {
        X509 *one = sk_X509_value(bundle->all, i);

        if (sk_X509_num(changed->cas) < CERTIFICATE_CAS_MAX && find(changed->cas, one) < 0 &&
            certificate_is_ours(one) && certificate_dates_of(one).not_after_s > now_s)
            push(changed->cas, shared(one));
    }
    if (certificate_set_cas(changed) == certificate_set_cas(set))
        return NULL;
    changed->ca_key = shared_key(set->ca_key);
    share_leaf(changed, set);
    return certificate_set_ref(changed);
}

size_t certificate_set_cas(const struct certificate_set *set)
{
    return (size_t)sk_X509_num(set->cas);
}

size_t certificate_set_foreign(const struct certificate_set *set)
{
    return set->foreign;
}

struct certificate_dates certificate_set_ca_dates(const struct certificate_set *set, size_t i)
{
    return certificate_dates_of(ca_of(set, i));
}

struct certificate_dates certificate_set_leaf_dates(const struct certificate_set *set)
{
    return certificate_dates_of(set->leaf);
}

size_t certificate_set_leaf_ca(const struct certificate_set *set)
{
    return set->leaf_ca;
}

bool certificate_set_has_names(const struct certificate_set *set,
                               const struct certificate_names *names)
{
    for (unsigned i = 0; i < CERTIFICATE_NAMES; i++) {
        char name[CERTIFICATE_NAME_BYTES];

        certificate_name(names, i, name);
        if (X509_check_host(set->leaf, name, 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL) != 1)
            return false;
    }
    return true;
}

bool certificate_set_same_leaf(const struct certificate_set *a, const struct certificate_set *b)
{
    return X509_cmp(a->leaf, b->leaf) == 0;
}

bool certificate_bundle_is_empty(const struct certificate_bundle *bundle)
{
    return sk_X509_num(bundle->all) == 0;
}

bool certificate_bundle_holds(const struct certificate_bundle *bundle,
                              const struct certificate_set *set, size_t i)
{
    return find(bundle->all, ca_of(set, i)) >= 0;
}

bool certificate_bundle_is(const struct certificate_bundle *bundle,
                           const struct certificate_set *set)
{
    for (size_t i = 0; i < certificate_set_cas(set); i++)
        if (!certificate_bundle_holds(bundle, set, i))
            return false;
    return sk_X509_num(bundle->all) == sk_X509_num(set->cas);
}

/* libcrypto wipes a memory BIO when it is freed. */
static void take_text(BIO *bio, struct strbuf *out)
{
    char *text;
    long len = BIO_get_mem_data(bio, &text);

    strbuf_add(out, text, (size_t)len);
    BIO_free(bio);
}

void certificate_set_print_cas(const struct certificate_set *set, struct strbuf *out)
{
    BIO *bio = alloc_made(BIO_new(BIO_s_mem()));

    for (int i = 0; i < sk_X509_num(set->cas); i++)
        alloc_must(PEM_write_bio_X509(bio, sk_X509_value(set->cas, i)) == 1);
    take_text(bio, out);
}

void certificate_set_print_leaf(const struct certificate_set *set, struct strbuf *out)
{
    BIO *bio = alloc_made(BIO_new(BIO_s_mem()));

    alloc_must(PEM_write_bio_X509(bio, set->leaf) == 1);
    take_text(bio, out);
}

static void print_key(EVP_PKEY *key, struct strbuf *out)
{
    BIO *bio = alloc_made(BIO_new(BIO_s_mem()));

    alloc_must(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1);
    take_text(bio, out);
}

void certificate_set_print_ca_key(const struct certificate_set *set, struct strbuf *out)
{
    if (set->ca_key)
        print_key(set->ca_key, out);
}

void certificate_set_print_leaf_key(const struct certificate_set *set, struct strbuf *out)
{
    print_key(set->leaf_key, out);
}
