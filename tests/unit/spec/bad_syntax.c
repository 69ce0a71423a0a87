/* SPDX-License-Identifier: MIT */
/* Files that are no text, no YAML, or more YAML than is taken, and what is said about them. */
#include "cases.h"

/* clang-format off */
const struct spec_case bad_syntax[] = {
    BAD("empty",
        "",
        "lab.yaml:1:1: the file is empty; the smallest one is `networks: { lab: { ports: { vm1: {} } } }`"),
    BAD("comment-only",
        "# nothing here\n",
        "lab.yaml:1:1: the file is empty; the smallest one is `networks: { lab: { ports: { vm1: {} } } }`"),
    BAD("only-dashes",
        "---\n",
        "lab.yaml:2:1: keys were expected here, not an empty text; the smallest file is `networks: { lab: { "
        "ports: { vm1: {} } } }`"),
    BAD("scalar-top",
        "hello\n",
        "lab.yaml:1:1: keys were expected here, not `hello`; the smallest file is `networks: { lab: { ports: "
        "{ vm1: {} } } }`"),
    BAD("list-top",
        "- networks\n",
        "lab.yaml:1:1: keys were expected here, not a list; the smallest file is `networks: { lab: { ports: { "
        "vm1: {} } } }`"),
    BAD("nul-byte",
        "name: a\0b\n",
        "lab.yaml:1:8: U+0000 is a control character; this should be a text file"),
    BAD("control-character",
        "name: a\x01" "b\n",
        "lab.yaml:1:8: U+0001 is a control character; this should be a text file"),
    BAD("escape-character",
        "name: \x1b[31mred\n",
        "lab.yaml:1:7: U+001B is a control character; this should be a text file"),
    BAD("not-utf8",
        "name: caf\xe9\n",
        "lab.yaml:1:10: byte 0xe9 is not UTF-8; save the file as UTF-8 text"),
    BAD("overlong-utf8",
        "name: \xc0\xaf\n",
        "lab.yaml:1:7: byte 0xc0 is not UTF-8; save the file as UTF-8 text"),
    BAD("surrogate-utf8",
        "name: \xed\xa0\x80\n",
        "lab.yaml:1:7: byte 0xed is not UTF-8; save the file as UTF-8 text"),
    BAD("cut-utf8",
        "name: \xe2\x82",
        "lab.yaml:1:7: byte 0xe2 is not UTF-8; save the file as UTF-8 text"),
    BAD("utf16",
        "\xff\xfen\0a\0m\0e\0",
        "lab.yaml:1:1: the file is UTF-16; save it as UTF-8"),
    BAD("line-separator",
        "# a\xe2\x80\xa8name: x\n",
        "lab.yaml:1:4: U+2028 is a line break that editors do not show; take it out"),
    BAD("byte-order-mark-inside",
        "name: x\n"
        "\xef\xbb\xbfversion: 1\n",
        "lab.yaml:2:1: U+FEFF is no character of a text file; take it out"),
    BAD("tab-indent",
        "networks:\n"
        "\tlab: {}\n",
        "lab.yaml:2:1: a tab can't indent YAML; use spaces"),
    BAD("tab-in-plain-text",
        "networks:\n"
        "  lab:\n"
        "    mode: nat\n"
        "\tmtu: 1400\n",
        "lab.yaml:4:1: a tab can't indent YAML; use spaces"),
    BAD("no-colon",
        "networks:\n"
        "  lab:\n"
        "    ports\n"
        "    mode: nat\n",
        "lab.yaml:3:5: network lab: keys were expected here, not `ports mode`; write `lab: {}` when there is "
        "nothing to say\n"
        "lab.yaml:4:9: `: ` can't stand here; start a new line, or put a value that holds it in quotes"),
    BAD("missing-space",
        "networks:\n"
        "  lab:\n"
        "    mtu:1450\n",
        "lab.yaml:3:5: network lab: keys were expected here, not `mtu:1450`; put a space after `mtu:`"),
    BAD("colon-in-value",
        "networks:\n"
        "  lab:\n"
        "    subnet: a: b\n",
        "lab.yaml:3:13: network lab: subnet `a` is not an address with the length of its prefix; write it as "
        "in `10.20.0.1/24`\n"
        "lab.yaml:3:14: `: ` can't stand here; start a new line, or put a value that holds it in quotes"),
    BAD("bad-indent",
        "networks:\n"
        "  lab:\n"
        "    mode: nat\n"
        "   mtu: 1400\n",
        "lab.yaml:4:4: a key was expected; check the indentation and missing quotes"),
    BAD("unclosed-quote",
        "name: \"lab\n"
        "networks: {}\n",
        "lab.yaml:1:7: the quote that starts here is never closed"),
    BAD("unclosed-brace",
        "networks: { lab: { mode: nat }\n"
        "devices: {}\n",
        "lab.yaml:2:1: a `,` or the closing `}` is missing before this"),
    BAD("unclosed-bracket",
        "networks:\n"
        "  lab:\n"
        "    ntp: [10.0.0.1, 10.0.0.2\n"
        "    mtu: 1400\n",
        "lab.yaml:3:21: network lab: ntp `10.0.0.2 mtu` is not an IPv4 address; write four decimal numbers, "
        "as in `10.20.0.7`\n"
        "lab.yaml:4:8: a `,` or the closing `]` is missing before this"),
    BAD("at-sign",
        "name: @lab\n",
        "lab.yaml:1:7: a value can't start with `@`; put it in quotes"),
    BAD("backquote",
        "name: `lab`\n",
        "lab.yaml:1:7: a value can't start with ```; put it in quotes"),
    BAD("percent",
        "name: %lab\n",
        "lab.yaml:1:7: a value can't start with `%`; put it in quotes"),
    BAD("unknown-escape",
        "name: \"\\q\"\n",
        "lab.yaml:1:8: a backslash in double quotes escapes; write `\\\\` for one backslash"),
    BAD("list-in-line",
        "networks: - lab\n",
        "lab.yaml:1:11: a list can't start here; put `- ` on a line of its own"),
    BAD("two-documents",
        "name: a\n"
        "---\n"
        "name: b\n",
        "lab.yaml:2:1: a second document starts here; one file holds one set: put it into a file of its own"),
    BAD("document-end-then-more",
        "name: a\n"
        "...\n"
        "name: b\n",
        "lab.yaml:3:1: the file should end here; check the indentation"),
    BAD("anchor",
        "networks: &all\n"
        "  lab: {}\n",
        "lab.yaml:1:11: anchors (`&`) are refused; take it out, or quote the value"),
    BAD("anchor-scalar",
        "name: &n lab\n",
        "lab.yaml:1:7: anchors (`&`) are refused; take it out, or quote the value"),
    BAD("alias",
        "name: *lab\n",
        "lab.yaml:1:7: aliases (`*`) are refused; write the value out, or quote it"),
    BAD("merge-key",
        "networks:\n"
        "  lab:\n"
        "    <<: *defaults\n",
        "lab.yaml:3:5: network lab: unknown key `<<` in this version; a network has `mode`, `subnet`, `subnet6`, "
        "`uplink`, `mtu`, `ports_see_each_other`, `host`, `bridge`, `id`, `ntp`, `search`, `boot_file`, "
        "`boot_server`, `limit`, `allow`, `pool`, `hooks`, `clones`, `ports`\n"
        "lab.yaml:3:9: network lab: aliases (`*`) are refused; write the value out, or quote it"),
    BAD("tag",
        "name: !!str lab\n",
        "lab.yaml:1:7: tags (`!`) are refused; take it out, or quote the value"),
    BAD("tag-map",
        "networks: !mine {}\n",
        "lab.yaml:1:11: tags (`!`) are refused; take it out, or quote the value"),
    BAD("tag-directive",
        "%TAG ! tag:example.com,2000:\n"
        "---\n"
        "name: lab\n",
        "lab.yaml:1:1: take the lines that start with `%` out"),
    BAD("yaml-version",
        "%YAML 3.0\n"
        "---\n"
        "name: lab\n",
        "lab.yaml:1:1: this version of YAML is not known; take the `%YAML` line out"),
    BAD("bare-brackets",
        "networks: { lab: { ports: { web: { forward: [::1]:8080:80 } } } }\n",
        "lab.yaml:1:46: an address in brackets stands in quotes, as in `\"[::1]:8080:80\"`"),
    BAD("bare-brackets-in-a-list",
        "networks:\n"
        "  lab:\n"
        "    ports:\n"
        "      web:\n"
        "        forward:\n"
        "          - 8081:81\n"
        "          - [::1]:8080:80\n",
        "lab.yaml:7:13: port web: forward takes single values, not a list; write it as in `forward: [8080:80, "
        "127.0.0.1:2222:22, 5000-5009:5000-5009/udp]`\n"
        "lab.yaml:7:14: an address in brackets stands in quotes, as in `\"[::1]:8080:80\"`"),
};
/* clang-format on */

const size_t bad_syntax_count = sizeof(bad_syntax) / sizeof(bad_syntax[0]);
