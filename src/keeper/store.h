/* SPDX-License-Identifier: MIT */
/* A descriptor that systemd keeps for the keeper's next life. */
#ifndef KEEPER_STORE_H
#define KEEPER_STORE_H

/*
 * The one that an earlier keeper of this unit left, behind the listening socket @handed_fd (sd_listen_fds(3)); it is
 * the caller's. -1: none.
 */
int store_find(int handed_fd);
/* Gives systemd a copy of @fd (sd_notify(3), FDSTORE=1). Where there is no systemd to take it, nothing happens. */
void store_keep(int fd);

#endif
