/* SPDX-License-Identifier: MIT */
/* What a runtime gives tapnet-cni on standard input: it is refused with a code, or means what config.h says. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include <tapnet/attach.h>

#include "../cmd/cni/call.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

/* Every text can be read to its end, and is one of the document's. */
static void read_through(const struct cni_config *config)
{
    size_t len = strlen(config->name) + strlen(config->network) + (config->mac ? strlen(config->mac) : 0) +
                 (config->address ? strlen(config->address) : 0);

    require(len < 4 * CNI_CONFIG_MAX && config->forward_count <= CNI_FORWARDS_MAX);
    for (size_t i = 0; i < config->forward_count; i++)
        require(strlen(config->forward_texts[i]) < CNI_FORWARD_TEXT_MAX && strchr(config->forward_texts[i], '/'));
    require(cni_version_is_known(config->version) && config->burst <= (1u << 30));
}

/* The answer is JSON, whatever another plugin has said before. */
static void print_through(const struct cni_config *config)
{
    static const struct tapnet_attached_info info = {.bridge = "br-lab",
                                                     .device = "lab-box",
                                                     .mac = "52:54:00:00:00:01",
                                                     .address = "10.20.0.5",
                                                     .subnet = "10.20.0.1/24",
                                                     .gateway = "10.20.0.1",
                                                     .address6 = "fd00::5",
                                                     .subnet6 = "fd00::1/64",
                                                     .gateway6 = "fe80::1",
                                                     .dns = "10.20.0.1",
                                                     .network = "lab",
                                                     .mtu = 1500};
    const struct cni_call call = {
        .config = *config, .container = "box", .interface = "eth0", .netns = "/run/netns/box"};
    char *text = cni_result_print(&call, &info);
    json_t *answer = json_loads(text, 0, NULL);

    require(json_array_size(json_object_get(answer, "interfaces")) >= (config->has_tap ? 5 : 3));
    require(json_array_size(json_object_get(answer, "ips")) >= 2);
    json_decref(answer);
    free(text);
}

/* So is an error, whatever piece of the input it quotes. */
static void print_error_through(const struct cni_config *config, const struct cni_error *error)
{
    const struct cni_call call = {.config = *config};
    char *text = cni_error_print(&call, error);
    json_t *answer = json_loads(text, 0, NULL);

    require(json_string_length(json_object_get(answer, "details")) > 0);
    json_decref(answer);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (int lenient = 0; lenient < 2; lenient++) {
        struct cni_error error = {.code = CNI_OK};
        struct cni_config config;
        enum cni_code code = cni_config_parse((const char *)data, size, lenient, &config, &error);

        require(code == error.code && (code == CNI_OK || (error.msg[0] && error.details[0])));
        if (code != CNI_OK)
            print_error_through(&config, &error);
        if (code == CNI_OK) {
            char port[CNI_PORT_MAX];

            read_through(&config);
            print_through(&config);
            cni_port_name(config.name, config.name, "eth0", port);
            require(cni_port_is_of(port, config.name));
        }
        cni_config_fini(&config);
    }
    return 0;
}
