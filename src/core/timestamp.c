#include "pullthrough/core/timestamp.h"

#include <time.h>

void timestamp_print_rfc3339(struct strbuf *out, int64_t seconds)
{
    time_t instant = (time_t)seconds;
    char text[40];
    struct tm parts;

    if (gmtime_r(&instant, &parts) && strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts))
        strbuf_add_str(out, text);
}
