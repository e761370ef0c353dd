/*
 * A configuration from a file, from standard input, or none at all. The file is named in every
 * error about it, in the form that editors jump to.
 */
#include "pullthrough/app/base/config_source.h"

#include "pullthrough/edge/kube/kube_client.h"
#include "pullthrough/edge/sys/environment.h"
#include "pullthrough/edge/sys/file.h"

#include <stdlib.h>

static const char *name_of(const char *path)
{
    return strcmp(path, "-") == 0 ? "standard input" : path;
}

int config_source_read(const char *path, struct strbuf *text, struct error *error)
{
    return path ? file_read_argument(path, text, error) : 0;
}

int config_source_parse(const char *path, struct slice text, const struct config **configp,
                        struct error *error)
{
    struct error reason;

    if (config_parse(configp, text, &reason) == 0)
        return 0;
    if (!path)
        return error_set(error, "the defaults: %s", reason.text);
    return error_set(error, "%s:%s", name_of(path), reason.text);
}

int config_source_load(const char *path, const struct config **configp, struct error *error)
{
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(CONFIG_TEXT_MAX);
    int status = config_source_read(path, &text, error);

    if (status < 0)
        return status;
    return config_source_parse(path, strbuf_slice(&text), configp, error);
}

/* It is read again and again, so only standard input may be something else than a file. */
static int load_lasting(const char *path, const struct config **configp, struct error *error)
{
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(CONFIG_TEXT_MAX);
    int status;

    if (!path || strcmp(path, "-") == 0)
        return config_source_load(path, configp, error);
    status = file_read(path, &text, error);
    if (status < 0)
        return status;
    return config_source_parse(path, strbuf_slice(&text), configp, error);
}

/* What is fine in a file and can't be served here. */
static int check_tls(const char *path, const struct config *config, struct error *error)
{
    const struct environment environment = environment_of_process();
    const char *name = path ? name_of(path) : "the defaults";
    struct error reason;

    if (config->tls.mode == CONFIG_TLS_FILES && !*config->tls.cert_file)
        return error_set(
            error, "%s: tls.certFile and tls.keyFile must name the certificate's files", name);
    if (config->tls.mode == CONFIG_TLS_SELF && kube_client_check(&environment, &reason))
        return error_set(error,
                         "%s: tls.mode is self, but %s; elsewhere say mode: files, with certFile "
                         "and keyFile",
                         name, reason.text);
    return 0;
}

int config_source_load_for_serve(const char *path, const struct config **configp,
                                 struct error *error)
{
    CONFIG_CLEANUP const struct config *config = NULL;
    int status = load_lasting(path, &config, error);

    if (status < 0)
        return status;
    if (check_tls(path, config, error))
        return -1;
    *configp = config;
    config = NULL;
    return 0;
}

static struct slice variable(const char *name)
{
    return slice_str(getenv(name));
}

struct config_environment config_source_environment(void)
{
    struct slice region = variable("AWS_REGION");

    return (struct config_environment){
        .region = region.len ? region : variable("AWS_DEFAULT_REGION"),
        .account = variable("AWS_ACCOUNT_ID"),
    };
}

int config_source_host(const struct config *config, struct strbuf *out, struct error *error)
{
    struct config_environment environment = config_source_environment();

    return config_registry_host(config, &environment, out, error);
}
