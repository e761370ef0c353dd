/*
 * SipHash-2-4 (Aumasson, Bernstein, 2012): 64 bits of a text under a key of 16 bytes, which who
 * chooses the text doesn't know.
 */
#ifndef PULLTHROUGH_CORE_CACHE_SIPHASH_H
#define PULLTHROUGH_CORE_CACHE_SIPHASH_H

#include "pullthrough/core/base/slice.h"

#include <stdint.h>

uint64_t siphash(const uint8_t key[16], struct slice text);

#endif
