/* SPDX-License-Identifier: MIT */
/* Offloads of a TUN or TAP: their names, and which of them the driver takes together. */
#include "model/model.h"

#include <stdio.h>
#include <string.h>

const struct model_word model_offload_words[] = {
    {"none", 0, false},
    {"csum", MODEL_OFFLOAD_CHECKSUM, false},
    {"tso4", MODEL_OFFLOAD_TSO4, false},
    {"tso6", MODEL_OFFLOAD_TSO6, false},
    {"ecn", MODEL_OFFLOAD_TSO_ECN, false},
    {"uso4", MODEL_OFFLOAD_USO4, false},
    {"uso6", MODEL_OFFLOAD_USO6, false},
    {"tunnel", MODEL_OFFLOAD_UDP_TUNNEL, false},
    {"tunnel-csum", MODEL_OFFLOAD_UDP_TUNNEL_CHECKSUM, false},
    {NULL, 0, false},
};

const char *model_offloads_print(uint32_t offloads, char text[MODEL_OFFLOADS_TEXT_MAX])
{
    const struct model_word *word = model_offload_words;

    if (!offloads)
        return word->word;
    text[0] = '\0';
    for (; word->word; word++) {
        size_t len = strlen(text);

        if (offloads & word->value)
            snprintf(text + len, MODEL_OFFLOADS_TEXT_MAX - len, "%s%s", len ? ", " : "", word->word);
    }
    return text;
}

/* set_offload() of drivers/net/tun.c. */
const char *model_offloads_fault(uint32_t offloads)
{
    const uint32_t tso = MODEL_OFFLOAD_TSO4 | MODEL_OFFLOAD_TSO6, uso = MODEL_OFFLOAD_USO4 | MODEL_OFFLOAD_USO6;

    if (offloads && !(offloads & MODEL_OFFLOAD_CHECKSUM))
        return "every offload needs that of checksums; add `csum`";
    if (offloads & MODEL_OFFLOAD_TSO_ECN && !(offloads & tso))
        return "`ecn` is about TCP; add `tso4` or `tso6`";
    if (offloads & uso && (offloads & uso) != uso)
        return "the kernel takes `uso4` and `uso6` together only; add the other one";
    if (offloads & MODEL_OFFLOAD_UDP_TUNNEL_CHECKSUM && !(offloads & MODEL_OFFLOAD_UDP_TUNNEL))
        return "`tunnel-csum` is about tunnels; add `tunnel`";
    if (offloads & MODEL_OFFLOAD_UDP_TUNNEL && !(offloads & (tso | uso)))
        return "`tunnel` is about what goes through tunnels; add `tso4`, `tso6`, or `uso4` and `uso6`";
    return NULL;
}
