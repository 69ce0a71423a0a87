/* SPDX-License-Identifier: MIT */
/* DHCP from guests: any frame is survived; whatever is answered is a sound frame of bounded length. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "packet/udp4.h"
#include "service/dhcp_answer.h"
#include "service/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first byte of the input chooses the network, the rest is the UDP payload, and a frame too. */
static void fuzz_network(uint8_t choice, struct model_network *network, struct model_port *port)
{
    strcpy(port->name, "db");
    strcpy(port->hostname, "host");
    port->address = ip4_from_value(0x0a140007);
    strcpy(network->name, "lab");
    network->subnet = (struct ip_prefix){ip4_from_value(0x0a140001), 24};
    network->mode = choice & 1 ? MODEL_MODE_ISOLATED : MODEL_MODE_NAT;
    network->mtu = choice & 2 ? 1500 : 576;
    network->ports = port;
    network->port_count = 1;
    if (choice & 4) {
        port->dhcp.boot_file = "pxelinux.0";
        port->dhcp.boot_server = ip4_from_value(0x0a140001);
    }
    for (size_t i = 0; choice & 8 && i < MODEL_LIST_MAX; i++) {
        port->dhcp.search[i] = "a.long.domain.name.for.the.search.list.example.com";
        port->dhcp.ntp[i] = ip4_from_value(0x0a140001);
        port->dhcp.search_count = port->dhcp.ntp_count = i + 1;
    }
}

static void fuzz_check(const struct dhcp_answer *answer, const uint8_t *frame)
{
    struct udp4 packet;

    if (!answer->event || (answer->type == 0) != (answer->frame_len == 0))
        abort();
    if (!answer->type)
        return;
    if (answer->frame_len > DHCP_FRAME_MAX || udp4_parse(frame, answer->frame_len, &packet) < 0 ||
        packet.payload_len < DHCP_LEN_MIN || packet.destination_port != DHCP_CLIENT_PORT)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t frame[DHCP_FRAME_MAX];
    struct model_network network = {0};
    struct model_port port = {0};
    struct dhcp_request request;
    struct dhcp_answer answer;
    struct udp4 packet;
    char text[100];

    if (size < 1)
        return 0;
    udp4_parse(data + 1, size - 1, &packet);
    if (dhcp_request_parse(data + 1, size - 1, &request) < 0)
        return 0;
    log_escape(request.client_id.bytes, request.client_id.length, text, sizeof(text));
    fuzz_network(data[0], &network, &port);
    answer = dhcp_answer(&network, &port, &request, frame);
    fuzz_check(&answer, frame);
    return 0;
}
