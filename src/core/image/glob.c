/*
 * Matching with one point to go back to: a "*" that is met forgets the one before it,
 * which is right because the earlier one can always match what it has matched so far.
 */
#include "pullthrough/core/image/glob.h"

bool glob_match(struct slice pattern, struct slice text)
{
    size_t p = 0, t = 0;
    size_t star = pattern.len, retry = 0; /* star == pattern.len: none met yet */

    while (t < text.len) {
        if (p < pattern.len && pattern.ptr[p] == '*') {
            star = p++;
            retry = t;
        } else if (p < pattern.len && (pattern.ptr[p] == '?' || pattern.ptr[p] == text.ptr[t])) {
            p++;
            t++;
        } else if (star < pattern.len) {
            p = star + 1;
            t = ++retry;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.ptr[p] == '*')
        p++;
    return p == pattern.len;
}
