/* SPDX-License-Identifier: MIT */
/* For a word that is not known: what was meant. */
#ifndef TAPNET_SUGGEST_H
#define TAPNET_SUGGEST_H

/* A command that means what @word means elsewhere, or that is spelt like it; NULL when there is none. */
const char *suggest_command(const char *word);
/* The name of an option among @options (NULL at its end) that is spelt like @word, which comes without dashes. */
const char *suggest_option(const char *const *options, const char *word);

#endif
