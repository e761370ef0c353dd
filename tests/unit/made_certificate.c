#include "made_certificate.h"

#include <stdlib.h>

#include <openssl/dsa.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

static char *take_text(BIO *bio)
{
    char *data, *text;
    long len = BIO_get_mem_data(bio, &data);

    text = strndup(data, (size_t)len);
    MUST(text);
    BIO_free(bio);
    return text;
}

char *made_certificate_pem(const X509 *x509)
{
    BIO *pem = BIO_new(BIO_s_mem());

    MUST(pem && PEM_write_bio_X509(pem, x509));
    return take_text(pem);
}

static void add_extension(X509 *x509, X509 *issuer, int kind, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;

    if (!value)
        return;
    X509V3_set_ctx(&context, issuer, x509, NULL, NULL, 0);
    extension = X509V3_EXT_nconf_nid(NULL, &context, kind, value);
    MUST(extension && X509_add_ext(x509, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

static EVP_PKEY *generate(EVP_PKEY_CTX *context)
{
    EVP_PKEY *key = NULL;

    MUST(EVP_PKEY_keygen(context, &key) == 1);
    EVP_PKEY_CTX_free(context);
    return key;
}

static EVP_PKEY *make_dsa(void)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "DSA", NULL);
    EVP_PKEY *parameters = NULL;

    MUST(context && EVP_PKEY_paramgen_init(context) == 1);
    MUST(EVP_PKEY_CTX_set_dsa_paramgen_bits(context, 1024) == 1);
    MUST(EVP_PKEY_paramgen(context, &parameters) == 1);
    EVP_PKEY_CTX_free(context);
    context = EVP_PKEY_CTX_new(parameters, NULL);
    EVP_PKEY_free(parameters);
    MUST(context && EVP_PKEY_keygen_init(context) == 1);
    return generate(context);
}

static EVP_PKEY *make_explicit(void)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);

    MUST(context && EVP_PKEY_keygen_init(context) == 1);
    MUST(EVP_PKEY_CTX_set_ec_paramgen_curve_nid(context, NID_X9_62_prime256v1) == 1);
    MUST(EVP_PKEY_CTX_set_ec_param_enc(context, OPENSSL_EC_EXPLICIT_CURVE) == 1);
    return generate(context);
}

/* Of more than two primes, which takes less time to find. */
static EVP_PKEY *make_large_rsa(int bits)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);

    MUST(context && EVP_PKEY_keygen_init(context) == 1);
    MUST(EVP_PKEY_CTX_set_rsa_keygen_bits(context, bits) == 1);
    MUST(EVP_PKEY_CTX_set_rsa_keygen_primes(context, 5) == 1);
    return generate(context);
}

static EVP_PKEY *make_key(const struct certificate_spec *spec)
{
    if (spec->rsa_bits >= 8192)
        return make_large_rsa(spec->rsa_bits);
    if (spec->rsa_bits)
        return EVP_RSA_gen((unsigned)spec->rsa_bits);
    if (!spec->key)
        return EVP_EC_gen("P-256");
    if (strcmp(spec->key, "DSA") == 0)
        return make_dsa();
    if (strcmp(spec->key, "explicit") == 0)
        return make_explicit();
    if (strncmp(spec->key, "ED", 2) == 0)
        return EVP_PKEY_Q_keygen(NULL, NULL, spec->key);
    if (strcmp(spec->key, "RSA-PSS") == 0) {
        EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, spec->key, NULL);

        MUST(context && EVP_PKEY_keygen_init(context) == 1);
        return generate(context);
    }
    return EVP_EC_gen(spec->key);
}

/* Ed25519 and Ed448 have a digest of their own. */
static const EVP_MD *digest_of(const EVP_PKEY *key)
{
    return EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_is_a(key, "ED448") ? NULL : EVP_sha256();
}

struct made_certificate *made_certificate_new(const struct certificate_spec *spec)
{
    static long serial;
    struct made_certificate *made = calloc(1, sizeof(*made));
    BIO *key_pem = BIO_new(BIO_s_mem());
    bool dated = spec->from_s || spec->to_s;
    EVP_PKEY *signer;
    X509_NAME *name;
    X509 *x509;

    MUST(made && key_pem);
    made->key = make_key(spec);
    made->x509 = x509 = X509_new();
    MUST(made->key && x509);
    MUST(X509_set_version(x509, X509_VERSION_3) && X509_set_pubkey(x509, made->key));
    MUST(ASN1_INTEGER_set(X509_get_serialNumber(x509), ++serial));
    MUST(X509_gmtime_adj(X509_getm_notBefore(x509), dated ? spec->from_s : -3600));
    MUST(X509_gmtime_adj(X509_getm_notAfter(x509), dated ? spec->to_s : 86400));
    name = X509_get_subject_name(x509);
    MUST(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)spec->name,
                                    -1, -1, 0));
    MUST(X509_set_issuer_name(x509,
                              spec->issuer ? X509_get_subject_name(spec->issuer->x509) : name));
    add_extension(x509, x509, NID_basic_constraints, spec->constraints);
    add_extension(x509, x509, NID_key_usage, spec->usage);
    add_extension(x509, x509, NID_ext_key_usage, spec->extended);
    add_extension(x509, x509, NID_subject_alt_name, spec->alternative);
    signer = spec->issuer ? spec->issuer->key : made->key;
    MUST(X509_sign(x509, signer, digest_of(signer)) > 0);
    MUST(PEM_write_bio_PrivateKey(key_pem, made->key, NULL, NULL, 0, NULL, NULL));
    made->pem = made_certificate_pem(x509);
    made->key_pem = take_text(key_pem);
    return made;
}

void made_certificate_free(struct made_certificate *made)
{
    if (!made)
        return;
    X509_free(made->x509);
    EVP_PKEY_free(made->key);
    free(made->pem);
    free(made->key_pem);
    free(made);
}

char *made_certificate_encrypted_key(const struct made_certificate *made, bool older)
{
    static unsigned char passphrase[] = "secret";
    int len = sizeof(passphrase) - 1;
    BIO *pem = BIO_new(BIO_s_mem());

    MUST(pem);
    if (older)
        MUST(PEM_write_bio_PrivateKey_traditional(pem, made->key, EVP_aes_128_cbc(), passphrase,
                                                  len, NULL, NULL));
    else
        MUST(PEM_write_bio_PKCS8PrivateKey(pem, made->key, EVP_aes_128_cbc(), (char *)passphrase,
                                           len, NULL, NULL));
    return take_text(pem);
}
