/*
 * A report without rows says nothing about upstreams: they stay as they were. The log gets what
 * is new, not what every pass finds again.
 */
#include "outlook.h"

#include "pullthrough/app/base/config_source.h"
#include "pullthrough/core/rules/upstream_state.h"
#include "pullthrough/edge/sys/log.h"

#include <stdlib.h>
#include <string.h>

enum { HOST_MAX = 512 };

void outlook_fini(struct outlook *outlook)
{
    reconcile_report_fini(&outlook->report);
    standings_fini(&outlook->standings);
}

void outlook_carry(struct outlook *outlook, const struct config *old, const struct config *new)
{
    reconcile_report_carry(&outlook->report, old, new);
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
            log_event(LOG_LEVEL_WARN, "about the registry", LOG_TEXT("note", now->notes[i]));
    if (*now->problem.text && !*before->problem.text)
        log_event(LOG_LEVEL_WARN, "AWS did not do what it was asked for",
                  LOG_TEXT("problem", now->problem.text));
    else if (*before->problem.text && !*now->problem.text)
        log_event(LOG_LEVEL_INFO, "AWS does what it is asked for again",
                  LOG_TEXT("pass", reconcile_outcome_name(now->outcome)));
}

void outlook_take(struct outlook *outlook, const struct config *config,
                  struct reconcile_report *report)
{
    struct reconcile_report *old = &outlook->report;

    tell_news(old, report);
    if (report->n_rows != config->n_upstreams) {
        free(report->rows);
        report->rows = old->rows;
        report->n_rows = old->n_rows;
        old->rows = NULL;
        old->n_rows = 0;
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
static int find_host(const struct outlook *outlook, const struct config *config,
                     struct strbuf *host, struct error *error)
{
    struct config_environment environment = config_source_environment();

    if (!environment.account.len)
        environment.account = slice_str(outlook->report.account);
    if (!environment.region.len)
        environment.region = slice_str(outlook->report.region);
    return config_registry_host(config, &environment, host, error);
}

static bool asks_nobody(const struct config *config)
{
    return config->reconcile.mode == CONFIG_RECONCILE_OFF; /* only with requireRule false */
}

/* Said once, and not while AWS is still to be asked. */
static void tell_host_problem(struct outlook *outlook, const struct config *config,
                              const struct error *problem)
{
    if (!asks_nobody(config) && !outlook->report.ended_s)
        return;
    if (*problem->text && strcmp(problem->text, outlook->host_problem.text) != 0)
        log_event(LOG_LEVEL_WARN, "nothing is rewritten: the registry is not known",
                  LOG_TEXT("problem", problem->text));
    outlook->host_problem = *problem;
}

/* By the last report, or by the operator's word. */
static enum upstream_state find_state(const struct outlook *outlook, const struct config *config,
                                      size_t i, bool rewritten, const char **reason)
{
    const struct reconcile_report *report = &outlook->report;

    if (!config->upstreams[i].enabled) {
        *reason = "switched off in the configuration";
        return UPSTREAM_DISABLED;
    }
    if (asks_nobody(config)) {
        *reason = rewritten ? "taken as ready, since rewrite.requireRule is false"
                            : "the registry's host name is not known";
        return rewritten ? UPSTREAM_READY : UPSTREAM_UNKNOWN;
    }
    if (i < report->n_rows && report->rows[i].looked) {
        *reason = report->rows[i].reason;
        return report->rows[i].state;
    }
    *reason = *report->problem.text ? report->problem.text : "ECR has not been asked yet";
    return UPSTREAM_UNKNOWN;
}

static void settle_upstream(struct outlook *outlook, const struct config *config,
                            struct metrics *metrics, int64_t now_s, const struct rule_set *rules,
                            size_t i)
{
    struct slice registry = rule_set_registry(rules, (int)i);
    unsigned slot = metrics_upstream_slot(metrics, registry);
    bool rewritten = rule_set_is_ready(rules, (int)i);
    const char *reason;
    enum upstream_state state = find_state(outlook, config, i, rewritten, &reason);
    const char *name = upstream_state_name(state);
    bool changed = standings_set(&outlook->standings, registry, name, reason, now_s);

    if (state == UPSTREAM_DISABLED)
        return; /* as the operator wants it: nobody is to be warned or alarmed */
    if (changed && outlook->report.ended_s)
        log_event(rewritten ? LOG_LEVEL_INFO : LOG_LEVEL_WARN,
                  rewritten ? "upstream is rewritten" : "upstream is not rewritten",
                  LOG_SLICE("upstream", registry), LOG_TEXT("state", name),
                  LOG_TEXT("reason", reason));
    metrics_upstream_ready(metrics, slot, rewritten);
    metrics_upstream_state(metrics, slot, state);
}

/* What is left alone of upstreams that are ready; how many. `taken` has room for all. */
static size_t list_taken(const struct reconcile_report *report, struct rule_set_taken *taken)
{
    size_t n = 0;

    for (size_t i = 0; i < report->n_rows; i++)
        for (size_t k = 0; k < report->rows[i].n_taken; k++)
            taken[n++] = (struct rule_set_taken){i, report->rows[i].taken[k].path,
                                                 report->rows[i].taken[k].reason};
    return n;
}

static size_t count_taken(const struct reconcile_report *report)
{
    size_t n = 0;

    for (size_t i = 0; i < report->n_rows; i++)
        n += report->rows[i].n_taken;
    return n;
}

static struct rule_set *make_rules(const struct config *config, struct rule_set_facts *facts,
                                   const struct reconcile_report *report)
{
    struct rule_set_taken *taken = calloc(count_taken(report) + 1, sizeof(*taken));
    struct rule_set *rules;

    if (!taken)
        abort();
    facts->taken = taken;
    facts->n_taken = list_taken(report, taken);
    rules = rule_set_new(config, facts);
    free(taken);
    return rules;
}

struct rule_set *outlook_settle(struct outlook *outlook, const struct config *config,
                                struct metrics *metrics, int64_t now_s, struct error *host_problem)
{
    STRBUF_CLEANUP struct strbuf host = STRBUF_INIT(HOST_MAX);
    const struct reconcile_report *report = &outlook->report;
    bool ready[CONFIG_UPSTREAMS_MAX] = {false};
    struct rule_set_facts facts = {.ready = ready};
    struct rule_set *rules;

    *host_problem = (struct error){""};
    if (find_host(outlook, config, &host, host_problem))
        strbuf_clear(&host);
    tell_host_problem(outlook, config, host_problem);
    facts.host = strbuf_slice(&host);
    for (size_t i = 0; i < config->n_upstreams; i++)
        ready[i] = !config->rewrite.require_rule || (i < report->n_rows && report->rows[i].looked &&
                                                     report->rows[i].state == UPSTREAM_READY);
    rules = make_rules(config, &facts, report);
    metrics_clear_upstreams(metrics);
    for (size_t i = 0; i < rule_set_upstreams(rules); i++)
        settle_upstream(outlook, config, metrics, now_s, rules, i);
    return rules;
}

bool outlook_is_waiting(const struct outlook *outlook, const struct config *config,
                        const struct error *host_problem)
{
    return !asks_nobody(config) && !outlook->report.ended_s &&
           (config->rewrite.require_rule || *host_problem->text);
}
