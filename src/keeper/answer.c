/* SPDX-License-Identifier: MIT */
/* What the keeper says to who wants a guest plugged in (api/attach.h). */
#include "keeper/answer.h"

#include <jansson.h>
#include <string.h>
#include <sys/socket.h>

#include "api/attached.h"
#include "base/cleanup.h"
#include "base/message.h"
#include "model/json_cleanup.h"

char *answer_print_port(const struct tapnet_attached *attached)
{
    _cleanup_json_ json_t *json = json_pack("{s:b, s:o}", "ok", 1, "port", attached_to_json(attached));

    return json ? json_dumps(json, JSON_COMPACT) : NULL;
}

int answer_send(int fd, const char *text, const struct tapnet_device *device)
{
    size_t count = device ? tapnet_device_queue_count(device) : 0;
    int fds[MESSAGE_FDS_MAX];

    for (size_t i = 0; i < count && i < MESSAGE_FDS_MAX; i++)
        fds[i] = tapnet_device_fd(device, i);
    return message_send(fd, text, strlen(text), fds, count, MSG_DONTWAIT);
}

void answer_done(int fd)
{
    answer_send(fd, "{\"ok\":true}", NULL);
}

void answer_refuse(int fd, int code, const struct tapnet_error *error)
{
    _cleanup_json_ json_t *json = json_pack("{s:b, s:i, s:s}", "ok", 0, "code", code, "error", error->text);
    _cleanup_free_ char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

    if (text)
        answer_send(fd, text, NULL);
}
