/*
 * The endpoint rule sets of ECR, STS and Secrets Manager (version 1, as botocore and the
 * JavaScript SDK carry them). Not modelled: STS's old global endpoint.
 */
#include "pullthrough/core/aws/aws_endpoint.h"

#include "pullthrough/core/base/url.h"
#include "pullthrough/core/image/aws_partition.h"
#include "pullthrough/core/image/ecr_host.h"

#include <stdio.h>

const char *aws_service_name(enum aws_service service)
{
    static const char *const names[AWS_SERVICE_COUNT] = {
        [AWS_ECR] = "ecr",
        [AWS_STS] = "sts",
        [AWS_SECRETS_MANAGER] = "secretsmanager",
    };

    return names[service];
}

/* The first part of the host. */
static const char *host_start(enum aws_service service, const struct aws_partition *partition,
                              bool fips, bool dual_stack)
{
    switch (service) {
    case AWS_ECR:
        if (dual_stack)
            return fips ? "ecr-fips" : "ecr";
        return fips ? "api.ecr-fips" : "api.ecr";
    case AWS_STS:
        /* GovCloud's plain endpoint is the FIPS one */
        if (fips && !dual_stack && strcmp(partition->name, "aws-us-gov") == 0)
            return "sts";
        return fips ? "sts-fips" : "sts";
    case AWS_SECRETS_MANAGER: return fips ? "secretsmanager-fips" : "secretsmanager";
    }
    return "";
}

/* Secrets Manager's plain names have IPv6 addresses in the older partitions. */
static bool has_plain_dual_stack(enum aws_service service, const struct aws_partition *partition,
                                 bool fips)
{
    return service == AWS_SECRETS_MANAGER &&
           (strcmp(partition->name, "aws") == 0 || strcmp(partition->name, "aws-us-gov") == 0 ||
            (!fips && strcmp(partition->name, "aws-cn") == 0));
}

static void resolve_by_rules(struct aws_endpoint *endpoint, enum aws_service service,
                             const struct aws_endpoint_options *options)
{
    const struct aws_partition *partition = aws_partition_of(options->region);
    bool dual_stack =
        options->dual_stack && !has_plain_dual_stack(service, partition, options->fips);

    (void)snprintf(endpoint->host, sizeof(endpoint->host), "%s.%s.%s",
                   host_start(service, partition, options->fips, options->dual_stack),
                   endpoint->region, dual_stack ? partition->dual_stack_suffix : partition->suffix);
    (void)snprintf(endpoint->path, sizeof(endpoint->path), "/");
    (void)snprintf(endpoint->url, sizeof(endpoint->url), "https://%s/", endpoint->host);
    endpoint->https = true;
}

static int copy(char *to, size_t size, const struct strbuf *text, struct error *error)
{
    if (strbuf_overflowed(text) || text->len >= size)
        return error_set(error, "the URL is too long");
    memcpy(to, strbuf_str(text), text->len + 1);
    return 0;
}

static int take_custom(struct aws_endpoint *endpoint, struct slice custom, struct error *error)
{
    STRBUF_CLEANUP struct strbuf host = STRBUF_INIT(URL_MAX);
    STRBUF_CLEANUP struct strbuf path = STRBUF_INIT(URL_MAX);
    STRBUF_CLEANUP struct strbuf whole = STRBUF_INIT(URL_MAX + 1);
    struct url url;

    if (url_parse(&url, custom, error) < 0)
        return -1;
    if (slice_find(url.path, '?') < url.path.len)
        return error_set(error, "the URL has a query");
    url_print_host(&url, &host);
    strbuf_add_slice(&path, url.path.len ? url.path : slice_str("/"));
    url_print(&url, &whole);
    endpoint->https = url.https;
    if (copy(endpoint->host, sizeof(endpoint->host), &host, error) < 0 ||
        copy(endpoint->path, sizeof(endpoint->path), &path, error) < 0)
        return -1;
    return copy(endpoint->url, sizeof(endpoint->url), &whole, error);
}

int aws_endpoint_resolve(struct aws_endpoint *endpoint, enum aws_service service,
                         const struct aws_endpoint_options *options, struct error *error)
{
    const char *name = aws_service_name(service);

    *endpoint = (struct aws_endpoint){.https = true};
    if (options->region.len == 0)
        return error_set(error, "no AWS region is known");
    if (!ecr_host_is_region(options->region))
        return error_set(error, "\"%.*s\" is not an AWS region", SLICE_FMT(options->region));
    memcpy(endpoint->region, options->region.ptr, options->region.len);
    if (options->custom.len == 0) {
        resolve_by_rules(endpoint, service, options);
        return 0;
    }
    if (options->fips)
        return error_set(error, "FIPS and a custom endpoint for %s exclude each other", name);
    if (options->dual_stack)
        return error_set(error, "dual-stack and a custom endpoint for %s exclude each other", name);
    if (take_custom(endpoint, options->custom, error) < 0)
        return error_prefix(error, "custom endpoint for %s", name);
    return 0;
}
