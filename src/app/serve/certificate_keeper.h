/*
 * The thread that keeps the program's own certificates (tls.mode self): when there is a look
 * (about every 45 seconds), and handing over what it found.
 *
 * A look may wait for the API server; so it has a thread of its own, and files are watched beside
 * it. Without the API server what is loaded goes on.
 */
#ifndef PULLTHROUGH_APP_SERVE_CERTIFICATE_KEEPER_H
#define PULLTHROUGH_APP_SERVE_CERTIFICATE_KEEPER_H

#include "certificate_look.h"
#include "pullthrough/core/base/error.h"
#include "pullthrough/core/config/config.h"
#include "pullthrough/edge/http/tls.h"
#include "pullthrough/edge/sys/metrics.h"

#include <stdbool.h>

struct certificate_keeper;

/* `news` is called from the keeper's thread when there is something to take. */
struct certificate_keeper *certificate_keeper_new(struct tls *tls, struct metrics *metrics,
                                                  void (*news)(void *context), void *context);

/* -1 with the reason in error. Signals must be blocked in the caller. */
int certificate_keeper_start(struct certificate_keeper *keeper, struct error *error);

/* From now on certificates are kept as this configuration (held) says; with mode files they
 * aren't, and when this returns nothing more is loaded. Any thread; before the start too. */
void certificate_keeper_configure(struct certificate_keeper *keeper, const struct config *config);

/* Look now. Any thread. */
void certificate_keeper_look(struct certificate_keeper *keeper);

/* Copies the newest report, if it wasn't taken yet and is about the configuration given last. */
bool certificate_keeper_take(struct certificate_keeper *keeper, struct certificate_report *report);

/* Ends the thread, if it runs, and frees everything. */
void certificate_keeper_free(struct certificate_keeper *keeper);

#endif
