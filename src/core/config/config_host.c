/*
 * The pull host: where rewritten images point to. The file outranks the environment,
 * because it was written for this program; AWS's variables may be there for others.
 */
#include "pullthrough/core/config/config.h"

#include "pullthrough/core/image/ecr_host.h"

static struct slice first_of(const char *configured, struct slice found)
{
    return *configured ? slice_str(configured) : found;
}

int config_registry_host(const struct config *config, const struct config_environment *environment,
                         struct strbuf *out, struct error *error)
{
    struct slice account = first_of(config->registry.account, environment->account);
    struct slice region = first_of(config->registry.region, environment->region);

    if (*config->registry.host) {
        strbuf_add_str(out, config->registry.host);
        return 0;
    }
    if (account.len && !ecr_host_is_account(account))
        return error_set(error, "AWS_ACCOUNT_ID is not 12 digits");
    if (region.len && !ecr_host_is_region(region))
        return error_set(error, "AWS_REGION (or AWS_DEFAULT_REGION) is not a region's name");
    if (account.len && region.len) {
        ecr_host_print(out, account, region);
        return 0;
    }
    (void)error_set(error, "the registry's %s unknown: set %s",
                    account.len  ? "region is"
                    : region.len ? "account is"
                                 : "account and region are",
                    account.len  ? "registry.region or AWS_REGION"
                    : region.len ? "registry.account or AWS_ACCOUNT_ID"
                                 : "registry.account and registry.region, or AWS_ACCOUNT_ID and "
                                   "AWS_REGION");
    return CONFIG_HOST_UNKNOWN;
}
