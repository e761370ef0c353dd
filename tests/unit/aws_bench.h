/*
 * A client of AWS whose every service is a server of the test's.
 */
#ifndef PULLTHROUGH_TESTS_AWS_BENCH_H
#define PULLTHROUGH_TESTS_AWS_BENCH_H

#include "fake_http.h"
#include "fake_surroundings.h"
#include "pullthrough/edge/aws/aws_client.h"

/* Sets in `fake` what the client reads there. Fails the test where it can't be made. */
struct aws_client *aws_bench_client(struct fake_surroundings *fake, struct fake_http *server);

#endif
