/*
 * What this machine knows: the configuration's upstreams, the profiles of AWS's shared files,
 * kubectl's contexts. Nobody is asked over the network while somebody types, and what can't be
 * read gives nothing: the command itself will say why.
 */
#include "completion_values.h"

#include "pullthrough/app/base/config_source.h"
#include "pullthrough/core/base/alloc.h"
#include "pullthrough/edge/aws/aws_settings.h"
#include "pullthrough/edge/sys/environment.h"
#include "pullthrough/edge/sys/file.h"
#include "pullthrough/edge/sys/piped.h"
#include "text_table.h"

#include <stdlib.h>
#include <string.h>

enum { CONTEXTS_MAX = 1024 * 1024, PATH_MAX_BYTES = 4096 };

static bool holds_line(struct slice lines, struct slice line)
{
    while (lines.len)
        if (slice_equal(slice_cut(&lines, '\n'), line))
            return true;
    return false;
}

void completion_add(struct completion *completion, struct slice value, const char *about)
{
    STRBUF_CLEANUP struct strbuf line = STRBUF_INIT(COMMAND_TEXT_MAX);

    if (!value.len || !slice_starts_with(value, completion->start))
        return;
    strbuf_add_slice(&line, completion->before);
    text_add_printable(&line, value);
    if (*about)
        strbuf_add_format(&line, "\t%s", about);
    if (holds_line(strbuf_slice(completion->out), strbuf_slice(&line)))
        return;
    strbuf_add_slice(completion->out, strbuf_slice(&line));
    strbuf_add_char(completion->out, '\n');
}

/* A shell doesn't say what "~" is when it only shows what was typed. */
static char *path_of(const char *typed)
{
    STRBUF_CLEANUP struct strbuf path = STRBUF_INIT(PATH_MAX_BYTES);
    const char *home = getenv("HOME");

    if (typed[0] == '~' && typed[1] == '/' && home) {
        strbuf_add_str(&path, home);
        typed++;
    }
    strbuf_add_str(&path, typed);
    return alloc_text(strbuf_slice(&path));
}

static const struct config *load_config(const struct completion *completion)
{
    const struct config *config = NULL;
    char *path = completion->config ? path_of(completion->config) : NULL;
    struct error error;

    if (!path || strcmp(path, "-") != 0)
        (void)config_source_load(path, &config, &error);
    free(path);
    return config;
}

static void add_upstreams(struct completion *completion, bool prefixes, bool registries)
{
    CONFIG_CLEANUP const struct config *config = load_config(completion);

    for (size_t i = 0; config && i < config->n_upstreams; i++) {
        const struct config_upstream *upstream = &config->upstreams[i];
        STRBUF_CLEANUP struct strbuf registry = STRBUF_INIT(COMMAND_TEXT_MAX);

        strbuf_add_format(&registry, "%s/", upstream->registry);
        if (prefixes)
            completion_add(completion, slice_str(upstream->prefix), upstream->registry);
        if (registries && upstream->enabled)
            completion_add(completion, strbuf_slice(&registry), "");
    }
}

static void add_profiles(struct completion *completion, bool regions)
{
    const struct environment environment = environment_of_process();
    AWS_PROFILES_CLEANUP struct aws_profiles *profiles = NULL;
    struct slice name;
    struct error error;

    if (aws_settings_read_profiles(&profiles, &environment, &error) < 0)
        return;
    for (size_t i = 0; aws_profiles_at(profiles, i, &name); i++)
        completion_add(completion,
                       regions ? aws_profiles_get(profiles, name, NULL, "region") : name, "");
}

/* Those that somebody wrote down here: there is no list of all. */
static void add_regions(struct completion *completion)
{
    CONFIG_CLEANUP const struct config *config = load_config(completion);

    completion_add(completion, config_source_environment().region, "");
    if (config)
        completion_add(completion, slice_str(config->registry.region), "");
    add_profiles(completion, true);
}

static int take(void *context, struct slice bytes)
{
    strbuf_add_slice(context, bytes);
    return strbuf_overflowed(context) ? -1 : 0;
}

static void add_contexts(struct completion *completion)
{
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(CONTEXTS_MAX);
    char *path = completion->kubeconfig ? path_of(completion->kubeconfig) : NULL;
    const char *words[] = {"kubectl", "config", "get-contexts",
                           "-o",      "name",   path ? "--kubeconfig" : NULL,
                           path,      NULL};
    struct piped kubectl;
    struct error error;

    if (piped_start(&kubectl, (char *const *)words, &error) == 0) {
        struct slice lines;

        (void)file_stream_fd(kubectl.fd, "kubectl", take, &text, &error);
        (void)piped_end(&kubectl, &error);
        lines = strbuf_slice(&text);
        while (lines.len)
            completion_add(completion, slice_cut(&lines, '\n'), "");
    }
    free(path);
}

void completion_add_values(struct completion *completion, enum command_values values)
{
    switch (values) {
    case VALUES_NONE: break;
    case VALUES_PROFILES: add_profiles(completion, false); break;
    case VALUES_REGIONS: add_regions(completion); break;
    case VALUES_CONTEXTS: add_contexts(completion); break;
    case VALUES_PREFIXES: add_upstreams(completion, true, false); break;
    case VALUES_REGISTRIES: add_upstreams(completion, false, true); break;
    case VALUES_CACHED: add_upstreams(completion, true, true); break;
    }
}
