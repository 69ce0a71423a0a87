/* SPDX-License-Identifier: MIT */
/* What any user of the host may send to the keeper: it is refused, or means what api/attach.h says and no more. */
#include <stdlib.h>
#include <string.h>

#include "base/message.h"
#include "keeper/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

/* Every text of it can be read to its end. */
static size_t length(const char *text)
{
    return text ? strlen(text) : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const unsigned known = TAPNET_ATTACH_OPEN | TAPNET_ATTACH_HELD | TAPNET_ATTACH_NO_VNET_HEADER;
    struct tapnet_error error = TAPNET_ERROR_INIT;
    char text[ATTACH_REQUEST_MAX + 1];
    struct request request;
    int result;

    if (size > ATTACH_REQUEST_MAX)
        return 0;
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    result = request_parse(text, &request, &error);
    require(result == 0 || (result < 0 && error.text[0]));
    if (result == 0) {
        require(length(request.network) + length(request.port) < size);
        require(request.kind != REQUEST_DETACH || (request.network && request.port));
        require(request.options.queues <= MESSAGE_FDS_MAX && !(request.options.flags & ~known));
        require(!(request.detach_flags & ~(unsigned)TAPNET_DETACH_UNLESS_HELD));
    }
    request_fini(&request);
    return 0;
}
