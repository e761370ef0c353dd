/*
 * `pullthrough check-config [FILE]`.
 */
#ifndef PULLTHROUGH_APP_CLI_COMMAND_CHECK_CONFIG_H
#define PULLTHROUGH_APP_CLI_COMMAND_CHECK_CONFIG_H

/* argv[0] is the subcommand's name. Returns the exit status of commands.h: EXIT_NEGATIVE where
 * the configuration is wrong. */
int command_check_config(int argc, char **argv);

#endif
