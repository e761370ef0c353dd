/*
 * A report without statuses says nothing about upstreams: they stay as they were. The log gets what
 * is new, not what every pass finds again.
 */
#include "upstreams.h"

#include "pullthrough/app/base/config_source.h"
#include "pullthrough/core/base/alloc.h"
#include "pullthrough/edge/sys/log.h"

#include <stdlib.h>
#include <string.h>

enum { HOST_MAX = 512 };

void upstreams_fini(struct upstreams *upstreams)
{
    reconcile_report_fini(&upstreams->report);
    for (size_t i = 0; i < upstreams->n_named; i++) {
        upstream_status_fini(&upstreams->statuses[i]);
        free(upstreams->names[i]);
    }
    free(upstreams->statuses);
    free(upstreams->names);
}

static void move(struct upstreams *to, size_t k, struct upstreams *from, size_t i)
{
    to->statuses[k] = from->statuses[i];
    to->names[k] = from->names[i];
    from->names[i] = NULL;
}

/* The configuration's upstreams first, then those that left it: one that comes back goes on, and
 * a user would have to reload thousands of invented names to notice. */
static void arrange(struct upstreams *upstreams, const struct config *config)
{
    struct upstreams old = *upstreams;
    size_t room = config->n_upstreams + old.n_named + 1;

    upstreams->statuses = alloc_zeroed(room, sizeof(*upstreams->statuses));
    upstreams->names = alloc_zeroed(room, sizeof(*upstreams->names));
    upstreams->n = upstreams->n_named = config->n_upstreams;
    for (size_t k = 0; k < upstreams->n; k++) {
        const char *name = config->upstreams[k].registry;

        for (size_t i = 0; i < old.n_named && !upstreams->names[k]; i++)
            if (old.names[i] && strcmp(old.names[i], name) == 0)
                move(upstreams, k, &old, i);
        if (!upstreams->names[k])
            upstreams->names[k] = alloc_string(name);
    }
    for (size_t i = 0; i < old.n_named; i++)
        if (old.names[i])
            move(upstreams, upstreams->n_named++, &old, i);
    free(old.statuses);
    free(old.names);
}

void upstreams_carry(struct upstreams *upstreams, const struct config *old,
                     const struct config *new)
{
    arrange(upstreams, new);
    reconcile_report_carry(&upstreams->report, old, new);
}

static bool has_note(const struct reconcile_report *report, const char *note)
{
    for (size_t i = 0; i < report->n_notes; i++)
        if (strcmp(report->notes[i], note) == 0)
            return true;
    return false;
}

static void tell_news(const struct reconcile_report *before, const struct reconcile_report *now)
{
    for (size_t i = 0; i < now->n_notes; i++)
        if (!has_note(before, now->notes[i]))
            log_event(LOG_LEVEL_WARN, "registry note", LOG_TEXT("note", now->notes[i]));
    if (*now->problem.text && !*before->problem.text)
        log_event(LOG_LEVEL_WARN, "reconcile problem", LOG_TEXT("problem", now->problem.text));
    else if (*before->problem.text && !*now->problem.text)
        log_event(LOG_LEVEL_INFO, "reconcile problem ended",
                  LOG_TEXT("pass", reconcile_outcome_name(now->outcome)));
}

void upstreams_take(struct upstreams *upstreams, const struct config *config,
                    struct reconcile_report *report)
{
    struct reconcile_report *old = &upstreams->report;

    tell_news(old, report);
    if (report->n_statuses != config->n_upstreams) {
        free(report->statuses);
        report->statuses = old->statuses;
        report->n_statuses = old->n_statuses;
        old->statuses = NULL;
        old->n_statuses = 0;
    }
    if (!*report->account)
        memcpy(report->account, old->account, sizeof(report->account));
    if (!*report->region)
        memcpy(report->region, old->region, sizeof(report->region));
    reconcile_report_fini(old);
    *old = *report;
    *report = (struct reconcile_report){0};
}

/* Configuration, environment, then what AWS said. */
static int find_host(const struct upstreams *upstreams, const struct config *config,
                     struct strbuf *host, struct error *error)
{
    struct config_environment environment = config_source_environment();

    if (!environment.account.len)
        environment.account = slice_str(upstreams->report.account);
    if (!environment.region.len)
        environment.region = slice_str(upstreams->report.region);
    return config_registry_host(config, &environment, host, error);
}

/* Said once, and not while AWS is still to be asked. */
static void tell_host_problem(struct upstreams *upstreams,
                              const struct upstream_circumstances *circumstances,
                              const struct error *problem)
{
    if (circumstances->asks_ecr && !circumstances->passed)
        return;
    if (*problem->text && strcmp(problem->text, upstreams->host_problem.text) != 0)
        log_event(LOG_LEVEL_WARN, "nothing is rewritten: the registry is not known",
                  LOG_TEXT("problem", problem->text));
    upstreams->host_problem = *problem;
}

/* A disabled one is as the operator wants it: nobody is to be warned or alarmed. */
static void publish(const struct upstream_status *status, const char *registry, bool tell,
                    struct metrics *metrics)
{
    unsigned slot = metrics_upstream_slot(metrics, slice_str(registry));

    if (status->state == UPSTREAM_DISABLED)
        return;
    if (tell)
        log_event(status->rewrite ? LOG_LEVEL_INFO : LOG_LEVEL_WARN,
                  status->rewrite ? "upstream is rewritten" : "upstream is not rewritten",
                  LOG_TEXT("upstream", registry),
                  LOG_TEXT("state", upstream_state_name(status->state)),
                  LOG_TEXT("reason", status->reason));
    metrics_upstream_ready(metrics, slot, status->rewrite);
    metrics_upstream_state(metrics, slot, status->state);
}

struct rule_set *upstreams_settle(struct upstreams *upstreams, const struct config *config,
                                  struct metrics *metrics, int64_t now_s,
                                  struct error *host_problem)
{
    static const struct upstream_status not_seen;
    STRBUF_CLEANUP struct strbuf host = STRBUF_INIT(HOST_MAX);
    const struct reconcile_report *report = &upstreams->report;
    struct upstream_circumstances circumstances = {
        .asks_ecr = config->reconcile.mode != CONFIG_RECONCILE_OFF,
        .requires_rule = config->rewrite.require_rule,
        .passed = report->ended_s != 0,
        .problem = report->problem.text,
    };

    *host_problem = (struct error){""};
    circumstances.host_known = find_host(upstreams, config, &host, host_problem) == 0;
    if (!circumstances.host_known)
        strbuf_clear(&host);
    tell_host_problem(upstreams, &circumstances, host_problem);
    metrics_clear_upstreams(metrics);
    if (!upstreams->names)
        arrange(upstreams, config);
    for (size_t i = 0; i < upstreams->n; i++) {
        const struct upstream_status now =
            upstream_status_decide(&circumstances, config->upstreams[i].enabled,
                                   i < report->n_statuses ? &report->statuses[i] : &not_seen);
        bool changed = upstream_status_follow(&upstreams->statuses[i], &now, now_s);

        publish(&upstreams->statuses[i], config->upstreams[i].registry,
                changed && circumstances.passed, metrics);
    }
    return rule_set_new(config, &(struct rule_set_facts){.host = strbuf_slice(&host),
                                                         .statuses = upstreams->statuses});
}

bool upstreams_wait(const struct upstreams *upstreams)
{
    for (size_t i = 0; i < upstreams->n; i++)
        if (upstreams->statuses[i].waits)
            return true;
    return false;
}
