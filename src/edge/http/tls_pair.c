/*
 * What is refused here is what no client could ever accept: a key that isn't the leaf's, or of a
 * kind that Go, which API servers are written in, doesn't know; a leaf that may not be a server's
 * or has no name. An expired certificate is taken: to refuse
 * it would leave none at all, and tls_loaded() tells its dates. Never asks for a passphrase.
 */
#include "tls_pair.h"

#include "pullthrough/core/base/alloc.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

enum { PEM_MOST_BYTES = 1024 * 1024, CERTIFICATES_MOST = 512 };

void tls_pair_free(struct tls_pair *pair)
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

static void pair_cleanup(struct tls_pair **pair)
{
    tls_pair_free(*pair);
}

static void stack_cleanup(STACK_OF(X509) **stack)
{
    sk_X509_pop_free(*stack, X509_free);
}

static void bio_cleanup(BIO **bio)
{
    BIO_free(*bio);
}

bool tls_pair_use(const struct tls_pair *pair, SSL *ssl)
{
    STACK_OF(X509_NAME) *names;

    if (SSL_use_cert_and_key(ssl, pair->leaf, pair->key, pair->chain, 1) != 1)
        return false;
    if (!pair->clients)
        return true;
    names = SSL_dup_CA_list(pair->client_names);
    if (!names || SSL_set1_verify_cert_store(ssl, pair->clients) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return false;
    }
    SSL_set_client_CA_list(ssl, names);
    SSL_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return true;
}

const char *tls_pair_reason(void)
{
    const char *reason = ERR_reason_error_string(ERR_peek_error());

    ERR_clear_error();
    return reason ? reason : "refused by OpenSSL";
}

static int refuse(struct error *error, const char *what)
{
    return error_set(error, "%s: %s", what, tls_pair_reason());
}

static int refuse_password(char *buffer, int size, int writing, void *asked)
{
    (void)buffer;
    (void)size;
    (void)writing;
    *(bool *)asked = true;
    return -1;
}

static BIO *open_pem(struct slice pem)
{
    return alloc_made(BIO_new_mem_buf(pem.len ? pem.ptr : "", (int)pem.len));
}

/* All certificates of a PEM text, at least one. */
static int read_certificates(struct slice pem, const char *what, STACK_OF(X509) **stackp,
                             struct error *error)
{
    __attribute__((cleanup(stack_cleanup))) STACK_OF(X509) *stack = alloc_made(sk_X509_new_null());
    __attribute__((cleanup(bio_cleanup))) BIO *bio = NULL;
    bool asked = false;
    X509 *one;

    if (pem.len > PEM_MOST_BYTES)
        return error_set(error, "%s: larger than %d bytes", what, PEM_MOST_BYTES);
    bio = open_pem(pem);
    ERR_clear_error();
    while ((one = PEM_read_bio_X509(bio, NULL, refuse_password, &asked)) != NULL) {
        alloc_must(sk_X509_push(stack, one) > 0);
        if (sk_X509_num(stack) > CERTIFICATES_MOST)
            return error_set(error, "%s: more than %d certificates", what, CERTIFICATES_MOST);
    }
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        return refuse(error, what);
    ERR_clear_error();
    if (sk_X509_num(stack) == 0)
        return error_set(error, "%s: holds no PEM certificate", what);
    *stackp = stack;
    stack = NULL;
    return 0;
}

static int read_key(struct slice pem, EVP_PKEY **keyp, struct error *error)
{
    static const char ending[] = "PRIVATE KEY-----";
    __attribute__((cleanup(bio_cleanup))) BIO *bio = NULL;
    bool asked = false;

    if (pem.len > PEM_MOST_BYTES)
        return error_set(error, "private key: larger than %d bytes", PEM_MOST_BYTES);
    bio = open_pem(pem);
    ERR_clear_error();
    *keyp = PEM_read_bio_PrivateKey(bio, NULL, refuse_password, &asked);
    if (*keyp)
        return 0;
    if (asked) {
        ERR_clear_error();
        return error_set(error, "private key: is encrypted; a passphrase is never asked for");
    }
    /* Of this OpenSSL would only say "unsupported". */
    if (pem.len == 0 || !memmem(pem.ptr, pem.len, ending, sizeof(ending) - 1)) {
        ERR_clear_error();
        return error_set(error, "private key: holds no PEM private key");
    }
    return refuse(error, "private key");
}

static int check_key(const struct tls_pair *pair, struct error *error)
{
    int match = X509_check_private_key(pair->leaf, pair->key);

    ERR_clear_error();
    if (match == 1)
        return 0;
    for (int i = 0; i < sk_X509_num(pair->chain); i++) {
        match = X509_check_private_key(sk_X509_value(pair->chain, i), pair->key);
        ERR_clear_error();
        if (match == 1)
            return error_set(error,
                             "certificate chain: the private key belongs to certificate %d; the "
                             "leaf must come first",
                             i + 2);
    }
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

/* Where one certificate of a chain can't be parsed, Go refuses them all. */
static int check_chain(const struct tls_pair *pair, struct error *error)
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

static int parse_time(const ASN1_TIME *time, int64_t *seconds)
{
    struct tm parts;

    if (ASN1_TIME_to_tm(time, &parts) != 1)
        return -1;
    *seconds = timegm(&parts);
    return 0;
}

static int read_dates(X509 *leaf, struct tls_dates *dates, struct error *error)
{
    if (parse_time(X509_get0_notBefore(leaf), &dates->not_before_s) ||
        parse_time(X509_get0_notAfter(leaf), &dates->not_after_s))
        return error_set(error, "certificate: its dates can't be read");
    return 0;
}

static int read_clients(struct tls_pair *pair, struct slice pem, struct error *error)
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
            return refuse(error, "client CA bundle");
    }
    return 0;
}

int tls_pair_new(struct tls_pair **pairp, struct slice chain, struct slice key,
                 struct slice client_ca, struct error *error)
{
    __attribute__((cleanup(pair_cleanup))) struct tls_pair *pair = alloc_zeroed(1, sizeof(*pair));

    if (read_certificates(chain, "certificate chain", &pair->chain, error))
        return -1;
    pair->leaf = sk_X509_shift(pair->chain);
    if (read_key(key, &pair->key, error) || check_key(pair, error) ||
        check_leaf(pair->leaf, error) || check_kind(pair->key, error) || check_chain(pair, error) ||
        read_dates(pair->leaf, &pair->dates, error) || read_clients(pair, client_ca, error))
        return -1;
    pair->references = 1;
    *pairp = pair;
    pair = NULL;
    return 0;
}
