/*
 * A key pair is immutable once it is made; which one is current is a counted reference under
 * a lock that is held for a few instructions, once a handshake. Everything that a reload may
 * change (certificate, key, client CAs) is set on the connection by the certificate callback,
 * so the SSL_CTX itself never changes and is never freed while the server lives.
 *
 * Why the settings: Kubernetes' API server keeps no TLS sessions for webhooks, so tickets and
 * the session cache would only cost; nothing here needs renegotiation; HTTP/2 is off in
 * http_server, so ALPN must not promise it; idle connections should be small.
 */
#include "pullthrough/edge/http/tls.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "pullthrough/core/base/alloc.h"

enum { WHY_BYTES = 256 };

struct tls {
    SSL_CTX *context;
    pthread_mutex_t lock;
    struct key_pair *current;
    tls_on_handshake on_handshake;
    void *context_of_callback;
};

static void ssl_cleanup(SSL **ssl)
{
    SSL_free(*ssl);
}

static struct key_pair *take_current(struct tls *tls)
{
    struct key_pair *pair;

    (void)pthread_mutex_lock(&tls->lock);
    pair = tls->current;
    if (pair)
        pair->references++;
    (void)pthread_mutex_unlock(&tls->lock);
    return pair;
}

static void give_back(struct tls *tls, struct key_pair *pair)
{
    bool last;

    if (!pair)
        return;
    (void)pthread_mutex_lock(&tls->lock);
    last = --pair->references == 0;
    (void)pthread_mutex_unlock(&tls->lock);
    if (last)
        key_pair_free(pair);
}

/* false with OpenSSL's error queue saying why. */
static bool use_pair(const struct key_pair *pair, SSL *ssl)
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

/* OpenSSL calls this once it has read the ClientHello. */
static int on_certificate(SSL *ssl, void *context)
{
    struct tls *tls = context;
    struct key_pair *pair = take_current(tls);
    bool used = pair && use_pair(pair, ssl);

    give_back(tls, pair);
    return used ? 1 : 0;
}

static int on_alpn(SSL *ssl, const unsigned char **chosen, unsigned char *chosen_len,
                   const unsigned char *offered, unsigned offered_len, void *context)
{
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *found;

    (void)ssl;
    (void)context;
    /* A client without http/1.1 in its list isn't refused: it gets it all the same. */
    if (SSL_select_next_proto(&found, chosen_len, ours, sizeof(ours) - 1, offered, offered_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    *chosen = found;
    return SSL_TLSEXT_ERR_OK;
}

/*
 * Each handshake is reported once. How far it is stands in the connection's ex_data: nothing,
 * `begun` from its first byte on, `reported`. A connection that goes away in the middle shows
 * up only when its SSL is freed.
 */
static char begun, reported;
static int progress_index;
static pthread_once_t progress_once = PTHREAD_ONCE_INIT;

static void report(SSL *ssl, bool done, const char *why)
{
    struct tls *tls = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

    if (tls->on_handshake)
        tls->on_handshake(tls->context_of_callback, done, why);
}

static void on_ssl_free(void *ssl, void *progress, CRYPTO_EX_DATA *data, int index, long number,
                        void *pointer)
{
    (void)data;
    (void)index;
    (void)number;
    (void)pointer;
    if (progress == &begun)
        report(ssl, false, "the connection ended in the middle of the handshake");
}

static void make_progress_index(void)
{
    progress_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, on_ssl_free);
    alloc_must(progress_index >= 0);
}

static void report_failure(SSL *ssl)
{
    unsigned long code = ERR_peek_error();
    const char *reason = ERR_reason_error_string(code);
    long verified = SSL_get_verify_result(ssl);
    char why[WHY_BYTES];

    if (ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == SSL_R_CERT_CB_ERROR)
        (void)snprintf(why, sizeof(why), "no certificate is loaded yet");
    else if (ERR_GET_LIB(code) == ERR_LIB_SSL &&
             ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED && verified != X509_V_OK)
        (void)snprintf(why, sizeof(why), "certificate verify failed: %s",
                       X509_verify_cert_error_string(verified));
    else if (reason)
        (void)snprintf(why, sizeof(why), "%s", reason);
    else
        ERR_error_string_n(code, why, sizeof(why));
    report(ssl, false, why);
}

static void on_info(const SSL *const_ssl, int where, int value)
{
    SSL *ssl = (SSL *)const_ssl; /* OpenSSL hands out const, its getters want none */
    const void *progress = SSL_get_ex_data(ssl, progress_index);

    if (progress == &reported)
        return;
    if (where == SSL_CB_HANDSHAKE_START && !progress) {
        (void)SSL_set_ex_data(ssl, progress_index, &begun);
    } else if (where == SSL_CB_HANDSHAKE_DONE) {
        (void)SSL_set_ex_data(ssl, progress_index, &reported);
        report(ssl, true, NULL);
    } else if (where == SSL_CB_ACCEPT_EXIT && value <= 0 && ERR_peek_error() != 0) {
        (void)SSL_set_ex_data(ssl, progress_index, &reported);
        report_failure(ssl);
    }
}

static bool set_up(SSL_CTX *context, struct tls *tls)
{
    static const unsigned char session_context[] = "pullthrough";

    SSL_CTX_set_app_data(context, tls);
    (void)SSL_CTX_set_options(context,
                              SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    (void)SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    /* openssl.cnf may say otherwise, and a minimal image has none: 112 bits at least. */
    SSL_CTX_set_security_level(context, 2);
    (void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_cert_cb(context, on_certificate, tls);
    SSL_CTX_set_alpn_select_cb(context, on_alpn, NULL);
    SSL_CTX_set_info_callback(context, on_info);
    return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_num_tickets(context, 0) == 1 &&
           SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1 &&
           SSL_CTX_set1_groups_list(context, "X25519:P-256:P-384:P-521") == 1 &&
           SSL_CTX_set_session_id_context(context, session_context, sizeof(session_context) - 1) ==
               1;
}

struct tls *tls_new(tls_on_handshake on_handshake, void *context)
{
    struct tls *tls = alloc_zeroed(1, sizeof(*tls));

    alloc_must(pthread_once(&progress_once, make_progress_index) == 0 &&
               pthread_mutex_init(&tls->lock, NULL) == 0);
    tls->on_handshake = on_handshake;
    tls->context_of_callback = context;
    tls->context = alloc_made(SSL_CTX_new(TLS_server_method()));
    if (!set_up(tls->context, tls))
        abort(); /* constants that this libssl doesn't know, or no memory */
    return tls;
}

void tls_free(struct tls *tls)
{
    if (!tls)
        return;
    SSL_CTX_free(tls->context);
    key_pair_free(tls->current);
    (void)pthread_mutex_destroy(&tls->lock);
    free(tls);
}

/* What only OpenSSL's own rules know, such as a key that is too short: try it here, where it
 * can be explained, and not in the first handshake. */
static int try_pair(struct tls *tls, const struct key_pair *pair, struct error *error)
{
    __attribute__((cleanup(ssl_cleanup))) SSL *ssl = alloc_made(SSL_new(tls->context));
    const char *reason;

    if (use_pair(pair, ssl))
        return 0;
    reason = ERR_reason_error_string(ERR_peek_error());
    ERR_clear_error();
    return error_set(error, "certificate: %s", reason ? reason : "refused by OpenSSL");
}

int tls_load(struct tls *tls, struct key_pair *pair, struct error *error)
{
    struct key_pair *previous;

    if (try_pair(tls, pair, error)) {
        key_pair_free(pair);
        return -1;
    }
    (void)pthread_mutex_lock(&tls->lock);
    previous = tls->current;
    tls->current = pair;
    (void)pthread_mutex_unlock(&tls->lock);
    give_back(tls, previous);
    return 0;
}

bool tls_loaded(const struct tls *tls, struct certificate_dates *dates)
{
    struct tls *held = (struct tls *)tls; /* only its lock is written */
    struct key_pair *pair = take_current(held);

    if (!pair)
        return false;
    if (dates)
        *dates = pair->dates;
    give_back(held, pair);
    return true;
}

struct ssl_ctx_st *tls_context(struct tls *tls)
{
    return tls->context;
}
