#include "made_certificate.h"

#include <stdlib.h>

#include <openssl/pem.h>
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

struct made_certificate *made_certificate_new(const struct certificate_wish *wish)
{
    static long serial;
    struct made_certificate *made = calloc(1, sizeof(*made));
    BIO *pem = BIO_new(BIO_s_mem()), *key_pem = BIO_new(BIO_s_mem());
    bool dated = wish->from_s || wish->to_s;
    X509_NAME *name;
    X509 *x509;

    MUST(made && pem && key_pem);
    made->key = wish->rsa_bits ? EVP_RSA_gen((unsigned)wish->rsa_bits) : EVP_EC_gen("P-256");
    made->x509 = x509 = X509_new();
    MUST(made->key && x509);
    MUST(X509_set_version(x509, X509_VERSION_3) && X509_set_pubkey(x509, made->key));
    MUST(ASN1_INTEGER_set(X509_get_serialNumber(x509), ++serial));
    MUST(X509_gmtime_adj(X509_getm_notBefore(x509), dated ? wish->from_s : -3600));
    MUST(X509_gmtime_adj(X509_getm_notAfter(x509), dated ? wish->to_s : 86400));
    name = X509_get_subject_name(x509);
    MUST(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)wish->name,
                                    -1, -1, 0));
    MUST(X509_set_issuer_name(x509,
                              wish->issuer ? X509_get_subject_name(wish->issuer->x509) : name));
    add_extension(x509, x509, NID_basic_constraints, wish->constraints);
    add_extension(x509, x509, NID_key_usage, wish->usage);
    add_extension(x509, x509, NID_ext_key_usage, wish->extended);
    add_extension(x509, x509, NID_subject_alt_name, wish->alternative);
    MUST(X509_sign(x509, wish->issuer ? wish->issuer->key : made->key, EVP_sha256()) > 0);
    MUST(PEM_write_bio_X509(pem, x509));
    MUST(PEM_write_bio_PrivateKey(key_pem, made->key, NULL, NULL, 0, NULL, NULL));
    made->pem = take_text(pem);
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
