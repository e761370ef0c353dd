/*
 * A call is a loop over attempts; an attempt is new each time: new date, new signature. What
 * may be tried again is decided by the class of the error alone.
 */
#include "pullthrough/edge/aws/aws_sender.h"

#include "pullthrough/core/aws/sigv4.h"
#include "pullthrough/core/aws/sts_messages.h"
#include "pullthrough/core/base/backoff.h"
#include "pullthrough/core/base/timestamp.h"
#include "pullthrough/edge/sys/log.h"

enum {
    BASE_MS = 50,
    THROTTLED_BASE_MS = 1000,
    CAP_MS = 20000,
    LEAST_MS = 100,     /* an attempt with less time left is no use */
    DOUBT_SKEW_S = 240, /* a bad signature may be the clock's fault from here on */
    HINT_MAX_MS = 3600 * 1000,
};

struct attempt {
    struct aws_sender *sender;
    const struct aws_call *call;
    const struct aws_keys *keys;
    struct aws_endpoint endpoint;
    uint64_t started_ms;
    bool skew_corrected;
    struct http_client_answer answer;
    struct aws_error *failure;
    struct error *error;
};

static enum aws_service service_of(const struct attempt *attempt)
{
    return aws_operation_service(attempt->call->operation);
}

static const char *name_of(const struct attempt *attempt)
{
    return aws_operation_name(attempt->call->operation);
}

int64_t aws_sender_now_s(const struct aws_sender *sender)
{
    return sender->timing->wall_s(sender->timing->context) + sender->skew_s;
}

static uint64_t now_ms(const struct aws_sender *sender)
{
    return sender->timing->monotonic_ms(sender->timing->context);
}

static uint64_t left_ms(const struct attempt *attempt)
{
    const struct aws_sender *sender = attempt->sender;
    uint64_t deadline_ms = sender->deadline_ms ? sender->deadline_ms : AWS_SENDER_DEADLINE_MS;
    uint64_t spent_ms = now_ms(sender) - attempt->started_ms;

    return spent_ms < deadline_ms ? deadline_ms - spent_ms : 0;
}

/* What the next attempt may take. */
static uint64_t attempt_ms(const struct attempt *attempt)
{
    const struct aws_sender *sender = attempt->sender;
    uint64_t most_ms = sender->attempt_ms ? sender->attempt_ms : AWS_SENDER_ATTEMPT_MS;
    uint64_t ms = left_ms(attempt);

    if (!aws_operation_is_slow(attempt->call->operation) && ms > most_ms)
        ms = most_ms;
    return ms < LEAST_MS ? LEAST_MS : ms; /* to curl 0 is for ever */
}

static const char *content_type(enum aws_service service)
{
    return service == AWS_STS ? STS_CONTENT_TYPE : "application/x-amz-json-1.1";
}

static void print_target(struct strbuf *target, enum aws_operation operation)
{
    static const char *const starts[AWS_SERVICE_COUNT] = {
        [AWS_ECR] = "AmazonEC2ContainerRegistry_V20150921.",
        [AWS_SECRETS_MANAGER] = "secretsmanager.",
    };
    const char *start = starts[aws_operation_service(operation)];

    if (!start)
        return; /* the query protocol names the operation in its body */
    strbuf_add_str(target, start);
    strbuf_add_str(target, aws_operation_name(operation));
}

static int sign(const struct attempt *attempt, struct slice target,
                struct sigv4_signature *signature)
{
    const struct sigv4_request request = {
        .method = slice_str("POST"),
        .host = slice_str(attempt->endpoint.host),
        .path = slice_str(attempt->endpoint.path),
        .content_type = slice_str(content_type(service_of(attempt))),
        .target = target,
        .body = attempt->call->body,
        .region = slice_str(attempt->endpoint.region),
        .service = slice_str(aws_service_name(service_of(attempt))),
    };

    return sigv4_sign(signature, attempt->keys, &request, aws_sender_now_s(attempt->sender),
                      attempt->error);
}

static size_t add_header(struct http_client_header *headers, size_t n, const char *name,
                         struct slice value)
{
    if (value.len == 0)
        return n;
    headers[n] = (struct http_client_header){.name = name, .value = value};
    return n + 1;
}

/* 0, HTTP_CLIENT_NO_ANSWER or -1, as http_client_send(). */
static int send_once(struct attempt *attempt)
{
    STRBUF_CLEANUP struct strbuf target = STRBUF_INIT(200);
    struct sigv4_signature signature;
    struct http_client_header headers[8];
    size_t n = 0;

    print_target(&target, attempt->call->operation);
    n = add_header(headers, n, "Host", slice_str(attempt->endpoint.host));
    n = add_header(headers, n, "Content-Type", slice_str(content_type(service_of(attempt))));
    n = add_header(headers, n, "X-Amz-Target", strbuf_slice(&target));
    if (attempt->keys) {
        if (sign(attempt, strbuf_slice(&target), &signature) < 0)
            return -1;
        n = add_header(headers, n, "X-Amz-Date", slice_str(signature.date));
        n = add_header(headers, n, "X-Amz-Security-Token", slice_str(attempt->keys->token));
        n = add_header(headers, n, "Authorization", slice_str(signature.authorization));
    }
    return http_client_send(attempt->sender->http,
                            &(struct http_client_request){
                                .method = "POST",
                                .url = attempt->endpoint.url,
                                .headers = headers,
                                .n_headers = n,
                                .body = attempt->call->body,
                                .connect_ms = AWS_SENDER_CONNECT_MS,
                                .total_ms = attempt_ms(attempt),
                                .plain = !attempt->endpoint.https,
                            },
                            &attempt->answer, attempt->error);
}

static int judge_answer(struct attempt *attempt)
{
    const struct aws_error_answer answer = {
        .status = attempt->answer.status,
        .error_type = http_client_answer_header(&attempt->answer, "x-amzn-ErrorType"),
        .request_id = http_client_answer_header(&attempt->answer, "x-amzn-RequestId"),
        .body = strbuf_slice(&attempt->answer.body),
    };
    struct slice secrets[2] = {{0}, {0}};

    if (answer.status >= 200 && answer.status < 300)
        return 0;
    if (attempt->keys) {
        secrets[0] = slice_str(attempt->keys->secret);
        secrets[1] = slice_str(attempt->keys->token);
    }
    aws_error_decode(attempt->failure, name_of(attempt), &answer, secrets, 2);
    (void)aws_error_describe(attempt->failure, name_of(attempt), attempt->error);
    return AWS_SENDER_REFUSED;
}

static void count(const struct attempt *attempt, int result, uint64_t started_ms)
{
    const struct aws_sender *sender = attempt->sender;
    struct aws_sender_attempt report = {
        .operation = attempt->call->operation,
        .outcome = AWS_OUTCOME_FAILED,
        .duration_ms = now_ms(sender) - started_ms,
    };

    if (!sender->count)
        return;
    if (result == 0)
        report.outcome = AWS_OUTCOME_OK;
    else if (result == AWS_SENDER_NO_ANSWER)
        report.outcome = AWS_OUTCOME_NO_ANSWER;
    else if (result == AWS_SENDER_REFUSED)
        report.outcome = (enum aws_outcome)attempt->failure->class;
    sender->count(sender->context, &report);
}

static int try_once(struct attempt *attempt)
{
    uint64_t started_ms = now_ms(attempt->sender);
    int result = send_once(attempt);

    if (result == 0)
        result = judge_answer(attempt);
    else if (result == HTTP_CLIENT_NO_ANSWER)
        result = AWS_SENDER_NO_ANSWER;
    if (result == AWS_SENDER_NO_ANSWER || result < 0)
        (void)error_prefix(attempt->error, "%s at %s", name_of(attempt), attempt->endpoint.host);
    count(attempt, result, started_ms);
    return result;
}

/* Whether the answer's Date shows that the clock was to blame; then it is corrected. A cached
 * answer (it has an Age) shows nothing. */
static bool correct_skew(struct attempt *attempt)
{
    struct aws_sender *sender = attempt->sender;
    struct slice date = http_client_answer_header(&attempt->answer, "Date");
    bool sure = attempt->failure->class == AWS_ERROR_CLOCK_SKEW;
    int64_t at, change;

    if (attempt->skew_corrected || !attempt->keys ||
        (!sure && attempt->failure->class != AWS_ERROR_BAD_SIGNATURE) ||
        http_client_answer_header(&attempt->answer, "Age").len > 0 ||
        timestamp_parse_http(date, &at, NULL) < 0)
        return false;
    change = at - aws_sender_now_s(sender);
    if (change == 0 || (!sure && change < DOUBT_SKEW_S && change > -DOUBT_SKEW_S))
        return false;
    sender->skew_s += change;
    attempt->skew_corrected = true;
    log_event(LOG_LEVEL_WARN, "the clock differs from AWS's; signing with theirs",
              LOG_TEXT("service", aws_service_name(service_of(attempt))),
              LOG_SIGNED("offsetS", sender->skew_s));
    return true;
}

/* Milliseconds from "x-amz-retry-after", or seconds from "Retry-After"; 0 for none. */
static uint64_t hint_ms(const struct attempt *attempt)
{
    struct slice text = http_client_answer_header(&attempt->answer, "x-amz-retry-after");
    uint64_t unit = 1, number = 0;

    if (text.len == 0) {
        text = http_client_answer_header(&attempt->answer, "Retry-After");
        unit = 1000;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return 0; /* a date: not worth its parsing */
        number = number * 10 + (uint64_t)(text.ptr[i] - '0');
        if (number > HINT_MAX_MS)
            return HINT_MAX_MS;
    }
    return number * unit;
}

/* Wait before the next attempt; false where there is no time left, or where it was stopped. */
static bool pause(const struct attempt *attempt, unsigned n, bool throttled)
{
    const struct timing *timing = attempt->sender->timing;
    uint64_t ms = backoff_ms(n, throttled ? THROTTLED_BASE_MS : BASE_MS, CAP_MS,
                             timing->random(timing->context));

    ms = backoff_with_hint_ms(ms, hint_ms(attempt));
    if (ms + LEAST_MS > left_ms(attempt))
        return false;
    return timing->wait(timing->context, ms);
}

static int send_with_retries(struct attempt *attempt)
{
    for (unsigned n = 0;;) {
        int result = try_once(attempt);
        bool refused = result == AWS_SENDER_REFUSED;
        bool throttled = refused && attempt->failure->class == AWS_ERROR_THROTTLED;

        if (result <= 0)
            return result;
        if (refused && correct_skew(attempt))
            continue;
        if (refused && !throttled && attempt->failure->class != AWS_ERROR_TRANSIENT)
            return result;
        if (n + 1 == AWS_SENDER_ATTEMPTS || !pause(attempt, n, throttled))
            return result;
        n++;
    }
}

int aws_sender_send(struct aws_sender *sender, const struct aws_call *call,
                    const struct aws_keys *keys, struct strbuf *answer, struct aws_error *failure,
                    struct error *error)
{
    struct attempt attempt = {
        .sender = sender,
        .call = call,
        .keys = keys,
        .started_ms = now_ms(sender),
        .failure = failure,
        .error = error,
    };
    int result;

    *failure = (struct aws_error){0};
    if (aws_settings_endpoint(sender->settings, service_of(&attempt), &attempt.endpoint, error) < 0)
        return -1;
    http_client_answer_init(&attempt.answer, answer->ceiling, answer->secret);
    result = send_with_retries(&attempt);
    if (result == 0) {
        strbuf_clear(answer);
        strbuf_add_slice(answer, strbuf_slice(&attempt.answer.body));
    }
    http_client_answer_fini(&attempt.answer);
    return result;
}
