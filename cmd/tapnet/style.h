/* SPDX-License-Identifier: MIT */
/* How what is printed looks: colour, on a terminal only and not when NO_COLOR is set; commands to be typed. */
#ifndef TAPNET_STYLE_H
#define TAPNET_STYLE_H

#define STYLE_PLAIN "\033[0m"
#define STYLE_BOLD "\033[1m"
#define STYLE_DIM "\033[2m"
#define STYLE_RED "\033[31m"
#define STYLE_GREEN "\033[32m"
#define STYLE_YELLOW "\033[33m"

/* @sequence, or "" when standard output shall have no colour. */
const char *style(const char *sequence);

/* Prints what is to be typed, one command a line of @commands, as root's shell has it before it: "    # tapnet up". */
void style_print_commands(const char *commands);

#endif
