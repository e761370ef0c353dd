/*
 * The sections of the page that are lists of facts.
 */
#ifndef PULLTHROUGH_APP_SERVE_STATUS_SECTIONS_H
#define PULLTHROUGH_APP_SERVE_STATUS_SECTIONS_H

#include "html_page.h"

/* What the cache fails: what nodes say, whether the registry answers, what is turned away. */
void section_fallback(const struct html_page *page);
/* Cached mode: what ECR holds, and what is to be imported. */
void section_cached(const struct html_page *page);
/* Its identity in AWS, passes, certificate, configuration. */
void section_replica(const struct html_page *page);

#endif
