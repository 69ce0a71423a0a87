/* SPDX-License-Identifier: MIT */
/* May we change the network? Asked of the kernel once, and of the caller's capabilities from then on. */
#include "apply/kernel.h"

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "nft/nft.h"

/* The capabilities that this thread has in effect; 0: none, or nobody knows. */
static uint64_t effective_rights(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

    if (syscall(SYS_capget, &header, data) < 0)
        return 0;
    return (uint64_t)data[1].effective << 32 | data[0].effective;
}

/* Whoever had the right has it as long as he has what he had then: that is asked at a tenth of the cost. */
int apply_kernel_check_right(struct apply_kernel *kernel, struct tapnet_error *error)
{
    uint64_t rights = effective_rights();
    int result;

    if (rights && rights == kernel->rights)
        return 0;
    result = apply_kernel_netfilter(kernel, error);
    if (result == 0)
        result = nft_check_right(kernel->netfilter, error);
    kernel->rights = result == 0 ? rights : 0;
    return result;
}
