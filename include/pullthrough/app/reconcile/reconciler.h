/*
 * The reconcile thread: when passes run, and handing over what they found.
 *
 * A pass may wait for AWS for a minute; so it has a thread of its own, and files are watched and
 * certificates exchanged beside it. A pass under way ends within about a second when the
 * configuration changes or the program stops.
 */
#ifndef PULLTHROUGH_APP_RECONCILE_RECONCILER_H
#define PULLTHROUGH_APP_RECONCILE_RECONCILER_H

#include "pullthrough/app/reconcile/reconcile.h"
#include "pullthrough/core/base/error.h"
#include "pullthrough/core/config/config.h"
#include "pullthrough/edge/sys/metrics.h"

#include <stdbool.h>

struct reconciler;

/* `news` is called from the reconcile thread when there is something to take. */
struct reconciler *reconciler_new(struct metrics *metrics, void (*news)(void *context),
                                  void *context);

/* -1 with the reason in error. Signals must be blocked in the caller. */
int reconciler_start(struct reconciler *reconciler, struct error *error);

/* From now on passes are for this configuration (held), the first one at once; with
 * reconcile.mode off there are none. Any thread; before the start too. */
void reconciler_configure(struct reconciler *reconciler, const struct config *config);

/* Moves the newest report into *report (replacing what it holds), if there is one that was not
 * taken yet and that is about the configuration given last. */
bool reconciler_take(struct reconciler *reconciler, struct reconcile_report *report);

/* Ends the thread, if it runs, and frees everything. */
void reconciler_free(struct reconciler *reconciler);

#endif
