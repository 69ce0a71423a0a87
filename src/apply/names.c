/* SPDX-License-Identifier: MIT */
/* A network's names for the host itself: the host's resolver is told whom to ask, and to forget it. */
#include "apply/kernel.h"

#include "resolved/resolved.h"

int apply_names_tell(void *data, const struct model_network *network, struct tapnet_error *error)
{
    struct resolved_names names = {
        .server = network->subnet.address, .port = network->dns_port, .domain = network->name};
    int result = apply_kernel_index(data, network->bridge, &names.link_index, error);

    return result < 0 ? result : resolved_tell(&names, error);
}

int apply_names_forget(void *data, const struct model_network *network, struct tapnet_error *error)
{
    int index = 0, result = apply_kernel_index(data, network->bridge, &index, error);

    return result < 0 ? result : resolved_forget(index, error);
}
