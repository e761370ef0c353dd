/*
 * Which build this is; the values come from the build (src/app/base/version.c.in).
 */
#ifndef PULLTHROUGH_APP_BASE_VERSION_H
#define PULLTHROUGH_APP_BASE_VERSION_H

extern const char version_number[]; /* "0.1.0" */
extern const char version_commit[]; /* twelve digits, or "unknown" */

#endif
