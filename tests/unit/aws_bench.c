#include "aws_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct aws_client *aws_bench_client(struct fake_surroundings *fake, struct fake_http *server)
{
    struct aws_client *client = NULL;
    struct error error;

    fake_surroundings_set_format(fake, "AWS_ENDPOINT_URL", "http://127.0.0.1:%u",
                                 fake_http_port(server));
    fake_surroundings_set(fake, "AWS_REGION", "us-west-2");
    fake_surroundings_set(fake, "AWS_ACCESS_KEY_ID", "AKID");
    fake_surroundings_set(fake, "AWS_SECRET_ACCESS_KEY", "hush");
    if (aws_client_new(
            &client,
            &(struct aws_client_config){.environment = fake->environment, .timing = fake->timing},
            &error) < 0)
        fail_msg("%s", error.text);
    return client;
}
