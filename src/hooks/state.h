/* SPDX-License-Identifier: MIT */
/* What went wrong with hooks of ports: a line of the log, and for `status` the last one of each network. */
#ifndef HOOKS_STATE_H
#define HOOKS_STATE_H

#include "hooks/ports.h"

/* @event: of the hook; NULL: of both. Said until a hook of this port has done well, or the network is gone. */
void state_fail(const struct ports *ports, struct hooked_port *port, const char *event, const char *sentence);
void state_well(const struct ports *ports, const struct hooked_port *port);
/* Writes RUN_DIR/hooks.state (api/hook_resident.h). */
void state_write(const struct ports *ports);

#endif
