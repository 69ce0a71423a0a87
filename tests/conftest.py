# SPDX-License-Identifier: MIT
"""Gives every test below the namespaces, worlds and guests of tools/tapnet_test."""

pytest_plugins = ["tapnet_test.fixtures"]
