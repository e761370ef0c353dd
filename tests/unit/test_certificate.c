/* What is made is looked at with libcrypto itself; what is read is what was made, spoilt. */
#include "core/certificate/certificate_plan.h"
#include "pullthrough/core/certificate/certificate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

enum { NOW_S = 1795262400, DAY_S = 24 * 60 * 60, HOUR_S = 60 * 60 };

static const struct certificate_names names = {"pullthrough", "system"};

/* 16 bytes for each number, all else the same. */
static const unsigned char *serial(unsigned char number)
{
    static unsigned char bytes[2 * CERTIFICATE_SERIAL_BYTES];

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)(number + i);
    bytes[0] = 0xff;
    return bytes;
}

static struct certificate_set *made(void)
{
    return certificate_set_make(&names, NOW_S, serial(1));
}

/* The four texts of a set. */
struct printed {
    struct strbuf ca, ca_key, leaf, leaf_key;
};

static struct printed print(const struct certificate_set *set)
{
    struct printed printed = {
        STRBUF_INIT(CERTIFICATE_TEXT_MAX), STRBUF_SECRET_INIT(CERTIFICATE_TEXT_MAX),
        STRBUF_INIT(CERTIFICATE_TEXT_MAX), STRBUF_SECRET_INIT(CERTIFICATE_TEXT_MAX)};

    certificate_set_print_cas(set, &printed.ca);
    certificate_set_print_ca_key(set, &printed.ca_key);
    certificate_set_print_leaf(set, &printed.leaf);
    certificate_set_print_leaf_key(set, &printed.leaf_key);
    return printed;
}

static void printed_fini(struct printed *printed)
{
    strbuf_fini(&printed->ca);
    strbuf_fini(&printed->ca_key);
    strbuf_fini(&printed->leaf);
    strbuf_fini(&printed->leaf_key);
}
#define PRINTED_CLEANUP __attribute__((cleanup(printed_fini)))

static struct certificate_texts texts_of(const struct printed *printed)
{
    return (struct certificate_texts){strbuf_slice(&printed->ca), strbuf_slice(&printed->ca_key),
                                      strbuf_slice(&printed->leaf),
                                      strbuf_slice(&printed->leaf_key)};
}

static X509 *parse(const struct strbuf *pem)
{
    BIO *bio = BIO_new_mem_buf(pem->ptr, (int)pem->len);
    X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);

    BIO_free(bio);
    assert_non_null(certificate);
    return certificate;
}

static void assert_extension(X509 *certificate, int kind, bool critical, const char *want)
{
    int at = X509_get_ext_by_NID(certificate, kind, -1);
    X509_EXTENSION *extension = X509_get_ext(certificate, at);
    BIO *bio = BIO_new(BIO_s_mem());
    char *text;
    long len;

    assert_true(at >= 0);
    assert_int_equal(X509_EXTENSION_get_critical(extension), critical);
    assert_int_equal(X509V3_EXT_print(bio, extension, 0, 0), 1);
    len = BIO_get_mem_data(bio, &text);
    assert_int_equal(len, strlen(want));
    assert_memory_equal(text, want, (size_t)len);
    BIO_free(bio);
}

static void assert_time(const ASN1_TIME *time, int64_t want)
{
    assert_int_equal(ASN1_TIME_cmp_time_t(time, (time_t)want), 0);
}

static void test_a_ca(void **state)
{
    CERTIFICATE_SET_CLEANUP struct certificate_set *set = made();
    PRINTED_CLEANUP struct printed printed = print(set);
    X509 *ca = parse(&printed.ca);
    struct certificate_dates dates = certificate_set_ca_dates(set, 0);
    char name[100];

    (void)state;
    assert_int_equal(X509_get_version(ca), X509_VERSION_3);
    assert_extension(ca, NID_basic_constraints, true, "CA:TRUE, pathlen:0");
    assert_extension(ca, NID_key_usage, true, "Certificate Sign, CRL Sign");
    assert_time(X509_get0_notBefore(ca), NOW_S - HOUR_S);
    assert_time(X509_get0_notAfter(ca), NOW_S + (int64_t)365 * DAY_S);
    assert_int_equal(dates.not_before_s, NOW_S - HOUR_S);
    assert_int_equal(dates.not_after_s, NOW_S + (int64_t)365 * DAY_S);
    assert_int_equal(X509_verify(ca, X509_get0_pubkey(ca)), 1);
    assert_int_equal(EVP_PKEY_get_bits(X509_get0_pubkey(ca)), 256);
    assert_true(X509_NAME_get_text_by_NID(X509_get_subject_name(ca), NID_commonName, name, 100) >
                0);
    assert_string_equal(name, "pullthrough CA 090a0b0c0d0e0f10");
    X509_free(ca);
}

static void test_a_leaf(void **state)
{
    CERTIFICATE_SET_CLEANUP struct certificate_set *set = made();
    PRINTED_CLEANUP struct printed printed = print(set);
    X509 *leaf = parse(&printed.leaf), *ca = parse(&printed.ca);
    const ASN1_INTEGER *number = X509_get0_serialNumber(leaf);

    (void)state;
    assert_extension(leaf, NID_basic_constraints, true, "CA:FALSE");
    assert_extension(leaf, NID_key_usage, true, "Digital Signature");
    assert_extension(leaf, NID_ext_key_usage, false, "TLS Web Server Authentication");
    assert_extension(leaf, NID_subject_alt_name, false,
                     "DNS:pullthrough.system.svc, DNS:pullthrough.system, "
                     "DNS:pullthrough.system.svc.cluster.local");
    assert_time(X509_get0_notBefore(leaf), NOW_S - HOUR_S);
    assert_time(X509_get0_notAfter(leaf), NOW_S + (int64_t)90 * DAY_S);
    assert_int_equal(X509_verify(leaf, X509_get0_pubkey(ca)), 1);
    assert_int_equal(X509_check_issued(ca, leaf), X509_V_OK);
    assert_int_equal(ASN1_STRING_length(number), CERTIFICATE_SERIAL_BYTES);
    assert_int_not_equal(ASN1_INTEGER_cmp(number, X509_get0_serialNumber(ca)), 0);
    assert_true(certificate_set_has_names(set, &names));
    assert_false(certificate_set_has_names(set, &(struct certificate_names){"other", "system"}));
    assert_false(
        certificate_set_has_names(set, &(struct certificate_names){"pullthrough", "other"}));
    X509_free(leaf);
    X509_free(ca);
}

/* Longer than the 64 bytes of a common name. */
static void test_long_names(void **state)
{
    static const char longest[] = "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabc";
    const struct certificate_names wanted = {longest, longest};
    CERTIFICATE_SET_CLEANUP struct certificate_set *set =
        certificate_set_make(&wanted, NOW_S, serial(1));

    (void)state;
    assert_true(certificate_set_has_names(set, &wanted));
}

static void test_a_leaf_ends_with_its_ca(void **state)
{
    CERTIFICATE_SET_CLEANUP struct certificate_set *set = made();
    CERTIFICATE_SET_CLEANUP struct certificate_set *later =
        certificate_set_issue(set, &names, NOW_S + (int64_t)300 * DAY_S, serial(5));

    (void)state;
    assert_int_equal(certificate_set_leaf_dates(later).not_after_s,
                     certificate_set_ca_dates(later, 0).not_after_s);
    assert_false(certificate_set_same_leaf(set, later));
}

static void test_what_is_printed_is_read(void **state)
{
    CERTIFICATE_SET_CLEANUP struct certificate_set *first = made();
    CERTIFICATE_SET_CLEANUP struct certificate_set *set =
        certificate_set_add_ca(first, NOW_S + 1, serial(7));
    CERTIFICATE_SET_CLEANUP struct certificate_set *again = NULL;
    PRINTED_CLEANUP struct printed printed = print(set);
    struct certificate_texts texts = texts_of(&printed);
    struct error error = {""};

    (void)state;
    if (certificate_set_read(&again, &texts, &error))
        fail_msg("%s", error.text);
    assert_int_equal(certificate_set_cas(again), 2);
    assert_int_equal(certificate_set_leaf_ca(again), 1);
    assert_true(certificate_set_same_leaf(set, again));
    assert_int_equal(certificate_set_ca_dates(again, 0).not_before_s, NOW_S + 1 - HOUR_S);
}

static void test_nonsense(void **state)
{
    CERTIFICATE_SET_CLEANUP struct certificate_set *set = made();
    CERTIFICATE_SET_CLEANUP struct certificate_set *other =
        certificate_set_make(&names, NOW_S, serial(50));
    PRINTED_CLEANUP struct printed printed = print(set);
    PRINTED_CLEANUP struct printed wrong = print(other);
    STRBUF_CLEANUP struct strbuf two = STRBUF_INIT(CERTIFICATE_TEXT_MAX);
    STRBUF_CLEANUP struct strbuf many = STRBUF_INIT(CERTIFICATE_TEXT_MAX);
    STRBUF_CLEANUP struct strbuf large = STRBUF_INIT(2 * CERTIFICATE_TEXT_MAX);
    struct certificate_texts good = texts_of(&printed), bad = texts_of(&wrong);
    struct slice garbage = slice_str("garbage");
    struct {
        struct certificate_texts texts;
        const char *want;
    } rows[] = {
        {{{0}, good.ca_key, good.leaf, good.leaf_key}, "ca.crt holds no certificate"},
        {{garbage, good.ca_key, good.leaf, good.leaf_key}, "ca.crt holds no certificate"},
        {{good.leaf, good.leaf_key, good.leaf, good.leaf_key},
         "certificate 1 of ca.crt is not a CA's"},
        {{good.ca, {0}, good.leaf, good.leaf_key}, "ca.key holds no private key"},
        {{good.ca, good.ca, good.leaf, good.leaf_key}, "ca.key holds no private key"},
        {{good.ca, bad.ca_key, good.leaf, good.leaf_key},
         "ca.key is not the key of the first certificate of ca.crt"},
        {{good.ca, good.ca_key, garbage, good.leaf_key}, "tls.crt holds no certificate"},
        {{good.ca, good.ca_key, {0}, good.leaf_key}, "tls.crt holds no certificate"},
        {{good.ca, good.ca_key, good.leaf, garbage}, "tls.key holds no private key"},
        {{good.ca, good.ca_key, good.leaf, bad.leaf_key}, "tls.key is not the key of tls.crt"},
        {{good.ca, good.ca_key, bad.leaf, bad.leaf_key},
         "tls.crt is signed by none of the CAs in ca.crt"},
        {{good.ca, good.ca_key, good.ca, good.ca_key}, "tls.crt is not a server's certificate"},
        {{good.ca, good.ca_key, {0}, good.leaf_key}, "tls.crt holds no certificate"},
        {{good.ca, good.ca_key, {0}, {0}}, "tls.crt holds 2 certificates, not one"},
        {{{0}, good.ca_key, good.leaf, good.leaf_key}, "ca.crt has over 8 certificates"},
        {{{0}, good.ca_key, good.leaf, good.leaf_key}, "ca.crt holds no certificate"},
    };
    size_t n = sizeof(rows) / sizeof(rows[0]);

    (void)state;
    strbuf_add_slice(&two, good.leaf);
    strbuf_add_slice(&two, good.ca);
    for (size_t i = 0; i < CERTIFICATE_CAS_MAX + 1; i++)
        strbuf_add_slice(&many, good.ca);
    while (large.len <= CERTIFICATE_TEXT_MAX)
        strbuf_add_slice(&large, good.ca);
    rows[n - 3].texts.leaf = strbuf_slice(&two);
    rows[n - 2].texts.ca = strbuf_slice(&many);
    rows[n - 1].texts.ca = strbuf_slice(&large);
    for (size_t i = 0; i < n; i++) {
        struct certificate_set *read = NULL;
        struct error error = {""};

        assert_int_equal(certificate_set_read(&read, &rows[i].texts, &error), -1);
        assert_null(read);
        assert_string_equal(error.text, rows[i].want);
        assert_int_equal(ERR_peek_error(), 0);
    }
}

static struct certificate_bundle *bundle_of(const struct certificate_set *set)
{
    STRBUF_CLEANUP struct strbuf pem = STRBUF_INIT(CERTIFICATE_TEXT_MAX);

    certificate_set_print_cas(set, &pem);
    return certificate_bundle_read(strbuf_slice(&pem));
}

static void test_bundles(void **state)
{
    CERTIFICATE_SET_CLEANUP struct certificate_set *first = made();
    CERTIFICATE_SET_CLEANUP struct certificate_set *set =
        certificate_set_add_ca(first, NOW_S, serial(7));
    CERTIFICATE_BUNDLE_CLEANUP struct certificate_bundle *old = bundle_of(first);
    CERTIFICATE_BUNDLE_CLEANUP struct certificate_bundle *both = bundle_of(set);
    CERTIFICATE_BUNDLE_CLEANUP struct certificate_bundle *none = certificate_bundle_read(
        slice_str("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"));

    (void)state;
    assert_true(certificate_bundle_is(both, set));
    assert_false(certificate_bundle_is(old, set));
    assert_false(certificate_bundle_is(both, first));
    assert_false(certificate_bundle_holds(old, set, 0));
    assert_true(certificate_bundle_holds(old, set, 1));
    assert_true(certificate_bundle_is_empty(none));
    assert_false(certificate_bundle_is_empty(old));
}

static void test_only_our_own_are_adopted(void **state)
{
    CERTIFICATE_SET_CLEANUP struct certificate_set *set = made();
    CERTIFICATE_SET_CLEANUP struct certificate_set *other =
        certificate_set_make(&names, NOW_S, serial(50));
    CERTIFICATE_BUNDLE_CLEANUP struct certificate_bundle *ours = bundle_of(other);
    CERTIFICATE_BUNDLE_CLEANUP struct certificate_bundle *own = bundle_of(set);
    CERTIFICATE_SET_CLEANUP struct certificate_set *grown = certificate_set_adopt(set, ours, NOW_S);
    PRINTED_CLEANUP struct printed printed = print(other);
    CERTIFICATE_BUNDLE_CLEANUP struct certificate_bundle *leaf =
        certificate_bundle_read(strbuf_slice(&printed.leaf)); /* no CA */

    (void)state;
    assert_non_null(grown);
    assert_int_equal(certificate_set_cas(grown), 2);
    assert_int_equal(certificate_set_leaf_ca(grown), 0);
    assert_true(certificate_set_same_leaf(grown, set));
    assert_null(certificate_set_adopt(grown, ours, NOW_S));
    assert_null(certificate_set_adopt(set, own, NOW_S));
    assert_null(certificate_set_adopt(set, leaf, NOW_S));
    assert_null(certificate_set_adopt(set, ours, NOW_S + (int64_t)366 * DAY_S)); /* it has ended */
}

/* A CA of somebody else, and its key; where the name is "borrowed", another key signs it. */
static void add_foreign_with_key(struct strbuf *pem, struct strbuf *key_pem, const char *name,
                                 const char *constraints)
{
    BIO *out = BIO_new(BIO_s_mem()), *key_out = BIO_new(BIO_s_mem());
    EVP_PKEY *key = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256");
    X509_EXTENSION *extension =
        X509V3_EXT_nconf_nid(NULL, NULL, NID_basic_constraints, constraints);
    X509 *ca = X509_new();
    X509_NAME *subject = X509_get_subject_name(ca);
    char *text;
    size_t len;

    assert_int_equal(X509_set_version(ca, X509_VERSION_3), 1);
    assert_int_equal(X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_ASC,
                                                (const unsigned char *)name, -1, -1, 0),
                     1);
    assert_int_equal(X509_set_issuer_name(ca, subject), 1);
    assert_int_equal(X509_set_pubkey(ca, key), 1);
    assert_non_null(ASN1_TIME_set(X509_getm_notBefore(ca), NOW_S));
    assert_non_null(ASN1_TIME_set(X509_getm_notAfter(ca), NOW_S + (int64_t)100 * DAY_S));
    assert_int_equal(X509_add_ext(ca, extension, -1), 1);
    assert_true(X509_sign(ca, strstr(name, "borrowed") ? other : key, EVP_sha256()) > 0);
    assert_int_equal(PEM_write_bio_X509(out, ca), 1);
    assert_int_equal(PEM_write_bio_PrivateKey(key_out, key, NULL, NULL, 0, NULL, NULL), 1);
    len = (size_t)BIO_get_mem_data(out, &text);
    strbuf_add(pem, text, len);
    len = (size_t)BIO_get_mem_data(key_out, &text);
    strbuf_add(key_pem, text, len);
    X509_EXTENSION_free(extension);
    X509_free(ca);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
    BIO_free(out);
    BIO_free(key_out);
}

static void add_foreign(struct strbuf *pem, const char *name, const char *constraints)
{
    STRBUF_CLEANUP struct strbuf key = STRBUF_SECRET_INIT(CERTIFICATE_TEXT_MAX);

    add_foreign_with_key(pem, &key, name, constraints);
}

static void test_foreign_cas_are_left_out(void **state)
{
    static const struct {
        const char *name, *constraints;
        bool is_kept;
    } rows[] = {
        {"pullthrough CA 0102030405060708", "critical,CA:TRUE,pathlen:0", true},
        {"corporate CA", "critical,CA:TRUE,pathlen:0", false},
        {"pullthrough CA of everything", "critical,CA:TRUE", false},
        {"pullthrough CA borrowed name", "critical,CA:TRUE,pathlen:0", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (unsigned first = 0; first < 2; first++) {
            CERTIFICATE_SET_CLEANUP struct certificate_set *set = made();
            CERTIFICATE_SET_CLEANUP struct certificate_set *two =
                certificate_set_add_ca(set, NOW_S, serial(20)); /* another one signed the leaf */
            CERTIFICATE_SET_CLEANUP struct certificate_set *read = NULL;
            PRINTED_CLEANUP struct printed printed = print(set);
            PRINTED_CLEANUP struct printed more = print(two);
            STRBUF_CLEANUP struct strbuf cas = STRBUF_INIT(CERTIFICATE_TEXT_MAX);
            struct certificate_texts texts = texts_of(&more);
            struct error error = {""};

            /* In the middle, and at the end. */
            strbuf_add(&cas, more.ca.ptr, more.ca.len - printed.ca.len);
            if (first)
                add_foreign(&cas, rows[i].name, rows[i].constraints);
            strbuf_add_slice(&cas, strbuf_slice(&printed.ca));
            if (!first)
                add_foreign(&cas, rows[i].name, rows[i].constraints);
            texts.ca = strbuf_slice(&cas);
            assert_int_equal(certificate_set_read(&read, &texts, &error), 0);
            assert_int_equal(certificate_set_cas(read), rows[i].is_kept ? 3 : 2);
            assert_int_equal(certificate_set_foreign(read), !rows[i].is_kept);
            assert_int_equal(certificate_set_leaf_ca(read), first && rows[i].is_kept ? 2 : 1);
            assert_int_equal(ERR_peek_error(), 0);
        }
}

/* The one that signs next: of somebody else only if it signed what is there. */
static void test_a_foreign_signer(void **state)
{
    CERTIFICATE_SET_CLEANUP struct certificate_set *set = made();
    PRINTED_CLEANUP struct printed printed = print(set);
    STRBUF_CLEANUP struct strbuf cas = STRBUF_INIT(CERTIFICATE_TEXT_MAX);
    STRBUF_CLEANUP struct strbuf key = STRBUF_SECRET_INIT(CERTIFICATE_TEXT_MAX);
    struct certificate_texts texts = texts_of(&printed);
    struct certificate_set *read = NULL;
    struct error error = {""};

    (void)state;
    add_foreign_with_key(&cas, &key, "corporate CA", "critical,CA:TRUE");
    strbuf_add_slice(&cas, strbuf_slice(&printed.ca));
    texts.ca = strbuf_slice(&cas);
    texts.ca_key = strbuf_slice(&key);
    assert_int_equal(certificate_set_read(&read, &texts, &error), -1);
    assert_string_equal(error.text, "the first certificate of ca.crt did not sign tls.crt, and was "
                                    "not made by this program");
}

/* However often CAs are added, there is room, and the leaf keeps its own. */
static void test_there_are_never_too_many(void **state)
{
    CERTIFICATE_SET_CLEANUP struct certificate_set *set = made();

    (void)state;
    for (unsigned char i = 0; i < 20; i++) {
        struct certificate_set *more = certificate_set_add_ca(set, NOW_S + i, serial(60 + i));

        assert_true(certificate_set_cas(more) <= CERTIFICATE_CAS_MAX);
        assert_true(certificate_set_same_leaf(set, more));
        certificate_set_unref(set);
        set = more;
    }
    assert_int_equal(certificate_set_cas(set), CERTIFICATE_CAS_MAX);
    assert_int_equal(certificate_set_leaf_ca(set), CERTIFICATE_CAS_MAX - 1);
}

static void test_health(void **state)
{
    static const struct certificate_dates dates = {1000, 4000};
    static const struct {
        int64_t now_s;
        enum certificate_health want;
    } rows[] = {
        {0, CERTIFICATE_NOT_YET},  {999, CERTIFICATE_NOT_YET}, {1000, CERTIFICATE_GOOD},
        {2999, CERTIFICATE_GOOD},  {3000, CERTIFICATE_DUE},    {4000, CERTIFICATE_DUE},
        {4001, CERTIFICATE_ENDED},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(certificate_dates_health(&dates, rows[i].now_s), rows[i].want);
}

static void test_plan(void **state)
{
    CERTIFICATE_SET_CLEANUP struct certificate_set *set = made();
    CERTIFICATE_SET_CLEANUP struct certificate_set *two =
        certificate_set_add_ca(set, NOW_S + 80 * DAY_S, serial(9));
    CERTIFICATE_SET_CLEANUP struct certificate_set *switched =
        certificate_set_issue(two, &names, NOW_S + 80 * DAY_S, serial(11));
    CERTIFICATE_SET_CLEANUP struct certificate_set *future =
        certificate_set_add_ca(set, NOW_S + 10 * DAY_S, serial(13));
    const struct certificate_names renamed = {"images", "system"};
    const struct {
        const struct certificate_set *set;
        const struct certificate_names *names;
        bool held;
        int64_t after_s;
        enum certificate_change want;
        const char *why;
    } rows[] = {
        {set, &names, true, 0, CERTIFICATE_KEEP, ""},
        {set, &names, false, 0, CERTIFICATE_KEEP, ""},
        {set, &names, true, 59 * DAY_S, CERTIFICATE_KEEP, ""},
        {set, &names, false, 61 * DAY_S, CERTIFICATE_ISSUE_LEAF,
         "the certificate is past two thirds of its life"},
        {set, &names, true, 91 * DAY_S, CERTIFICATE_ISSUE_LEAF, "the certificate has ended"},
        {set, &renamed, true, 0, CERTIFICATE_ISSUE_LEAF,
         "the certificate has not the Service's names"},
        {set, &names, true, -2 * HOUR_S, CERTIFICATE_ADD_CA, "the CA's life has not begun"},
        {set, &names, true, 366 * DAY_S, CERTIFICATE_ADD_CA, "the CA has ended"},
        {two, &names, true, 80 * DAY_S + 60, CERTIFICATE_KEEP, ""},
        {two, &names, true, 80 * DAY_S + 15 * 60 - 1, CERTIFICATE_KEEP, ""},
        {two, &names, true, 80 * DAY_S + 15 * 60, CERTIFICATE_ISSUE_LEAF,
         "the new CA has reached the API servers"},
        {two, &names, false, 80 * DAY_S + HOUR_S, CERTIFICATE_KEEP, ""},
        {two, &names, false, 91 * DAY_S, CERTIFICATE_ISSUE_LEAF, "the certificate has ended"},
        {switched, &names, true, 81 * DAY_S, CERTIFICATE_KEEP, ""},
        {future, &names, true, DAY_S, CERTIFICATE_ADD_CA, "the CA's life has not begun"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *why = NULL;

        assert_int_equal(certificate_plan(rows[i].set, rows[i].names, rows[i].held,
                                          NOW_S + rows[i].after_s, &why),
                         rows[i].want);
        assert_string_equal(why, rows[i].why);
    }
}

/* The CA is due before the leaf, and one that has ended goes when its last leaf has. */
static void test_plan_of_old_cas(void **state)
{
    int64_t due_s = NOW_S + 244 * (int64_t)DAY_S, ended_s = NOW_S + 365 * (int64_t)DAY_S;
    CERTIFICATE_SET_CLEANUP struct certificate_set *set = made();
    CERTIFICATE_SET_CLEANUP struct certificate_set *renewed =
        certificate_set_issue(set, &names, due_s - 20 * DAY_S, serial(9));
    CERTIFICATE_SET_CLEANUP struct certificate_set *two =
        certificate_set_add_ca(renewed, due_s, serial(20));
    CERTIFICATE_SET_CLEANUP struct certificate_set *switched =
        certificate_set_issue(two, &names, ended_s - 10 * DAY_S, serial(30));
    CERTIFICATE_SET_CLEANUP struct certificate_set *dropped =
        certificate_set_drop(switched, ended_s + 2 * HOUR_S);
    CERTIFICATE_SET_CLEANUP struct certificate_set *kept =
        certificate_set_drop(switched, ended_s + HOUR_S);
    const char *why;

    (void)state;
    assert_int_equal(certificate_plan(renewed, &names, true, due_s, &why), CERTIFICATE_ADD_CA);
    assert_string_equal(why, "the CA is past two thirds of its life");
    assert_int_equal(certificate_plan(switched, &names, true, ended_s + HOUR_S, &why),
                     CERTIFICATE_KEEP);
    assert_int_equal(certificate_plan(switched, &names, true, ended_s + HOUR_S + 1, &why),
                     CERTIFICATE_DROP_CAS);
    assert_string_equal(why, "an old CA has ended");
    assert_int_equal(certificate_set_cas(dropped), 1);
    assert_int_equal(certificate_set_cas(kept), 2);
    assert_int_equal(certificate_plan(dropped, &names, true, ended_s + 2 * HOUR_S, &why),
                     CERTIFICATE_KEEP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_ca),
        cmocka_unit_test(test_a_leaf),
        cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_a_leaf_ends_with_its_ca),
        cmocka_unit_test(test_what_is_printed_is_read),
        cmocka_unit_test(test_nonsense),
        cmocka_unit_test(test_bundles),
        cmocka_unit_test(test_only_our_own_are_adopted),
        cmocka_unit_test(test_foreign_cas_are_left_out),
        cmocka_unit_test(test_a_foreign_signer),
        cmocka_unit_test(test_there_are_never_too_many),
        cmocka_unit_test(test_health),
        cmocka_unit_test(test_plan),
        cmocka_unit_test(test_plan_of_old_cas),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
