/*
 * What must happen before anything else; then the command.
 */
#include "pullthrough/app/cli/commands.h"
#include "pullthrough/edge/sys/process.h"

#include <jansson.h>
#include <malloc.h>

/* Before there are threads. */
static void set_up(void)
{
    /* A request's arena is one block that malloc should keep warm, not map and unmap or give
     * back each time; the threshold moves by itself otherwise. */
    (void)mallopt(M_MMAP_THRESHOLD, 1024 * 1024);
    (void)mallopt(M_TRIM_THRESHOLD, 2 * 1024 * 1024);
    json_object_seed(0); /* jansson would seed itself at its first object, in any thread */
}

int main(int argc, char **argv)
{
    process_open_standard_streams();
    set_up();
    return commands_run(argc, argv);
}
