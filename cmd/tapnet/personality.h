/* SPDX-License-Identifier: MIT */
/* The old commands that this program is when it is called by their names. */
#ifndef TAPNET_PERSONALITY_H
#define TAPNET_PERSONALITY_H

/* As brctl(8) of bridge-utils 1.7. @words as for main(). Returns the exit code. */
int brctl_main(int count, char **words);

/* As tunctl(8) of uml-utilities, as Debian has it. */
int tunctl_main(int count, char **words);

#endif
