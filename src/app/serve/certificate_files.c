/*
 * A stamp is taken before its file is read: a change in between is seen at the next look. Files
 * that could not be read for a reason that may pass are tried again at each look, and that is said
 * once: a stamp tells of a change of the file, not of descriptors that are there again.
 */
#include "certificate_files.h"

#include "pullthrough/core/base/timestamp.h"
#include "pullthrough/edge/sys/clock.h"
#include "pullthrough/edge/sys/log.h"

enum { PEM_MAX = 1024 * 1024 }; /* bytes of a certificate chain, a key or a bundle */

/* In the order in which they are read. */
enum { CHAIN, KEY, CLIENT_CA };

static const char *certificate_path(const struct config *config, int file)
{
    switch (file) {
    case CHAIN: return config->tls.cert_file;
    case KEY: return config->tls.key_file;
    default: return config->tls.client_ca_file;
    }
}

static int load(const struct certificate_files *files, const struct config *config,
                struct error *error)
{
    STRBUF_CLEANUP struct strbuf chain = STRBUF_INIT(PEM_MAX);
    STRBUF_CLEANUP struct strbuf key = STRBUF_INIT(PEM_MAX);
    STRBUF_CLEANUP struct strbuf client_ca = STRBUF_INIT(PEM_MAX);
    struct strbuf *texts[CERTIFICATE_FILES] = {&chain, &key, &client_ca};
    struct key_pair *pair;

    for (int i = 0; i < CERTIFICATE_FILES; i++) {
        const char *path = certificate_path(config, i);

        int status = *path ? file_read(path, texts[i], error) : 0;

        if (status < 0)
            return status;
    }
    /* To key_pair_read() an empty bundle means that clients need no certificate. */
    if (*certificate_path(config, CLIENT_CA) && client_ca.len == 0)
        return error_set(error, "client CA bundle: %s is empty",
                         certificate_path(config, CLIENT_CA));
    return key_pair_read(&pair, strbuf_slice(&chain), strbuf_slice(&key), strbuf_slice(&client_ca),
                         error) < 0
               ? -1
               : tls_load(files->tls, pair, error);
}

static void tell_loaded(struct certificate_files *files, const struct config *config,
                        const struct certificate_dates *dates)
{
    STRBUF_CLEANUP struct strbuf not_after = STRBUF_INIT(40);

    files->loaded_s = clock_wall_s();
    metrics_certificate_dates(files->metrics, METRICS_LEAF, dates->not_before_s,
                              dates->not_after_s);
    metrics_certificate_dates(files->metrics, METRICS_CA, 0, 0); /* not ours to know */
    timestamp_print_rfc3339(&not_after, dates->not_after_s);
    log_event(LOG_LEVEL_INFO, "certificate loaded",
              LOG_TEXT("file", certificate_path(config, CHAIN)),
              LOG_SLICE("notAfter", strbuf_slice(&not_after)));
}

/* Whether there is something to tell; `again`: only because the last try failed. */
static bool take(struct certificate_files *files, const struct config *config, bool again)
{
    bool first = files->loaded_s == 0;
    struct error error = {""};
    struct certificate_dates dates;
    int status = load(files, config, &error);

    files->unread = status == FILE_UNREAD;
    if (again && files->unread)
        return false;
    if (status < 0)
        log_event(LOG_LEVEL_ERROR,
                  first ? "no certificate yet" : "certificate refused, the old one goes on",
                  LOG_TEXT("problem", error.text));
    else if (tls_loaded(files->tls, &dates))
        tell_loaded(files, config, &dates);
    if (!first)
        metrics_certificate_reload(files->metrics, !*error.text);
    metrics_certificate_problem(files->metrics, *error.text != '\0');
    files->problem = error;
    return true;
}

bool certificate_files_look(struct certificate_files *files, const struct config *config,
                            bool forced)
{
    bool changed = forced;

    if (config->tls.mode != CONFIG_TLS_FILES) {
        memset(files->stamps, 0, sizeof(files->stamps)); /* what isn't looked at is new later */
        files->problem = (struct error){""};
        files->unread = false;
        return false;
    }
    for (int i = 0; i < CERTIFICATE_FILES; i++) {
        struct file_stamp stamp = file_stamp_of(certificate_path(config, i));

        changed |= !file_stamp_equal(&stamp, &files->stamps[i]);
        files->stamps[i] = stamp;
    }
    return (changed || files->unread) && take(files, config, !changed);
}
