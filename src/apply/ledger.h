/* SPDX-License-Identifier: MIT */
/* Steps whose "before" the kernel can't remember: sysctls, services, records of sets, by files in /run. */
#ifndef APPLY_LEDGER_H
#define APPLY_LEDGER_H

#include "apply/ops.h"

/*
 * A sysctl: its ledger "sysctl/PATH.json" (with "," for "/") is written before the value, and removed after the old
 * value is back. The old value is written back only if the value is still ours (the caller found it so: before->value
 * equals what we set).
 */
int apply_sysctl(const struct apply_ops *ops, const struct model_sysctl *before, const struct model_sysctl *after,
                 struct tapnet_error *error);

/* A network's DHCP and DNS: its file "networks/NAME.json" stands while it is served. */
int apply_service(const struct apply_ops *ops, const struct model_service *before, const struct model_service *after,
                  struct tapnet_error *error);

/* The record of a set: its file is "sets/NAME.json". */
int apply_record(const struct apply_ops *ops, const struct model_record *before, const struct model_record *after,
                 struct tapnet_error *error);

#endif
