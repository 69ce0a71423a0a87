# SPDX-License-Identifier: MIT
"""The part of a container runtime that calls a plugin of the Container Network Interface: environment in, JSON out."""

import copy
import json
import subprocess

from .build import program
from .snapshot import diff, snapshot
from .waiting import wait_for

ATTACHMENT = ("CNI_COMMAND", "CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_ARGS")


class Refused(AssertionError):
    """The plugin's error result, as a dictionary in .error."""

    def __init__(self, error):
        super().__init__(json.dumps(error))
        self.error = error


class Runtime:
    """Calls one plugin in the host's namespace with one configuration, and holds every answer against the shape that
    the specification has for it."""

    def __init__(self, host, plugin=None, **config):
        self.host = host
        self.plugin = plugin or program("tapnet-cni")
        host.env["TAPNET_SERVICE"] = str(program("tapnet-service"))  # with the keeper beside it
        self.config = {"cniVersion": "1.0.0", "name": "podnet", "type": "tapnet-cni", "network": "lab", **config}

    def env(self, command, container="c0ffee", netns=None, interface="eth0", args=None):
        values = dict(zip(ATTACHMENT, (command, container, netns and netns.exec_path, interface, args)))
        return {key: value for key, value in values.items() if value is not None}

    def raw(self, env, text):
        """What the plugin prints for any input: (exit code, standard output)."""
        done = self.host.run(self.plugin, env=env, input=text, check=False)
        assert done.returncode in (0, 1), done
        return done.returncode, done.stdout

    def call(self, command, container="c0ffee", netns=None, interface="eth0", args=None, **more):
        """The result; None where the specification has none. An error is raised as Refused."""
        config = {key: value for key, value in {**copy.deepcopy(self.config), **more}.items() if value is not None}
        code, text = self.raw(self.env(command, container, netns, interface, args), json.dumps(config))
        return self.judge(command, config, code, text)

    @staticmethod
    def judge(command, config, code, text):
        answer = json.loads(text) if text.strip() else None
        if code:
            assert {"code", "msg"} <= answer.keys() <= {"cniVersion", "code", "msg", "details"}, text
            assert answer["code"] > 0, text
            raise Refused(answer)
        assert (answer is not None) == (command in ("ADD", "VERSION")), text
        if answer:
            assert answer["cniVersion"] == config["cniVersion"]
        return answer

    def start(self, command, container, netns, interface="eth0", **more):
        """The same without waiting: a process whose standard output is the answer."""
        child = self.host.popen(self.plugin, env=self.env(command, container, netns, interface), stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, text=True)
        child.stdin.write(json.dumps({**self.config, **more}))
        child.stdin.close()
        return child


def plugins_of(conflist, capabilities):
    """What a runtime makes of a list: type and configuration of each plugin, with what it may say of the container."""
    for plugin in conflist["plugins"]:
        said = {key: value for key, value in capabilities.items() if plugin.get("capabilities", {}).get(key)}
        yield plugin["type"], {**plugin, "name": conflist["name"], "cniVersion": conflist["cniVersion"],
                               **({"runtimeConfig": said} if said else {})}


def wait_for_nothing_left(tapnet, before):
    """All is as it was at rest (plugging.py), but for what the keeper's log says."""
    def left():
        return [line for line in diff(before, snapshot(tapnet.netns, run_dir=tapnet.run_dir)).splitlines()[2:]
                if "/keeper.log " not in line]
    wait_for(lambda: not left(), 30, lambda: "\n".join(left()))
