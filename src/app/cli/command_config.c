/*
 * A copy with some members exchanged: a loaded configuration is shared, and never changes.
 */
#include "command_config.h"

#include "pullthrough/app/base/config_source.h"

#include <string.h>

int command_config_load(const struct command_line *line, const struct config **loaded,
                        struct config *config, struct error *error)
{
    const char *account = command_line_named(line, "account");
    const char *region = command_line_named(line, "region");

    if (config_source_load(command_line_named(line, "config"), loaded, error) < 0)
        return -1;
    *config = **loaded;
    if (account)
        config->registry.account = account;
    if (region)
        config->registry.region = region;
    if (account || region)
        config->registry.host = "";
    return 0;
}

const char *command_reads_once(const struct command_line *line, const char *const *files, size_t n)
{
    const char *config = command_line_named(line, "config");
    size_t reads = config && strcmp(config, "-") == 0;

    for (size_t i = 0; i < n; i++)
        reads += strcmp(files[i], "-") == 0;
    return reads > 1 ? "standard input can be read once only" : NULL;
}
