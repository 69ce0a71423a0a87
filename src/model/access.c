/* SPDX-License-Identifier: MIT */
/* Who may plug guests into a network at run time: one rule, whichever way they ask. */
#include "model/model.h"

static bool is_member(const struct model_person *person, uint32_t group)
{
    for (size_t i = 0; i < person->group_count; i++)
        if (person->groups[i] == group)
            return true;
    return false;
}

bool model_access_names(const struct model_access *access, const struct model_person *person)
{
    return access->user != MODEL_ID_NONE ? access->user == person->user : is_member(person, access->group);
}

uint32_t model_access_ports(const struct model_network *network, const struct model_person *person)
{
    uint32_t most = 0;

    for (size_t i = 0; i < network->access_count; i++)
        if (model_access_names(&network->access[i], person) && network->access[i].ports > most)
            most = network->access[i].ports;
    return most;
}

uint32_t model_access_used(const struct model_network *network, uint32_t user)
{
    uint32_t used = 0;

    for (size_t i = 0; i < network->port_count; i++)
        used += network->ports[i].origin != MODEL_ORIGIN_DECLARED && network->ports[i].user == user;
    return used;
}

/* As tun_not_capable() of the kernel has it, but that a port of nobody's is root's. */
bool model_access_opens(const struct model_port *port, const struct model_person *person)
{
    if (port->user == MODEL_ID_NONE && port->group == MODEL_ID_NONE)
        return false;
    return (port->user == MODEL_ID_NONE || port->user == person->user) &&
           (port->group == MODEL_ID_NONE || is_member(person, port->group));
}
