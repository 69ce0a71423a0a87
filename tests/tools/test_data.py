# SPDX-License-Identifier: MIT
"""The files of data/ against the programs that read them: systemd-analyze, udevadm, ip, bash, where they are there."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
DATA = TOP / "data"
BUILD = pathlib.Path(os.environ.get("TAPNET_BUILD", TOP / "build"))


def run(*words, **options):
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=60, check=False,
                          **options)


def constant(name):
    """The value of a #define of the model, which the files must agree with."""
    text = (TOP / "src/model/object.h").read_text(encoding="utf-8")
    return int(re.search(rf"#define {name}\s+(0x[0-9a-f]+|\d+)", text)[1], 0)


def need(program):
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed")


def test_numbers_are_those_of_the_model():
    assert f'ATTR{{netdev_group}}=="{constant("MODEL_LINK_GROUP")}"' in (DATA / "75-tapnet.rules").read_text("utf-8")
    assert f'\n{constant("MODEL_ROUTE_PROTOCOL")}\ttapnet\n' in (DATA / "rt_protos.conf").read_text("utf-8")


def test_the_units_are_clean(tmp_path):
    """systemd's own parser, with a program that exists in place of the one that is not installed yet."""
    need("systemd-analyze")
    text = (BUILD / "data/tapnet@.service").read_text("utf-8")
    assert re.search(r"^ExecStart=/\S*/tapnet up --quiet /etc/tapnet/%i\.yaml$", text, flags=re.M)
    names = ["tapnet@.service", "tapnet-service@.service", "tapnet-keeper.service", "tapnet-hooks.service"]
    sockets = ["tapnet-service.socket", "tapnet-keeper.socket", "tapnet-hooks.socket"]
    for name in names:
        text = (BUILD / "data" / name).read_text("utf-8")
        assert not re.search(r"@\w+@", text), "a name that nothing was put in for"
        (tmp_path / name).write_text(re.sub(r"=/\S*/tapnet\S* ", f"={shutil.which('true')} ", text), encoding="utf-8")
    for name in sockets:
        shutil.copy(DATA / name, tmp_path)
    for name in names + sockets:
        result = run("systemd-analyze", "verify", "--man=no", tmp_path / name)
        assert result.returncode == 0 and not result.stderr, result.stderr


def test_the_unit_leaves_enough_capabilities():
    """`up` and `down` with the unit's bounding set, in a namespace of their own."""
    need("setpriv")
    if os.geteuid() != 0:
        pytest.skip("needs root to make a network namespace")
    text = (DATA / "tapnet@.service.in").read_text("utf-8")
    names = re.search(r"^CapabilityBoundingSet=(.*)$", text, flags=re.M)[1].lower().replace("cap_", "+").split()
    script = ('set -e; ip link set lo up; export TAPNET_RUN_DIR=$(mktemp -d)\n'
              'printf "networks: { lab: { ports: { web: { user: nobody } } } }" > "$TAPNET_RUN_DIR/lab.yaml"\n'
              '"$1/tapnet" up "$TAPNET_RUN_DIR/lab.yaml"; ip -br link show lab-web; "$1/tapnet" down --all\n'
              '! ip link show lab-web 2> /dev/null; rm "$TAPNET_RUN_DIR/lab.yaml"; rmdir "$TAPNET_RUN_DIR"')
    result = run("unshare", "-n", "setpriv", "--no-new-privs", "--bounding-set", ",".join(["-all", *names]), "sh", "-c",
                 script, "sh", BUILD)
    assert result.returncode == 0 and "lab-web" in result.stdout, result.stdout + result.stderr


def test_sysusers_and_tmpfiles_are_read(tmp_path):
    for program, option, name in (("systemd-sysusers", "--dry-run", "sysusers.conf"),
                                  ("systemd-tmpfiles", "--create", "tmpfiles.conf")):
        need(program)
        (tmp_path / "etc").mkdir(exist_ok=True)
        result = run(program, f"--root={tmp_path}", option, DATA / name)
        assert result.returncode == 0 and not re.search("unknown|invalid|ignor", result.stderr, re.I), result.stderr
    assert (tmp_path / "run/tapnet").stat().st_mode & 0o777 == 0o711


# [ namespace: br-lab and lab-web in tapnet's group, lab-db being made, other0 in none of it ]
# udevd does not run; `udevadm test` is its judge
def test_udev_knows_our_links_and_no_others(tmp_path):
    need("udevadm")
    rules = pathlib.Path("/usr/lib/udev/rules.d/80-net-setup-link.rules")
    if os.geteuid() != 0 or not rules.exists():
        pytest.skip("needs root, and udev's own rules")
    group = constant("MODEL_LINK_GROUP")
    script = f"""set -e
        mount -t sysfs sysfs /sys
        mkdir -p /etc/systemd/network; mount -t tmpfs none /run; mount -t tmpfs none /etc/systemd/network
        mkdir -p /run/udev/rules.d /run/tapnet/making
        cp {DATA}/75-tapnet.rules {rules} /run/udev/rules.d
        cp {DATA}/10-tapnet.link /etc/systemd/network
        ip link add br-lab group {group} address 0a:00:00:00:00:01 type bridge
        ip tuntap add lab-web mode tap
        ip link set lab-web group {group} address 0a:00:00:00:00:02 alias tapnet:lab/lab/web
        touch /run/tapnet/making/lab-db
        ip tuntap add lab-db mode tap
        ip tuntap add other0 mode tap
        for device in br-lab lab-web lab-db other0; do
            udevadm test -a add /sys/class/net/$device > {tmp_path}/$device 2>&1
        done
        """
    result = run("unshare", "-m", "-n", "sh", "-c", script)
    assert result.returncode == 0, result.stderr
    for device in ("br-lab", "lab-web", "lab-db"):
        text = (tmp_path / device).read_text("utf-8")
        assert "NM_UNMANAGED=1" in text and "TAPNET=1" in text and "10-tapnet.link" in text, text
    assert "TAPNET" not in (tmp_path / "other0").read_text("utf-8").replace(str(DATA), "")


def test_bash_completes_commands_and_options():
    def complete(*words):
        script = f'source {BUILD}/data/tapnet; COMP_WORDS=({" ".join(words)}); COMP_CWORD={len(words) - 1}; _tapnet; '
        return run("bash", "-c", script + 'printf "%s\\n" "${COMPREPLY[@]}"').stdout.split()

    assert complete("tapnet", "sta") == ["status"]
    assert {"up", "plan", "down", "status"} <= set(complete("tapnet", "''"))
    assert "--json" in complete("tapnet", "status", "--j")
    assert complete("tapnet", "device", "a") == ["add"]
    assert complete("tapnet", "device", "add", "--mt") == ["--mtu"]
    assert complete("tapnet", "device", "show", "l") == ["lo"]


def headers():
    return sorted(path.stem for path in (TOP / "include/tapnet").glob("*.h"))


def test_every_function_of_the_library_is_in_a_man_page():
    """With its prototype and its comment; what the library exports is the judge, which knows nothing of the headers."""
    symbols = run("nm", "-D", "--defined-only", BUILD / "libtapnet.so").stdout.split("\n")
    exported = {line.split()[2] for line in symbols if re.search(r" T tapnet_", line)}
    assert len(exported) > 80
    text = "".join((BUILD / f"man/tapnet-{header}.3").read_text("utf-8") for header in headers())
    assert set(re.findall(r"^\.It Fn (\w+)$", text, re.M)) == exported
    assert set(re.findall(r"^\.Ft .*\n\.Fn (\w+) \"", text, re.M)) == exported
    overview = (TOP / "man/libtapnet.3").read_text("utf-8")
    for header in headers():
        assert f".In tapnet/{header}.h\n" in overview and f".It Xr tapnet-{header} 3\n" in overview


def test_man_pages_are_clean():
    """What mandoc calls a warning or worse; the pages know every command and every option."""
    need("mandoc")
    for page in sorted((TOP / "man").glob("*.[38]")):
        assert run("mandoc", "-T", "lint", "-W", "warning", page).stdout == ""
    for name in ("tapnet.8", "tapnet.yaml.5", *(f"tapnet-{header}.3" for header in headers())):
        result = run("mandoc", "-T", "lint", "-W", "warning", BUILD / "man" / name)
        assert result.returncode == 0, result.stdout
    text = (BUILD / "man/tapnet.8").read_text("utf-8")
    for word in ("Cm up", "Cm plan", "Cm down", "Cm status", "Fl -json", "Fl -dry-run", "Fl -all"):
        assert f".It {word}" in text or f", {word}" in text, word
    assert "@" not in re.sub(r"\w@\w+", "", text)  # every part of the frame was filled


def test_groff_has_nothing_to_say_of_the_pages():
    """As `man --warnings` shows them: a word longer than a line is one of the things that mandoc lets pass."""
    need("groff")
    pages = [*(TOP / "man").glob("*.[38]"), *(BUILD / "man").glob("*.[358]")]
    assert len(pages) > 10
    for page in sorted(pages):
        for width in ("LL=78n", "LL=100n"):
            result = run("groff", "-ww", "-mandoc", "-Tutf8", f"-r{width}", page)
            assert result.returncode == 0 and result.stderr == "", result.stderr


USER = """
#include <stdio.h>
#include <tapnet/network.h>

int main(void)
{
    static const char text[] = "networks: { lab: {} }";
    struct tapnet_spec *spec;

    if (tapnet_spec_parse(text, sizeof(text) - 1, "lab.yaml", &spec, NULL) < 0)
        return 1;
    puts(tapnet_spec_set(spec));
    tapnet_spec_free(spec);
    return 0;
}
"""


@pytest.mark.parametrize("static", [False, True])
def test_a_program_builds_by_what_pkg_config_says(tmp_path, static):
    """With libtapnet.a too; the other libraries are shared ones then, since Debian has no libmnl.a."""
    need("pkg-config")
    (tmp_path / "user.c").write_text(USER, encoding="utf-8")
    env = {**os.environ, "PKG_CONFIG_PATH": str(BUILD / "meson-private"), "LD_LIBRARY_PATH": str(BUILD)}
    said = run("pkg-config", *(["--static"] if static else []), "--cflags", "--libs", "tapnet", env=env)
    assert said.returncode == 0, said.stderr
    words = [str(BUILD / "libtapnet.a") if static and word == "-ltapnet" else word for word in said.stdout.split()]
    built = run("cc", tmp_path / "user.c", "-o", tmp_path / "user", f"-I{TOP}/include", f"-L{BUILD}", *words)
    if "undefined reference to `__asan" in built.stderr or "undefined reference to `__ubsan" in built.stderr:
        pytest.skip("the library was built with sanitizers")
    assert built.returncode == 0, built.stderr
    assert run(tmp_path / "user", env=env).stdout == "lab\n"
    needed = run("readelf", "-d", tmp_path / "user").stdout
    assert ("libtapnet" in needed) != static
