/* SPDX-License-Identifier: MIT */
/* What a DHCP server, or whoever says to be one, answers to the host's own lease. */
#include <stdlib.h>

#include "lease/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

/* That of the seeds. */
static const struct lease_question question = {0x01020304, 0xc0000232, {{0x52, 0x54, 0, 0, 0, 7}}};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct lease_answer answer;

    if (lease_answer_parse(bytes, length, &question, &answer) < 0 || !answer.granted)
        return 0;
    if (answer.seconds < LEASE_SECONDS_MIN || answer.renew >= answer.rebind || answer.rebind >= answer.seconds)
        abort();
    return 0;
}
