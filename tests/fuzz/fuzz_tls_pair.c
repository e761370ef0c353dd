/*
 * Any bytes as a certificate chain, its key and the CAs of clients: what is refused has a reason on
 * one line and leaves what was loaded; what is taken can be shown in a handshake.
 *
 * The first byte picks how the rest is read: 't', three texts with NUL in between; 'p' and 'd',
 * good texts with bytes changed, as PEM or as DER, each change being which text, where (two bytes),
 * and what. The second byte of those picks the kind of key. No key is kept in the corpus.
 */
#include "fuzz.h"

#include "made_certificate.h"
#include "pullthrough/core/base/strbuf.h"
#include "pullthrough/edge/http/tls.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

enum { TEXTS = 3, EDIT_BYTES = 4, TEXT_MAX = 1 << 20, KINDS = 4 };

static void check_printable(const char *text)
{
    FUZZ_ASSERT(*text);
    for (; *text; text++)
        FUZZ_ASSERT((unsigned char)*text >= 0x20 && *text != 0x7f);
}

/* A client that trusts everybody; whether it comes to an end is not the point. */
static void shake(struct tls *tls)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *client = SSL_new(context), *server = SSL_new(tls_context(tls));
    BIO *to_server = BIO_new(BIO_s_mem()), *to_client = BIO_new(BIO_s_mem());

    FUZZ_ASSERT(client && server && BIO_up_ref(to_server) == 1 && BIO_up_ref(to_client) == 1);
    SSL_set_bio(server, to_server, to_client);
    SSL_set_bio(client, to_client, to_server);
    SSL_set_connect_state(client);
    SSL_set_accept_state(server);
    for (int i = 0; i < 3; i++) {
        ERR_clear_error();
        (void)SSL_do_handshake(client);
        ERR_clear_error();
        (void)SSL_do_handshake(server);
    }
    ERR_clear_error();
    SSL_free(client);
    SSL_free(server);
    SSL_CTX_free(context);
}

static void load(const struct slice texts[TEXTS])
{
    struct tls *tls = tls_new(NULL, NULL);
    struct certificate_dates dates;
    struct error error = {""};
    struct key_pair *pair;
    int result = key_pair_read(&pair, texts[0], texts[1], texts[2], &error);

    if (result == 0)
        result = tls_load(tls, pair, &error);

    FUZZ_ASSERT(ERR_peek_error() == 0);
    FUZZ_ASSERT(tls_loaded(tls, &dates) == (result == 0));
    if (result < 0)
        check_printable(error.text);
    else
        shake(tls);
    tls_free(tls);
}

static void load_texts(struct slice rest)
{
    struct slice texts[TEXTS] = {{0}};

    for (size_t i = 0; i < TEXTS; i++)
        texts[i] = i + 1 < TEXTS ? slice_cut(&rest, '\0') : rest;
    load(texts);
}

static const struct made_certificate *good_of(uint8_t kind)
{
    static const char *const keys[KINDS] = {NULL, "ED25519", "P-521", NULL};
    static struct made_certificate *made[KINDS];
    struct made_certificate **one = &made[kind % KINDS];

    if (!*one)
        *one = made_certificate_new(&(struct certificate_spec){
            .name = "server",
            .alternative = "DNS:server,IP:127.0.0.1",
            .constraints = "critical,CA:FALSE",
            .usage = "digitalSignature",
            .extended = "serverAuth",
            .key = keys[kind % KINDS],
            .rsa_bits = kind % KINDS == 3 ? 2048 : 0,
            .to_s = 86400,
        });
    return *one;
}

static void edit(struct strbuf texts[TEXTS], struct slice edits)
{
    for (; edits.len >= EDIT_BYTES; edits = slice_from(edits, EDIT_BYTES)) {
        struct strbuf *text = &texts[(uint8_t)edits.ptr[0] % TEXTS];
        size_t at = (size_t)(uint8_t)edits.ptr[1] << 8 | (uint8_t)edits.ptr[2];

        text->ptr[at % text->len] = edits.ptr[3];
    }
}

static void load_all(const struct strbuf texts[TEXTS])
{
    load((const struct slice[TEXTS]){strbuf_slice(&texts[0]), strbuf_slice(&texts[1]),
                                     strbuf_slice(&texts[2])});
}

static void load_edited_pem(const struct made_certificate *good, struct slice edits)
{
    struct strbuf texts[TEXTS];

    for (size_t i = 0; i < TEXTS; i++) {
        strbuf_init(&texts[i], TEXT_MAX);
        strbuf_add_str(&texts[i], i == 1 ? good->key_pem : good->pem);
    }
    edit(texts, edits);
    load_all(texts);
    for (size_t i = 0; i < TEXTS; i++)
        strbuf_fini(&texts[i]);
}

static void wrap(struct strbuf *text, const char *label)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *pem;
    long len;

    FUZZ_ASSERT(PEM_write_bio(bio, label, "", (unsigned char *)text->ptr, (long)text->len) > 0);
    len = BIO_get_mem_data(bio, &pem);
    strbuf_clear(text);
    strbuf_add(text, pem, (size_t)len);
    BIO_free(bio);
}

static void load_edited_der(const struct made_certificate *good, struct slice edits)
{
    static const char *const labels[TEXTS] = {"CERTIFICATE", "PRIVATE KEY", "CERTIFICATE"};
    struct strbuf texts[TEXTS];

    for (size_t i = 0; i < TEXTS; i++) {
        PKCS8_PRIV_KEY_INFO *key = EVP_PKEY2PKCS8(good->key);
        unsigned char *der = NULL;
        int len = i == 1 ? i2d_PKCS8_PRIV_KEY_INFO(key, &der) : i2d_X509(good->x509, &der);

        FUZZ_ASSERT(len > 0);
        strbuf_init(&texts[i], TEXT_MAX);
        strbuf_add(&texts[i], (const char *)der, (size_t)len);
        OPENSSL_free(der);
        PKCS8_PRIV_KEY_INFO_free(key);
    }
    edit(texts, edits);
    for (size_t i = 0; i < TEXTS; i++)
        wrap(&texts[i], labels[i]);
    load_all(texts);
    for (size_t i = 0; i < TEXTS; i++)
        strbuf_fini(&texts[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice rest = slice_of((const char *)data, size);

    if (size < 2)
        return 0;
    if (data[0] == 'p')
        load_edited_pem(good_of(data[1]), slice_from(rest, 2));
    else if (data[0] == 'd')
        load_edited_der(good_of(data[1]), slice_from(rest, 2));
    else
        load_texts(slice_from(rest, 1));
    return 0;
}
