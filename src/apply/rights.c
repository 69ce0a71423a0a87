/* SPDX-License-Identifier: MIT */
/* May we change the network? Asked of the kernel once, and of the caller's capabilities from then on. */
#include "apply/kernel.h"

#include "device/capabilities.h"
#include "nft/nft.h"

/* Whoever had the right has it as long as he has what he had then: that is asked at a tenth of the cost. */
int apply_kernel_check_right(struct apply_kernel *kernel, struct tapnet_error *error)
{
    uint64_t rights = device_capabilities();
    int result;

    if (rights && rights == kernel->rights)
        return 0;
    result = apply_kernel_netfilter(kernel, error);
    if (result == 0)
        result = nft_check_right(kernel->netfilter, error);
    kernel->rights = result == 0 ? rights : 0;
    return result;
}
