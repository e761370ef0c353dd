/*
 * The precedence of AWS's tools. Keys are not read here, only what is no secret; the files'
 * texts are dropped again at once.
 */
#include "pullthrough/edge/aws/aws_settings.h"

#include "pullthrough/core/base/alloc.h"
#include "pullthrough/core/base/spelling.h"
#include "pullthrough/core/image/ecr_host.h"
#include "pullthrough/edge/sys/file.h"

#include <stdlib.h>

enum { PATH_MAX_BYTES = 4096 };

void aws_settings_print_path(struct strbuf *path, const struct environment *environment,
                             const char *name)
{
    const char *home = environment_text(environment, "HOME");

    if (home[0])
        strbuf_add_format(path, "%s/.aws/%s", home, name);
}

static int read_shared_file(struct strbuf *text, const struct environment *environment,
                            const char *variable, const char *name, struct error *error)
{
    STRBUF_CLEANUP struct strbuf path = STRBUF_INIT(PATH_MAX_BYTES);

    strbuf_add_str(&path, environment_text(environment, variable));
    if (path.len == 0)
        aws_settings_print_path(&path, environment, name);
    if (strbuf_overflowed(&path))
        return error_set(error, "the path of the shared %s file is too long", name);
    if (path.len == 0 || !file_stamp_of(strbuf_str(&path)).exists)
        return 0;
    return file_read(strbuf_str(&path), text, error);
}

static struct slice first_of(struct slice a, struct slice b)
{
    return a.len > 0 ? a : b;
}

/* The name is one of no profile: which may be meant, or who lists them. */
static int unknown_profile(const struct aws_profiles *profiles, struct slice written,
                           const char *says, struct error *error)
{
    struct slice name, nearest = {0};

    for (size_t i = 0; aws_profiles_at(profiles, i, &name); i++)
        if (spelling_is_slip(written, name) &&
            (!nearest.len ||
             spelling_distance(written, name) < spelling_distance(written, nearest)))
            nearest = name;
    if (nearest.len)
        return error_set(error, "%s is \"%.*s\", which is in neither; did you mean \"%.*s\"?", says,
                         SLICE_FMT(written), SLICE_FMT(nearest));
    return error_set(
        error,
        "%s is \"%.*s\", which is in neither; `aws configure list-profiles` names what "
        "there is",
        says, SLICE_FMT(written));
}

/* As the AWS CLI has it; its library alone (botocore) takes the two variables the other way round.
 */
static int find_profile(const struct aws_profiles *profiles, struct slice *profile,
                        struct slice named, const struct environment *environment,
                        struct error *error)
{
    struct slice first = environment_get(environment, "AWS_PROFILE");
    const char *says = first.len > 0 ? "AWS_PROFILE" : "AWS_DEFAULT_PROFILE";

    if (named.len > 0)
        says = "--profile";
    *profile = first_of(named, first_of(first, environment_get(environment, says)));
    if (profile->len > 0 && !aws_profiles_has(profiles, *profile))
        return unknown_profile(profiles, *profile, says, error);
    if (profile->len == 0)
        *profile = slice_str("default");
    return 0;
}

int aws_settings_read_profiles(struct aws_profiles **profilesp,
                               const struct environment *environment, struct error *error)
{
    STRBUF_CLEANUP struct strbuf credentials = STRBUF_SECRET_INIT(AWS_PROFILE_FILE_MAX);
    STRBUF_CLEANUP struct strbuf config = STRBUF_SECRET_INIT(AWS_PROFILE_FILE_MAX);

    if (read_shared_file(&credentials, environment, "AWS_SHARED_CREDENTIALS_FILE", "credentials",
                         error) < 0 ||
        read_shared_file(&config, environment, "AWS_CONFIG_FILE", "config", error) < 0 ||
        aws_profiles_new(profilesp, strbuf_slice(&credentials), strbuf_slice(&config), error) < 0)
        return error_prefix(error, "AWS shared files");
    return 0;
}

int aws_settings_profiles(struct aws_profiles **profilesp, struct slice *profile,
                          struct slice named, const struct environment *environment,
                          struct error *error)
{
    AWS_PROFILES_CLEANUP struct aws_profiles *profiles = NULL;

    if (aws_settings_read_profiles(&profiles, environment, error) < 0)
        return -1;
    if (find_profile(profiles, profile, named, environment, error) < 0)
        return error_prefix(error, "AWS shared files");
    *profilesp = profiles;
    profiles = NULL;
    return 0;
}

static void copy_text(char **to, struct slice text)
{
    if (text.len > 0)
        *to = alloc_text(text);
}

/* The names of a service in a variable and in a [services ...] section. */
static const struct {
    const char *variable, *block;
} service_names[AWS_SERVICE_COUNT] = {
    [AWS_ECR] = {"AWS_ENDPOINT_URL_ECR", "ecr"},
    [AWS_STS] = {"AWS_ENDPOINT_URL_STS", "sts"},
    [AWS_SECRETS_MANAGER] = {"AWS_ENDPOINT_URL_SECRETS_MANAGER", "secrets_manager"},
};

struct slice aws_settings_url(const struct environment *environment,
                              const struct aws_profiles *profiles, struct slice profile,
                              const char *variable, const char *block)
{
    if (environment_is_true(environment, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"))
        return (struct slice){0};
    return first_of(first_of(environment_get(environment, variable),
                             environment_get(environment, "AWS_ENDPOINT_URL")),
                    aws_profiles_endpoint(profiles, profile, block));
}

static void load_endpoints(struct aws_settings *settings, const struct aws_spec *spec,
                           const struct environment *environment,
                           const struct aws_profiles *profiles, struct slice profile)
{
    for (unsigned i = 0; i < AWS_SERVICE_COUNT; i++)
        copy_text(&settings->endpoints[i],
                  first_of(slice_str(spec->endpoints[i]),
                           aws_settings_url(environment, profiles, profile,
                                            service_names[i].variable, service_names[i].block)));
}

static bool load_switch(bool on, const struct environment *environment, const char *variable,
                        const struct aws_profiles *profiles, struct slice profile, const char *key)
{
    struct slice text = first_of(environment_get(environment, variable),
                                 aws_profiles_get(profiles, profile, NULL, key));

    return on || (text.len == 4 && strncasecmp(text.ptr, "true", 4) == 0);
}

static int load_region(struct aws_settings *settings, const struct aws_spec *spec,
                       const struct environment *environment, const struct aws_profiles *profiles,
                       struct slice profile, struct error *error)
{
    struct slice region = slice_str(spec->region);

    region = first_of(region, environment_get(environment, "AWS_REGION"));
    region = first_of(region, environment_get(environment, "AWS_DEFAULT_REGION"));
    region = first_of(region, aws_profiles_get(profiles, profile, NULL, "region"));
    if (region.len == 0)
        return 0;
    if (!ecr_host_is_region(region))
        return error_set(error, "\"%.*s\" is not an AWS region", SLICE_FMT(region));
    memcpy(settings->region, region.ptr, region.len);
    return 0;
}

/* With any region in place of one that is not known yet. */
static int try_endpoints(const struct aws_settings *settings, struct error *error)
{
    struct aws_settings probe = *settings;

    if (!probe.region[0])
        memcpy(probe.region, "us-east-1", sizeof("us-east-1"));
    for (unsigned i = 0; i < AWS_SERVICE_COUNT; i++) {
        struct aws_endpoint endpoint;

        if (aws_settings_endpoint(&probe, (enum aws_service)i, &endpoint, error) < 0)
            return -1;
    }
    return 0;
}

int aws_settings_load(struct aws_settings *settings, const struct aws_spec *spec,
                      const struct environment *environment, struct error *error)
{
    AWS_PROFILES_CLEANUP struct aws_profiles *profiles = NULL;
    struct slice profile;

    *settings = (struct aws_settings){0};
    copy_text(&settings->profile, slice_str(spec->profile));
    settings->person = spec->person;
    if (aws_settings_profiles(&profiles, &profile, slice_str(settings->profile), environment,
                              error) < 0 ||
        load_region(settings, spec, environment, profiles, profile, error) < 0)
        return -1;
    load_endpoints(settings, spec, environment, profiles, profile);
    settings->fips = load_switch(spec->fips, environment, "AWS_USE_FIPS_ENDPOINT", profiles,
                                 profile, "use_fips_endpoint");
    settings->dual_stack = load_switch(spec->dual_stack, environment, "AWS_USE_DUALSTACK_ENDPOINT",
                                       profiles, profile, "use_dualstack_endpoint");
    copy_text(&settings->ca_file, first_of(first_of(slice_str(spec->ca_file),
                                                    environment_get(environment, "AWS_CA_BUNDLE")),
                                           aws_profiles_get(profiles, profile, NULL, "ca_bundle")));
    return try_endpoints(settings, error);
}

void aws_settings_fini(struct aws_settings *settings)
{
    for (unsigned i = 0; i < AWS_SERVICE_COUNT; i++)
        free(settings->endpoints[i]);
    free(settings->ca_file);
    free(settings->profile);
    *settings = (struct aws_settings){0};
}

int aws_settings_endpoint(const struct aws_settings *settings, enum aws_service service,
                          struct aws_endpoint *endpoint, struct error *error)
{
    const struct aws_endpoint_options options = {
        .region = slice_str(settings->region),
        .custom = slice_str(settings->endpoints[service]),
        .fips = settings->fips,
        .dual_stack = settings->dual_stack,
    };

    return aws_endpoint_resolve(endpoint, service, &options, error);
}
