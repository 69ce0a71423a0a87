# SPDX-License-Identifier: MIT
"""What the tests on a real kernel and the demo share: namespaces, worlds, snapshots and guests."""
