/*
 * What every API server would refuse is refused here, in its own words, before it is loaded. What
 * only libssl's rules know is left to edge/http/tls.
 */
#include "pullthrough/core/certificate/key_pair.h"

#include "certificate_parts.h"
#include "certificate_pem.h"
#include "pullthrough/core/base/alloc.h"

#include <stdlib.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

enum { PEM_MOST_BYTES = 1024 * 1024, CERTIFICATES_MOST = 512 };

void key_pair_free(struct key_pair *pair)
{
    if (!pair)
        return;
    X509_free(pair->leaf);
    sk_X509_pop_free(pair->chain, X509_free);
    EVP_PKEY_free(pair->key);
    X509_STORE_free(pair->clients);
    sk_X509_NAME_pop_free(pair->client_names, X509_NAME_free);
    free(pair);
}

static void pair_cleanup(struct key_pair **pair)
{
    key_pair_free(*pair);
}

static void stack_cleanup(STACK_OF(X509) **stack)
{
    sk_X509_pop_free(*stack, X509_free);
}

/* All certificates of a PEM text, at least one. */
static int read_certificates(struct slice pem, const char *what, STACK_OF(X509) **stackp,
                             struct error *error)
{
    if (certificate_pem_read(stackp, pem, PEM_MOST_BYTES, CERTIFICATES_MOST, error))
        return error_prefix(error, "%s", what);
    if (sk_X509_num(*stackp) == 0)
        return error_set(error, "%s: holds no PEM certificate", what);
    return 0;
}

static int read_key(struct slice pem, EVP_PKEY **keyp, struct error *error)
{
    *keyp = certificate_pem_key(pem, PEM_MOST_BYTES, error);
    return *keyp ? 0 : error_prefix(error, "private key");
}

static int check_key(const struct key_pair *pair, struct error *error)
{
    if (certificate_has_key(pair->leaf, pair->key))
        return 0;
    for (int i = 0; i < sk_X509_num(pair->chain); i++)
        if (certificate_has_key(sk_X509_value(pair->chain, i), pair->key))
            return error_set(error,
                             "certificate chain: the private key belongs to certificate %d; the "
                             "leaf must come first",
                             i + 2);
    return error_set(error, "the private key does not belong to the certificate");
}

enum {
    RSA_LEAST_BITS = 2048, /* OpenSSL's security level 2 */
    RSA_MOST_BITS = 8192,  /* Go's crypto/tls, "certificate containing RSA key larger than" */
    CURVE_BYTES = 64,
};

/* Go's crypto/x509 knows curves by their names only, and these. P-224 is not for handshakes. */
static const char *const curves[] = {"prime256v1", "secp384r1", "secp521r1", "secp224r1"};
enum { CURVES_TO_SIGN = 3, CURVES_TO_PARSE = 4 };

static bool is_curve_known(EVP_PKEY *key, size_t known, char name[static CURVE_BYTES])
{
    static const char nameless[] = "a curve without a name";
    char encoding[CURVE_BYTES] = "";
    bool is_known = false;

    if (EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_EC_ENCODING, encoding, CURVE_BYTES,
                                       NULL) != 1 ||
        strcmp(encoding, OSSL_PKEY_EC_ENCODING_GROUP) != 0 ||
        EVP_PKEY_get_group_name(key, name, CURVE_BYTES, NULL) != 1)
        memcpy(name, nameless, sizeof(nameless));
    ERR_clear_error();
    for (size_t i = 0; i < known; i++)
        is_known = is_known || strcmp(name, curves[i]) == 0;
    return is_known;
}

/* The handshake is signed with this key. */
static int check_kind(EVP_PKEY *key, struct error *error)
{
    static const char known[] = "(API servers know RSA of 2,048 to 8,192 bits, ECDSA on P-256, "
                                "P-384 and P-521, and Ed25519)";
    const char *kind = EVP_PKEY_get0_type_name(key);
    int bits = EVP_PKEY_get_bits(key);
    char curve[CURVE_BYTES];

    switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_ED25519: return 0;
    case EVP_PKEY_RSA:
        if (bits >= RSA_LEAST_BITS && bits <= RSA_MOST_BITS)
            return 0;
        return error_set(error, "certificate: its key is RSA of %d bits %s", bits, known);
    case EVP_PKEY_EC:
        if (is_curve_known(key, CURVES_TO_SIGN, curve))
            return 0;
        return error_set(error, "certificate: its key is ECDSA on %s %s", curve, known);
    default:
        return error_set(error, "certificate: its key is %s %s", kind ? kind : "of no known kind",
                         known);
    }
}

/* Of crypto/tls: a longer message of certificates is not read (maxHandshakeCertificateMsg, and
 * readHandshake(), whose other messages have 65,536 bytes at most). */
enum { CHAIN_MOST_BYTES = 262144 };

/* As TLS 1.3 sends it (RFC 8446, section 4.4.2), which is no shorter than TLS 1.2. */
static int check_length(const struct key_pair *pair, struct error *error)
{
    enum { OF_MESSAGE = 1 + 3, OF_CERTIFICATE = 3 + 2 };
    size_t bytes = OF_MESSAGE + OF_CERTIFICATE + (size_t)i2d_X509(pair->leaf, NULL);

    for (int i = 0; i < sk_X509_num(pair->chain); i++)
        bytes += OF_CERTIFICATE + (size_t)i2d_X509(sk_X509_value(pair->chain, i), NULL);
    if (bytes > CHAIN_MOST_BYTES)
        return error_set(error,
                         "certificate chain: longer than the %d bytes (DER) that API servers take",
                         CHAIN_MOST_BYTES);
    return 0;
}

/* Where one certificate of a chain can't be parsed, Go refuses them all. */
static int check_chain(const struct key_pair *pair, struct error *error)
{
    for (int i = 0; i < sk_X509_num(pair->chain); i++) {
        EVP_PKEY *key = X509_get0_pubkey(sk_X509_value(pair->chain, i));
        char curve[CURVE_BYTES];

        if (key && EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
            !is_curve_known(key, CURVES_TO_PARSE, curve))
            return error_set(error,
                             "certificate chain: certificate %d: its key is ECDSA on %s, which "
                             "API servers cannot parse",
                             i + 2, curve);
        ERR_clear_error();
    }
    return 0;
}

/* What no TLS client, or no Kubernetes API server, would ever accept. */
static int check_leaf(X509 *leaf, struct error *error)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    int count = names ? sk_GENERAL_NAME_num(names) : 0;

    GENERAL_NAMES_free(names);
    if (X509_check_purpose(leaf, X509_PURPOSE_SSL_SERVER, 0) != 1) {
        ERR_clear_error();
        return error_set(error,
                         "certificate: its key usage or extended key usage forbids a TLS server%s",
                         X509_check_ca(leaf) ? " (it is a CA's)" : "");
    }
    if (count == 0)
        return error_set(error, "certificate: has no subject alternative name; Kubernetes ignores "
                                "the common name");
    return 0;
}

static int read_dates(X509 *leaf, struct certificate_dates *dates, struct error *error)
{
    if (certificate_time(X509_get0_notBefore(leaf), &dates->not_before_s) ||
        certificate_time(X509_get0_notAfter(leaf), &dates->not_after_s))
        return error_set(error, "certificate: its dates can't be read");
    return 0;
}

/* What is sent with a request for a client's certificate: the names, or none, which is allowed,
 * where they are too long. Two bytes count them (RFC 5246, 7.4.4), and in TLS 1.3 the whole message
 * but for its first bytes (RFC 8446, 4.3.2); Go takes 65,536 for that. */
static void limit_names(STACK_OF(X509_NAME) *names)
{
    enum { REQUEST_MOST = 65535, OF_REST = 512 /* algorithms above all: OpenSSL sends about 60 */ };
    size_t bytes = 0;

    for (int i = 0; i < sk_X509_NAME_num(names); i++)
        bytes += 2 + (size_t)i2d_X509_NAME(sk_X509_NAME_value(names, i), NULL);
    while (bytes > REQUEST_MOST - OF_REST && sk_X509_NAME_num(names) > 0)
        X509_NAME_free(sk_X509_NAME_pop(names));
}

static int read_clients(struct key_pair *pair, struct slice pem, struct error *error)
{
    __attribute__((cleanup(stack_cleanup))) STACK_OF(X509) *bundle = NULL;

    if (pem.len == 0)
        return 0;
    if (read_certificates(pem, "client CA bundle", &bundle, error))
        return -1;
    pair->clients = alloc_made(X509_STORE_new());
    pair->client_names = alloc_made(sk_X509_NAME_new_null());
    /* Each certificate of the bundle is an anchor, an intermediate one too. */
    (void)X509_STORE_set_flags(pair->clients, X509_V_FLAG_PARTIAL_CHAIN);
    for (int i = 0; i < sk_X509_num(bundle); i++) {
        X509 *one = sk_X509_value(bundle, i);
        X509_NAME *name = X509_NAME_dup(X509_get_subject_name(one));

        if (!name || sk_X509_NAME_push(pair->client_names, name) <= 0 ||
            X509_STORE_add_cert(pair->clients, one) != 1)
            return error_set(error, "client CA bundle: %s", certificate_pem_reason());
    }
    limit_names(pair->client_names);
    return 0;
}

static int check(struct key_pair *pair, struct error *error)
{
    return check_key(pair, error) || check_leaf(pair->leaf, error) ||
                   check_kind(pair->key, error) || check_length(pair, error) ||
                   check_chain(pair, error) || read_dates(pair->leaf, &pair->dates, error)
               ? -1
               : 0;
}

int key_pair_read(struct key_pair **pairp, struct slice chain, struct slice key,
                  struct slice client_ca, struct error *error)
{
    __attribute__((cleanup(pair_cleanup))) struct key_pair *pair = alloc_zeroed(1, sizeof(*pair));

    pair->references = 1;
    if (read_certificates(chain, "certificate chain", &pair->chain, error))
        return -1;
    pair->leaf = sk_X509_shift(pair->chain);
    if (read_key(key, &pair->key, error) || check(pair, error) ||
        read_clients(pair, client_ca, error))
        return -1;
    *pairp = pair;
    pair = NULL;
    return 0;
}

int key_pair_of_set(struct key_pair **pairp, const struct certificate_set *set, struct error *error)
{
    __attribute__((cleanup(pair_cleanup))) struct key_pair *pair = alloc_zeroed(1, sizeof(*pair));

    *pair = (struct key_pair){.references = 1,
                              .leaf = set->leaf,
                              .chain = alloc_made(sk_X509_new_null()),
                              .key = set->leaf_key};
    alloc_must(X509_up_ref(pair->leaf) == 1 && EVP_PKEY_up_ref(pair->key) == 1);
    if (check(pair, error))
        return -1;
    *pairp = pair;
    pair = NULL;
    return 0;
}
