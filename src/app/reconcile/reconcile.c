/*
 * The order of a pass is the point of this file: look, plan, write, look again, plan. The plan
 * (core) decides; here are the calls, and what is remembered of their answers.
 *
 * A failed call is an answer too: it is written down where the plan finds it, and the pass goes
 * on with the next upstream.
 */
#include "pullthrough/app/reconcile/reconcile.h"

#include "pullthrough/core/base/alloc.h"
#include "reconcile_steps.h"

#include <stdlib.h>

enum {
    ARENA_EXPECTED = 32 * 1024,
    LIFECYCLE_MAX = 4 * 1024,
    LOOKS = 2, /* the second one only after a write */
    CONFIRM_MS = 5 * 60 * 1000,
};

struct reconcile *reconcile_new(void)
{
    struct reconcile *reconcile = alloc_zeroed(1, sizeof(*reconcile));

    reconcile->confirm_ms = CONFIRM_MS;
    return reconcile;
}

void reconcile_is_single(struct reconcile *reconcile)
{
    reconcile->confirm_ms = 0;
}

static void drop_histories(struct reconcile *reconcile)
{
    for (size_t i = 0; i < reconcile->n_histories; i++)
        reconcile_history_fini(&reconcile->histories[i]);
    free(reconcile->histories);
}

void reconcile_free(struct reconcile *reconcile)
{
    if (!reconcile)
        return;
    drop_histories(reconcile);
    free(reconcile);
}

void reconcile_configure(struct reconcile *reconcile, const struct config *config)
{
    const struct config *old = reconcile->config;
    struct reconcile_history *histories = alloc_zeroed(config->n_upstreams + 1, sizeof(*histories));

    for (size_t k = 0; k < config->n_upstreams; k++)
        for (size_t i = 0; i < reconcile->n_histories; i++)
            if (reconcile_is_same(old, i, config, k))
                reconcile_history_carry(&histories[k], &reconcile->histories[i]);
    drop_histories(reconcile);
    reconcile->histories = histories;
    reconcile->n_histories = config->n_upstreams;
    reconcile->config = config;
    reconcile->scanning_done = false;
    reconcile->account[0] = '\0';
}

void reconcile_watch(struct reconcile *reconcile, const struct reconcile_watcher *watcher)
{
    reconcile->watcher = watcher ? *watcher : (struct reconcile_watcher){0};
}

static void want(struct pass *pass, const char *account, const char *region,
                 struct strbuf *lifecycle)
{
    static const enum reconcile_mode modes[] = {
        [CONFIG_RECONCILE_MANAGE] = RECONCILE_MANAGE,
        [CONFIG_RECONCILE_OBSERVE] = RECONCILE_OBSERVE,
        [CONFIG_RECONCILE_OFF] = RECONCILE_OFF,
    };
    const struct config_reconcile *config = &pass->config->reconcile;

    ecr_templates_print_lifecycle(lifecycle, config->template.untagged_days,
                                  config->template.keep_last);
    pass->upstreams =
        arena_alloc(&pass->arena, (pass->config->n_upstreams + 1) * sizeof(*pass->upstreams));
    if (pass->config->n_upstreams)
        memcpy(pass->upstreams, pass->config->upstreams,
               pass->config->n_upstreams * sizeof(*pass->upstreams));
    pass->wanted = (struct reconcile_wanted){
        .upstreams = pass->upstreams,
        .n_upstreams = pass->config->n_upstreams,
        .mode = modes[config->mode],
        .require_rule = pass->config->rewrite.require_rule,
        .manage_template = config->template.manage,
        .lifecycle_policy = strbuf_str(lifecycle),
        .repository_policy = config->template.repository_policy,
        .enhanced_scanning = config->scanning == CONFIG_SCANNING_ENHANCED,
        .region = region,
        .account = account,
    };
}

/* The statuses into the report, and into the history for the next pass. */
static void conclude(struct pass *pass, const struct reconcile_plan *plan)
{
    struct reconcile_report *report = pass->report;
    bool all = true;

    report->n_statuses = plan->n_statuses;
    report->statuses = alloc_zeroed(report->n_statuses + 1, sizeof(*report->statuses));
    for (size_t i = 0; i < report->n_statuses; i++) {
        const struct upstream_status *status = &plan->statuses[i];

        upstream_status_set(&report->statuses[i], status);
        upstream_status_set(&pass->reconcile->histories[i].before, status);
        all &= status->state == UPSTREAM_READY || status->state == UPSTREAM_DISABLED;
    }
    report->notes = alloc_zeroed(plan->n_notes + 1, sizeof(*report->notes));
    for (report->n_notes = 0; report->n_notes < plan->n_notes; report->n_notes++)
        alloc_replace(&report->notes[report->n_notes], plan->notes[report->n_notes]);
    report->outcome = !pass->observed.rules ? RECONCILE_FAILED
                      : all                 ? RECONCILE_COMPLETE
                                            : RECONCILE_INCOMPLETE;
}

/* What is wanted, what was seen, and what is remembered, judged. */
static void make_plan(struct pass *pass, struct reconcile_plan *plan, bool again)
{
    pass_look_at_secrets(pass, again);
    reconcile_plan_make(plan, &pass->wanted, &pass->observed, &pass->arena);
}

static void look_and_plan(struct pass *pass, struct reconcile_plan *plan, bool again)
{
    pass_look(pass);
    if (pass->observed.rules && !*pass->reconcile->account)
        pass_find_account(pass);
    if (pass->observed.rules && !again)
        pass_look_at_scanning(pass);
    make_plan(pass, plan, again);
}

static void run(struct pass *pass)
{
    struct reconcile_plan plan;

    for (int round = 0; round < LOOKS && (round == 0 || pass->written); round++) {
        look_and_plan(pass, &plan, round > 0);
        pass_carry_out(pass, &plan, round == 0);
    }
    make_plan(pass, &plan, true); /* as it is after the calls */
    conclude(pass, &plan);
}

static void show(const struct pass *pass, const struct reconcile_plan *plan)
{
    pass->viewer->show(pass->viewer->context,
                       &(struct reconcile_view){plan, &pass->wanted, &pass->observed});
}

static void preview(struct pass *pass)
{
    struct reconcile_plan plan;

    look_and_plan(pass, &plan, false);
    for (size_t i = 0; i < plan.n_actions; i++)
        if (plan.actions[i].verb != RECONCILE_VALIDATE_RULE)
            pass->report->to_write++;
    show(pass, &plan);
    conclude(pass, &plan);
}

/* Without a region there is nobody to ask. */
static void give_up(struct pass *pass, const struct error *problem)
{
    struct reconcile_plan plan;

    pass_keep_problem(pass, problem);
    pass->observed = (struct reconcile_observed){
        .account = pass->reconcile->account,
        .rules_problem = problem->text,
        .templates_problem = problem->text,
    };
    make_plan(pass, &plan, true);
    if (pass->viewer)
        show(pass, &plan);
    conclude(pass, &plan);
}

/* `viewer` NULL: the plan is carried out. */
static void make_pass(struct reconcile *reconcile, struct aws_client *client, const char *account,
                      const struct timing *timing, struct reconcile_report *report,
                      const struct reconcile_viewer *viewer)
{
    STRBUF_CLEANUP struct strbuf lifecycle = STRBUF_INIT(LIFECYCLE_MAX);
    struct pass pass = {
        .reconcile = reconcile,
        .config = reconcile->config,
        .client = client,
        .timing = timing,
        .report = report,
        .viewer = viewer,
    };
    const char *region = "";
    struct error error;
    bool lost;

    reconcile_report_fini(report);
    arena_init(&pass.arena, ARENA_EXPECTED);
    lost = aws_client_region(client, &region, &error) != 0;
    want(&pass, account, lost ? "" : region, &lifecycle);
    if (lost)
        give_up(&pass, &error);
    else if (viewer)
        preview(&pass);
    else
        run(&pass);
    report->ended_s = timing->wall_s(timing->context);
    memcpy(report->account, reconcile->account, sizeof(report->account));
    memcpy(report->region, pass.wanted.region, strlen(pass.wanted.region) + 1);
    arena_fini(&pass.arena);
}

void reconcile_pass(struct reconcile *reconcile, struct aws_client *client, const char *account,
                    const struct timing *timing, struct reconcile_report *report)
{
    make_pass(reconcile, client, account, timing, report, NULL);
}

void reconcile_preview(struct reconcile *reconcile, struct aws_client *client, const char *account,
                       const struct timing *timing, struct reconcile_report *report,
                       const struct reconcile_viewer *viewer)
{
    make_pass(reconcile, client, account, timing, report, viewer);
}
