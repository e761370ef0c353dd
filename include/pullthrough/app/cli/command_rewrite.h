/*
 * `pullthrough rewrite REFERENCE…` and `pullthrough rewrite -f FILE`.
 */
#ifndef PULLTHROUGH_APP_CLI_COMMAND_REWRITE_H
#define PULLTHROUGH_APP_CLI_COMMAND_REWRITE_H

/* argv[0] is the subcommand's name. Returns the exit status of commands.h: EXIT_NEGATIVE where
 * --check found something to change. */
int command_rewrite(int argc, char **argv);

#endif
