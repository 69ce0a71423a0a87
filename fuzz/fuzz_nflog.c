/* SPDX-License-Identifier: MIT */
/* Messages of netfilter's log: any bytes are survived, and what is read of them lies inside. */
#include <stdlib.h>
#include <string.h>

#include "packet/udp4.h"
#include "service/nflog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nflog_frame frame;
    struct udp4 packet;

    if (nflog_parse(data, size, &frame) < 0)
        return 0;
    if (frame.device == 0 || frame.payload < data || frame.payload_len > size ||
        (size_t)(frame.payload - data) > size - frame.payload_len)
        abort();
    if (udp4_parse_datagram(frame.payload, frame.payload_len, &packet) == 0 &&
        (packet.payload < frame.payload || packet.payload + packet.payload_len > frame.payload + frame.payload_len))
        abort();
    return 0;
}
