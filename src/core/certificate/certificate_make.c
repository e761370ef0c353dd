/*
 * X.509 version 3 as Go's and OpenSSL's verifiers want it. A leaf's names stand in the subject
 * alternative name only, since a common name is limited to 64 bytes and ignored by Kubernetes.
 *
 * libcrypto fails here only without memory or without randomness: both end the program.
 */
#include "certificate_make.h"

#include "certificate_pem.h"
#include "pullthrough/core/base/alloc.h"

#include <stdio.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

void certificate_name(const struct certificate_names *names, unsigned i,
                      char text[static CERTIFICATE_NAME_BYTES])
{
    static const char *const ends[CERTIFICATE_NAMES] = {".svc", "", ".svc.cluster.local"};

    (void)snprintf(text, CERTIFICATE_NAME_BYTES, "%s.%s%s", names->service, names->namespace,
                   ends[i]);
}

/* 20 bytes are allowed (RFC 5280, section 4.1.2.2), a sign bit isn't. */
static void set_serial(X509 *certificate, const unsigned char *serial)
{
    unsigned char bytes[CERTIFICATE_SERIAL_BYTES];
    BIGNUM *number;

    memcpy(bytes, serial, sizeof(bytes));
    bytes[0] = (unsigned char)((bytes[0] & 0x7f) | 0x40);
    number = BN_bin2bn(bytes, sizeof(bytes), NULL);
    alloc_must(number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)));
    BN_free(number);
}

static void set_common_name(X509 *certificate, const char *name)
{
    alloc_must(X509_NAME_add_entry_by_NID(X509_get_subject_name(certificate), NID_commonName,
                                          MBSTRING_ASC, (const unsigned char *)name, -1, -1,
                                          0) == 1);
}

static void add_extension(X509 *certificate, X509 *issuer, int kind, const char *value)
{
    X509_EXTENSION *extension;
    X509V3_CTX context;

    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    extension = X509V3_EXT_nconf_nid(NULL, &context, kind, value);
    alloc_must(extension && X509_add_ext(certificate, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

static void add_names(X509 *certificate, const struct certificate_names *names)
{
    GENERAL_NAMES *all = alloc_made(GENERAL_NAMES_new());

    for (unsigned i = 0; i < CERTIFICATE_NAMES; i++) {
        GENERAL_NAME *one = GENERAL_NAME_new();
        ASN1_IA5STRING *text = ASN1_IA5STRING_new();
        char name[CERTIFICATE_NAME_BYTES];

        certificate_name(names, i, name);
        alloc_must(one && text && ASN1_STRING_set(text, name, -1) == 1);
        GENERAL_NAME_set0_value(one, GEN_DNS, text);
        alloc_must(sk_GENERAL_NAME_push(all, one) > 0);
    }
    alloc_must(X509_add1_ext_i2d(certificate, NID_subject_alt_name, all, 0, X509V3_ADD_DEFAULT) ==
               1);
    GENERAL_NAMES_free(all);
}

static X509 *begin(EVP_PKEY **keyp, int64_t not_before_s, int64_t not_after_s,
                   const unsigned char *serial)
{
    X509 *certificate = alloc_made(X509_new());

    *keyp = alloc_made(EVP_EC_gen("P-256"));
    alloc_must(X509_set_version(certificate, X509_VERSION_3) == 1 &&
               X509_set_pubkey(certificate, *keyp) == 1 &&
               ASN1_TIME_set(X509_getm_notBefore(certificate), not_before_s) &&
               ASN1_TIME_set(X509_getm_notAfter(certificate), not_after_s));
    set_serial(certificate, serial);
    return certificate;
}

X509 *certificate_make_ca(EVP_PKEY **keyp, int64_t now_s, int64_t life_s,
                          const unsigned char *serial)
{
    X509 *ca = begin(keyp, now_s - CERTIFICATE_BACKDATED_S, now_s + life_s, serial);
    char name[sizeof(CERTIFICATE_CN) + 16];

    /* Each CA has a name of its own, so that no verifier takes one for the other. */
    (void)snprintf(name, sizeof(name), CERTIFICATE_CN "%02x%02x%02x%02x%02x%02x%02x%02x", serial[8],
                   serial[9], serial[10], serial[11], serial[12], serial[13], serial[14],
                   serial[15]);
    set_common_name(ca, name);
    alloc_must(X509_set_issuer_name(ca, X509_get_subject_name(ca)) == 1);
    add_extension(ca, ca, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
    add_extension(ca, ca, NID_key_usage, "critical,keyCertSign,cRLSign");
    add_extension(ca, ca, NID_subject_key_identifier, "hash");
    alloc_must(X509_sign(ca, *keyp, EVP_sha256()) > 0);
    return ca;
}

X509 *certificate_make_leaf(EVP_PKEY **keyp, const struct certificate_names *names, X509 *ca,
                            EVP_PKEY *ca_key, int64_t now_s, int64_t life_s,
                            const unsigned char *serial)
{
    int64_t end_s = now_s + life_s, ca_end_s = certificate_dates_of(ca).not_after_s;
    X509 *leaf =
        begin(keyp, now_s - CERTIFICATE_BACKDATED_S, end_s < ca_end_s ? end_s : ca_end_s, serial);

    set_common_name(leaf, "pullthrough");
    alloc_must(X509_set_issuer_name(leaf, X509_get_subject_name(ca)) == 1);
    add_extension(leaf, ca, NID_basic_constraints, "critical,CA:FALSE");
    add_extension(leaf, ca, NID_key_usage, "critical,digitalSignature");
    add_extension(leaf, ca, NID_ext_key_usage, "serverAuth");
    add_extension(leaf, ca, NID_subject_key_identifier, "hash");
    add_extension(leaf, ca, NID_authority_key_identifier, "keyid:always");
    add_names(leaf, names);
    alloc_must(X509_sign(leaf, ca_key, EVP_sha256()) > 0);
    return leaf;
}

/* As begin() and certificate_make_ca() make them, whatever dates and keys later versions choose. */
bool certificate_is_ours(X509 *ca)
{
    char name[100];
    int len =
        X509_NAME_get_text_by_NID(X509_get_subject_name(ca), NID_commonName, name, sizeof(name));
    bool is =
        X509_check_ca(ca) == 1 && X509_get_pathlen(ca) == 0 &&
        slice_starts_with(slice_of(name, len > 0 ? (size_t)len : 0), slice_str(CERTIFICATE_CN)) &&
        X509_check_issued(ca, ca) == X509_V_OK && X509_verify(ca, X509_get0_pubkey(ca)) == 1;

    ERR_clear_error();
    return is;
}
