/*
 * A page tells what there is now, and waits for nobody: it takes the loop's snapshot, some numbers
 * and the clock. A replica that is ill but serves is alive: /healthz fails only where a loop hangs,
 * since a restart helps against nothing else.
 */
#include "status_page.h"

#include "pullthrough/app/base/version.h"
#include "pullthrough/core/json/json_writer.h"
#include "pullthrough/edge/sys/clock.h"
#include "status_html.h"

/* Loops give a sign of life every second, and no request takes anything like this. */
enum { SILENCE_MAX_MS = 10000 };

static void answer(struct http_response *response, bool good, const char *text)
{
    response->status = good ? 200 : 503;
    strbuf_add_str(&response->body, text);
}

static void healthz(void *context, const struct http_request *request,
                    struct http_response *response)
{
    const struct status_page *page = context;
    bool alive = http_server_silence_ms(page->server) <= SILENCE_MAX_MS;

    (void)request;
    answer(response, alive, alive ? "ok\n" : "a loop thread does not answer\n");
}

static uint64_t up_ms(const struct status_page *page)
{
    return (clock_monotonic_ns() - page->started_ns) / 1000000;
}

const char *status_page_unready(const struct status_page_facts *facts)
{
    if (facts->draining)
        return "draining\n";
    if (!facts->certificate)
        return "no certificate loaded\n";
    if (facts->awaits == SNAPSHOT_AWAITS_PASS && facts->up_ms < STATUS_PAGE_FIRST_LOOK_MS)
        return "ECR was not looked at yet\n";
    if (facts->awaits == SNAPSHOT_AWAITS_LISTING && facts->up_ms < STATUS_PAGE_FIRST_LISTING_MS)
        return "ECR's images were not listed yet\n";
    return NULL;
}

static void readyz(void *context, const struct http_request *request,
                   struct http_response *response)
{
    const struct status_page *page = context;
    struct certificate_dates dates;
    const struct status_page_facts facts = {
        .draining = atomic_load(&page->draining),
        .certificate = tls_loaded(page->tls, &dates),
        .awaits = snapshots_current(page->snapshots, request->loop)->awaits,
        .up_ms = up_ms(page),
    };
    const char *why_not = status_page_unready(&facts);

    answer(response, !why_not, why_not ? why_not : "ok\n");
}

static void metrics(void *context, const struct http_request *request,
                    struct http_response *response)
{
    const struct status_page *page = context;

    (void)request;
    response->content_type = "text/plain; version=0.0.4; charset=utf-8";
    metrics_print(page->metrics, &response->body);
}

static void add_counts(struct json_writer *json, const struct status_page *page)
{
    struct metrics_counts counts;
    uint64_t reviews = 0;

    metrics_counts(page->metrics, &counts);
    for (size_t i = 0; i < REVIEW_OUTCOME_COUNT; i++)
        reviews += counts.reviews[i];
    json_add_object(json, "counts");
    json_add_number(json, "reviews", reviews);
    json_add_number(json, "notUnderstood",
                    counts.reviews[REVIEW_NOT_UNDERSTOOD] + counts.reviews[REVIEW_BAD_REQUEST]);
    json_add_number(json, "rewritten", counts.images[OUTCOME_REWRITTEN]);
    json_add_array(json, "leftAlone");
    for (size_t i = 0; i < OUTCOME_COUNT; i++)
        if (i != OUTCOME_REWRITTEN && counts.images[i]) {
            json_add_object(json, NULL);
            json_add_text(json, "reason", outcome_name((enum outcome)i));
            json_add_number(json, "images", counts.images[i]);
            json_end(json);
        }
    json_end(json);
    json_end(json);
}

/* The text of /status. */
static void print_status(const struct status_page *page, unsigned loop, struct strbuf *out)
{
    const struct snapshot *snapshot = snapshots_current(page->snapshots, loop);
    struct json_writer json = json_begin(out, false);

    json_add_text(&json, "version", version_number);
    json_add_text(&json, "commit", version_commit);
    json_add_text(&json, "replica", *page->replica ? page->replica : NULL);
    json_add_number(&json, "uptimeSeconds", up_ms(page) / 1000);
    json_add_bool(&json, "draining", atomic_load(&page->draining));
    add_counts(&json, page);
    strbuf_add_str(json_add(&json, NULL), snapshot->status);
    json_end(&json);
}

/* Whether the query has the name, with a value or without. */
static bool asks_for(struct slice query, const char *name)
{
    while (query.len) {
        struct slice item = slice_cut(&query, '&');

        if (slice_is(slice_cut(&item, '='), name))
            return true;
    }
    return false;
}

static void status(void *context, const struct http_request *request,
                   struct http_response *response)
{
    const struct status_page *page = context;

    response->content_type = "application/json";
    if (asks_for(request->query, "pretty")) {
        STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(response->body.ceiling);

        print_status(page, request->loop, &text);
        json_print_indented(&response->body, strbuf_slice(&text));
    } else {
        print_status(page, request->loop, &response->body);
    }
    strbuf_add_char(&response->body, '\n');
}

static void show(void *context, const struct http_request *request, struct http_response *response)
{
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(response->body.ceiling);

    print_status(context, request->loop, &text);
    if (status_html_print(strbuf_slice(&text), clock_wall_s(), &response->body)) {
        response->status = 500;
        strbuf_add_str(&response->body, "the status is too large for a page\n");
        return;
    }
    response->content_type = "text/html; charset=utf-8";
    response->headers = status_html_headers;
}

void status_page_routes(struct status_page *page, struct http_route routes[STATUS_PAGE_ROUTES])
{
    routes[0] = (struct http_route){"GET", "/healthz", healthz, page};
    routes[1] = (struct http_route){"GET", "/readyz", readyz, page};
    routes[2] = (struct http_route){"GET", "/metrics", metrics, page};
    routes[3] = (struct http_route){"GET", "/status", status, page};
    routes[4] = (struct http_route){"GET", "/", show, page};
}
