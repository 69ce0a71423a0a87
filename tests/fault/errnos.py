# SPDX-License-Identifier: MIT
"""Which errors each request of apply's can really meet, and why: the one list that the tests take them from."""

from errno import (EACCES, EADDRINUSE, EADDRNOTAVAIL, EAFNOSUPPORT, EAGAIN, EBADFD, EBUSY, ECONNABORTED, ECONNREFUSED,
                   EDQUOT, EEXIST, EINTR, EINVAL, EIO, ELOOP, EMFILE, EMSGSIZE, ENETUNREACH, ENFILE, ENOBUFS, ENODEV,
                   ENOENT, ENOLCK, ENOMEM, ENOPROTOOPT, ENOSPC, ENOSYS, EOPNOTSUPP, EPERM, EPROTO, EROFS, ETOOMANYREFS,
                   EXFULL)

# Whatever goes over netlink: no memory, a full queue, a capability that was dropped or is the wrong namespace's.
NETLINK = [ENOMEM, ENOBUFS, EPERM]
# Whatever makes a file or descriptor.
FILES = [EMFILE, ENFILE, ENOMEM]
# A directory of the host: full, over quota, read-only, another's, broken.
DIRECTORY = [ENOSPC, EDQUOT, EROFS, EACCES, EIO]

REQUESTS = {
    "link_index": NETLINK + [ENODEV],  # somebody deleted it meanwhile
    # A rival took the name; a kernel without bridges; another's request holds the module's loading.
    "bridge_create": NETLINK + [EEXIST, EOPNOTSUPP, EBUSY],
    # /dev/net/tun is missing or forbidden; the device is held, is another kind, or has no queue left.
    "device_open": FILES + [ENOENT, ENODEV, EACCES, EPERM, EBUSY, EINVAL],
    "device_own": [EINVAL, EPERM],  # an id that the user namespace does not map
    "device_keep": [EBADFD, EPERM],  # the device went under the descriptor
    # The device went under the descriptor; a kernel without the offload; the link is up; no memory for features.
    "device_set": [EBADFD, EINVAL, EOPNOTSUPP, EBUSY, ENOMEM],
    # It went; another master or a macvlan holds it; its bridge is full; a loop; a MAC or MTU that it refuses.
    "link_set": NETLINK + [ENODEV, EBUSY, EXFULL, ELOOP, EINVAL, EADDRNOTAVAIL, EOPNOTSUPP],
    "link_shape": NETLINK + [ENODEV, ENOENT, EINVAL],  # it went; a kernel without this queue; a rate that it refuses
    "link_delete": NETLINK + [ENODEV, EBUSY],
    "links_delete": NETLINK + [ENODEV, EBUSY, EINTR],
    "link_lay_off": NETLINK + [EAGAIN],  # it is not what it was any more
    "address_add": NETLINK + [EEXIST, ENODEV, EINVAL],  # somebody put it there; IPv4 is off on the device
    "address_delete": NETLINK + [EADDRNOTAVAIL, ENODEV],
    "neighbour_set": NETLINK + [ENODEV, EINVAL],
    "neighbour_delete": NETLINK + [ENODEV],
    "route_add": NETLINK + [EEXIST, ENODEV, EINVAL, ENETUNREACH],  # the link went or is down; IPv6 is off there
    "route_delete": NETLINK + [EINVAL, EBUSY],  # one that is not there is as wanted
    # The link went; the kernel refuses a route whose gateway it can't reach (any more); no room in a table.
    "item_add": NETLINK + [ENODEV, EINVAL, ENETUNREACH, ENOSPC],
    "item_delete": NETLINK + [EINVAL, EBUSY],
    "link_imitate": [EROFS, EACCES, EPERM, EINVAL, EMFILE],
    # A container's read-only /proc/sys. Not ENOENT: the device is gone, and there is nothing to put back.
    "sysctl_write": [EROFS, EACCES, EPERM, EINVAL, EMFILE],
    # A table that somebody changed or deleted between our look and our commit, too many messages at once.
    "guards_commit": NETLINK + [EEXIST, ENOENT, EBUSY, EAGAIN, EMSGSIZE, EINTR, EOPNOTSUPP],
    "elements_find": NETLINK + [EOPNOTSUPP],
    # A chain that its program took away between our look and our request; a kernel without conntrack's match.
    "passage_add": NETLINK + [ENOENT, EAGAIN, EOPNOTSUPP],
    "passage_delete": NETLINK + [EAGAIN, EINTR],
    "file_write": DIRECTORY + FILES + [ELOOP],  # a symbolic link stands where the file belongs
    "file_remove": [EROFS, EACCES, EPERM, EIO, EBUSY],
    # No process, no program, a socket's path in use, a full run directory.
    "service_prepare": [EAGAIN, ENOENT, EACCES, ENOMEM, EADDRINUSE, ENOSPC, EROFS, EMFILE],
    "service_release": [EAGAIN, EPROTO, EACCES, ENOMEM],  # it hangs; it refuses
    # Port taken, address gone, no CAP_NET_RAW, dead, hanging, refusing.
    "service_serve": FILES + [EADDRINUSE, EADDRNOTAVAIL, EPERM, ECONNREFUSED, EAGAIN, EPROTO],
    "service_update": FILES + [ECONNREFUSED, EAGAIN, EPROTO],
    "service_plug": FILES + [ECONNREFUSED, EAGAIN, EPROTO, EEXIST, ENOENT],
    "service_plugged": FILES + [ECONNREFUSED, EAGAIN, EPROTO, EEXIST, ENOENT],
    "service_unplug": FILES + [ECONNREFUSED, EAGAIN, EPROTO, ENOENT],
    "file_append": DIRECTORY + FILES + [ELOOP],
    "service_stop": [EAGAIN, EPROTO, ENOMEM, EACCES],
    "conntrack_forget": NETLINK + [EINTR, EOPNOTSUPP],  # a dump that the kernel's table outran
    "conntrack_forget_forwards": NETLINK + [EINTR, EOPNOTSUPP],
}

# The same for system calls: a full table of descriptors, no memory, a full or read-only or broken directory, no more
# processes, somebody else's device, port or address, a policy that forbids it, a signal. Not brk: the C library asks
# its result, not its error.
CALLS = {
    "sendto": [ENOBUFS, ENOMEM, EPERM, EAGAIN],
    "sendmsg": [ENOBUFS, ENOMEM, ETOOMANYREFS],  # not EPIPE, which only a dead service says
    "recvmsg": [ENOBUFS, ENOMEM, EINTR],
    "recvfrom": [ENOBUFS, ENOMEM, EINTR],
    "ioctl": [EBUSY, EPERM, ENOMEM, EINVAL],
    "openat": FILES + [EACCES],
    "write": [ENOSPC, EDQUOT, EIO, EINTR],
    "writev": [ENOSPC, EIO],
    "rename": [ENOSPC, EROFS, EIO],
    "unlink": [EROFS, EIO, EACCES],
    "mkdir": [ENOSPC, EROFS, EACCES],
    "rmdir": [EROFS, EBUSY],
    "clone": [EAGAIN, ENOMEM],
    "clone3": [EAGAIN, ENOMEM],
    "vfork": [EAGAIN, ENOMEM],
    "execve": [EACCES, ENOMEM],
    "socket": [EMFILE, ENFILE, ENOBUFS, EACCES, EAFNOSUPPORT],
    "setsockopt": [ENOMEM, EPERM, ENOPROTOOPT],
    "getsockopt": [ENOPROTOOPT],
    "getsockname": [ENOBUFS],
    "bind": [EADDRINUSE, EACCES],
    "listen": [EADDRINUSE],
    "connect": [EAGAIN, EACCES],  # not ECONNREFUSED, which only a dead service says
    "flock": [ENOLCK, EINTR],
    "memfd_create": FILES + [ENOSYS],
    "fcntl": [EPERM, EMFILE],
    "dup2": [EMFILE, EINTR],
    "read": [EIO, EINTR],
    "getdents64": [EIO],
    "newfstatat": [EACCES, EIO],
    "access": [EACCES],
    "getrandom": [ENOSYS],
    "pidfd_open": [EMFILE, ENOSYS],
    "pidfd_send_signal": [EPERM, ENOSYS],
    "poll": [ENOMEM, EINTR],
    "wait4": [EINTR],
    "mmap": [ENOMEM],
    "epoll_create1": FILES,
    "epoll_ctl": [ENOMEM, ENOSPC],
    "timerfd_create": FILES,
    "accept4": FILES + [ECONNABORTED],
}
