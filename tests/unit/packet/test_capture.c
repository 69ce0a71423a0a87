/* SPDX-License-Identifier: MIT */
/* Capture files: what is written is read again; what others wrote, in any pieces; what is broken, with its place. */
#include "lab.h"

#include <tapnet/capture.h>

#define FILE_ROOM 4096
#define PACKETS_MAX 64

/* A file under construction, in either byte order. */
struct file {
    uint8_t bytes[FILE_ROOM];
    size_t len;
    bool big;
};

static void add(struct file *file, uint64_t value, size_t size)
{
    assert_true(file->len + size <= FILE_ROOM);
    for (size_t i = 0; i < size; i++)
        file->bytes[file->len++] = (uint8_t)(value >> 8 * (file->big ? size - 1 - i : i));
}

static void add_text(struct file *file, const char *text, size_t len)
{
    assert_true(file->len + len + 3 <= FILE_ROOM);
    memcpy(file->bytes + file->len, text, len);
    memset(file->bytes + file->len + len, 0, (4 - len % 4) % 4);
    file->len += (len + 3) / 4 * 4;
}

/* A block with what @fill adds. */
static void add_block(struct file *file, uint32_t type, void (*fill)(struct file *file))
{
    size_t start = file->len, end;

    add(file, type, 4);
    add(file, 0, 4);
    if (fill)
        fill(file);
    add(file, file->len - start + 4, 4);
    end = file->len;
    file->len = start + 4;
    add(file, end - start, 4);
    file->len = end;
}

static void fill_section(struct file *file)
{
    add(file, 0x1a2b3c4d, 4);
    add(file, 1, 2);
    add(file, 0, 2);
    add(file, UINT64_MAX, 8);
}

static void fill_ethernet(struct file *file)
{
    add(file, 1, 2);
    add(file, 0, 2);
    add(file, 0, 4);
}

/* Raw IP, cut at 6 bytes; times are 1/1024 seconds, 10 seconds late. */
static void fill_odd(struct file *file)
{
    add(file, 101, 2);
    add(file, 0, 2);
    add(file, 6, 4);
    add(file, 2, 2); /* if_name, of an odd length */
    add(file, 5, 2);
    add_text(file, "wlan0", 5);
    add(file, 9, 2);
    add(file, 1, 2);
    add(file, file->big ? 0x8a000000 : 0x8a, 4);
    add(file, 14, 2);
    add(file, 8, 2);
    add(file, 10, 8);
    add(file, 0, 4);
}

static void fill_packet(struct file *file)
{
    add(file, 1, 4);    /* of the second interface */
    add(file, 0, 4);    /* time, high */
    add(file, 2560, 4); /* 2.5 s */
    add(file, 5, 4);
    add(file, 7, 4);
    add_text(file, "hello", 5);
}

static void fill_old_packet(struct file *file)
{
    add(file, 0, 2);
    add(file, 0, 2);
    add(file, 0, 4);
    add(file, 1500000, 4); /* microseconds, when nothing is said */
    add(file, 3, 4);
    add(file, 3, 4);
    add_text(file, "old", 3);
}

static void fill_simple_packet(struct file *file)
{
    add(file, 4, 4);
    add_text(file, "easy", 4);
}

static void make_pcapng(struct file *file, bool big)
{
    *file = (struct file){.big = big};
    add_block(file, 0x0a0d0d0a, fill_section);
    add_block(file, 1, fill_ethernet);
    add_block(file, 4, fill_simple_packet); /* names: passed over */
    add_block(file, 1, fill_odd);
    add_block(file, 6, fill_packet);
    add_block(file, 2, fill_old_packet);
    add_block(file, 0x40000bad, NULL); /* a local block */
    add_block(file, 3, fill_simple_packet);
}

static void make_pcap(struct file *file, bool big, bool nanoseconds)
{
    *file = (struct file){.big = big};
    add(file, nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4, 4);
    add(file, 2, 2);
    add(file, 4, 2);
    add(file, 0, 8);
    add(file, 65535, 4);
    add(file, 0x24000001, 4); /* Ethernet, with a checksum of 4 bytes, which is nothing to us */
    add(file, 3, 4);
    add(file, 7, 4);
    add(file, 2, 4);
    add(file, 60, 4);
    add(file, file->big ? 0x6869 : 0x6968, 2);
}

/* What was read: packets with their bytes elsewhere, and how it ended. */
struct outcome {
    size_t count;
    struct tapnet_capture_packet packets[PACKETS_MAX];
    char bytes[PACKETS_MAX][32];
    int code;
    struct tapnet_error error;
};

/* Reads a file of which at first @piece bytes are there, then as many more each time it asks. */
static void read_in_pieces(const uint8_t *bytes, size_t len, size_t piece, struct outcome *ret)
{
    struct tapnet_capture_reader reader;
    size_t start = 0, end = 0;

    *ret = (struct outcome){0};
    tapnet_capture_reader_init(&reader);
    while (true) {
        uint8_t *window = exact_copy(bytes + start, end - start);
        struct tapnet_capture_packet *packet = &ret->packets[ret->count];
        size_t taken = 0;
        int result = tapnet_capture_reader_next(&reader, window, end - start, &taken, packet, &ret->error);

        assert_true(taken <= end - start);
        if (result == 1) {
            assert_true(packet->bytes >= window && packet->bytes + packet->len <= window + (end - start));
            memcpy(ret->bytes[ret->count], packet->bytes, packet->len < 32 ? packet->len : 31);
            assert_true(++ret->count < PACKETS_MAX);
        }
        free(window);
        start += taken;
        if (result == 0 && end == len)
            result = tapnet_capture_reader_end(&reader, end - start, &ret->error) < 0 ? ret->error.code : 2;
        ret->code = result < 0 ? result : 0;
        if (result < 0 || result == 2)
            return;
        if (result == 0)
            end = len - end < piece ? len : end + piece;
    }
}

static void read_whole(const struct file *file, struct outcome *ret)
{
    read_in_pieces(file->bytes, file->len, file->len, ret);
}

static void test_what_is_written_is_read_again(void **state)
{
    struct tapnet_capture_packet packet = {.time_nsec = 1700000000123456789, .direction = TAPNET_DIRECTION_OUT};
    struct file file = {0};
    struct outcome read;
    int len;

    (void)state;
    len = tapnet_capture_begin(file.bytes, 96 + 4, tapnet_capture_link_type(TAPNET_TUN), "a-long-name-1234");
    assert_true(len > 0 && len <= 96);
    file.len = (size_t)len;
    for (size_t i = 0; i < 9; i++) {
        packet.bytes = (const uint8_t *)"12345678";
        packet.len = packet.original_len = i;
        len = tapnet_capture_packet_build(file.bytes + file.len, i + TAPNET_CAPTURE_OVERHEAD, &packet);
        assert_true(len > 0 && len % 4 == 0);
        for (int room = 0; room < len; room++) {
            uint8_t *small = malloc((size_t)room + 1);

            assert_int_equal(tapnet_capture_packet_build(small, (size_t)room, &packet), -ENOBUFS);
            free(small);
        }
        file.len += (size_t)len;
        packet.direction = TAPNET_DIRECTION_UNKNOWN;
    }
    for (size_t room = 0; room < 52; room++)
        assert_int_equal(tapnet_capture_statistics_build(file.bytes + file.len, room, 7, 8, 9), -ENOBUFS);
    len = tapnet_capture_statistics_build(file.bytes + file.len, 64, 7, 8, 9);
    assert_int_equal(len, 52);
    file.len += (size_t)len;
    read_whole(&file, &read);
    assert_int_equal(read.code, 0);
    assert_int_equal(read.count, 9);
    for (size_t i = 0; i < 9; i++) {
        assert_int_equal(read.packets[i].len, i);
        assert_int_equal(read.packets[i].original_len, i);
        assert_int_equal(read.packets[i].link_type, TAPNET_LINK_IP);
        assert_true(read.packets[i].time_nsec == 1700000000123456789);
        assert_memory_equal(read.bytes[i], "12345678", i);
    }
}

static void test_what_can_not_be_written(void **state)
{
    const struct tapnet_capture_packet huge = {.bytes = (const uint8_t *)"", .len = ((size_t)1 << 30) + 1};
    uint8_t bytes[100];

    (void)state;
    assert_int_equal(tapnet_capture_packet_build(bytes, sizeof(bytes), &huge), -EMSGSIZE);
    for (size_t room = 0; room < 60; room++)
        assert_int_equal(tapnet_capture_begin(bytes, room, 1, "tap0"), -ENOBUFS);
    assert_true(tapnet_capture_begin(bytes, sizeof(bytes), 1, NULL) > 0);
}

static void assert_pcapng(const struct outcome *read)
{
    assert_int_equal(read->code, 0);
    assert_int_equal(read->count, 3);
    assert_string_equal(read->bytes[0], "hello");
    assert_int_equal(read->packets[0].link_type, TAPNET_LINK_IP);
    assert_int_equal(read->packets[0].original_len, 7);
    assert_true(read->packets[0].time_nsec == 12500000000);
    assert_string_equal(read->bytes[1], "old");
    assert_true(read->packets[1].time_nsec == 1500000000);
    assert_string_equal(read->bytes[2], "easy");
    assert_int_equal(read->packets[2].link_type, TAPNET_LINK_ETHERNET);
    assert_true(read->packets[2].time_nsec == 0);
}

static void test_both_byte_orders_in_any_pieces(void **state)
{
    struct outcome read;
    struct file file;

    (void)state;
    for (int big = 0; big < 2; big++) {
        make_pcapng(&file, big);
        for (size_t piece = 1; piece <= file.len; piece++) {
            read_in_pieces(file.bytes, file.len, piece, &read);
            assert_pcapng(&read);
        }
    }
}

static void test_sections_have_their_own_order_and_interfaces(void **state)
{
    struct file file, second;
    struct outcome read;

    (void)state;
    make_pcapng(&file, false);
    make_pcapng(&second, true);
    memcpy(file.bytes + file.len, second.bytes, second.len);
    file.len += second.len;
    read_whole(&file, &read);
    assert_int_equal(read.code, 0);
    assert_int_equal(read.count, 6);
    assert_string_equal(read.bytes[5], "easy");
}

static void test_pcap(void **state)
{
    struct outcome read;
    struct file file;

    (void)state;
    for (int form = 0; form < 4; form++) {
        make_pcap(&file, form & 1, form & 2);
        for (size_t piece = 1; piece <= file.len; piece++) {
            read_in_pieces(file.bytes, file.len, piece, &read);
            assert_int_equal(read.code, 0);
            assert_int_equal(read.count, 1);
            assert_true(read.packets[0].time_nsec == 3000000000 + (form & 2 ? 7 : 7000));
            assert_int_equal(read.packets[0].link_type, TAPNET_LINK_ETHERNET);
            assert_int_equal(read.packets[0].original_len, 60);
            assert_int_equal(read.packets[0].place, 24);
            assert_string_equal(read.bytes[0], "hi");
        }
    }
}

/* Wherever it is cut but behind a block, it is said to be, and what stands before is read. */
static void test_cut_files(void **state)
{
    struct outcome read;
    struct file file;
    size_t whole = 0;

    (void)state;
    make_pcapng(&file, true);
    for (size_t len = 0; len < file.len; len++) {
        read_in_pieces(file.bytes, len, 16, &read);
        whole += read.code == 0;
        assert_true(read.code == 0 || read.code == -EBADMSG);
        assert_true(read.code == 0 || strstr(read.error.text, "cut off") || strstr(read.error.text, "empty") ||
                    strstr(read.error.text, "no capture file"));
    }
    assert_int_equal(whole, 7); /* the ends of all blocks but the last */
}

static void test_what_is_broken_is_told_with_its_place(void **state)
{
    static const struct {
        size_t place;
        uint32_t value;
        const char *told;
        int code;
    } rows[] = {
        {0, 0x7f454c46, "byte 0: neither pcapng nor pcap begins like this", -EBADMSG},
        {8, 0x11111111, "byte 0: a pcapng section whose byte order can't be told", -EBADMSG},
        {12, 2, "byte 0: a pcapng section of another version than 1", -EOPNOTSUPP},
        {4, 20, "byte 0: a pcapng section header of 20 bytes can't be", -EBADMSG},
        {24, 32, "byte 24: a block has another length at its end than at its beginning", -EBADMSG},
        {32, 16, "byte 28: the description of an interface of 16 bytes can't be", -EBADMSG},
        {32, 1 << 20, "byte 28: the description of an interface of 1048576 bytes can't be", -EBADMSG},
        {52, 4, "byte 48: a block of 4 bytes can't be", -EBADMSG},
        {52, 21, "byte 48: a block of 21 bytes can't be", -EBADMSG},
        {128, 28, "byte 124: a packet block of 28 bytes can't be", -EBADMSG},
        {132, 2, "byte 124: a packet of an interface that was not described", -EBADMSG},
        {144, 9, "byte 124: a packet of 9 bytes reaches beyond its block", -EBADMSG},
        {144, UINT32_MAX, "byte 124: a packet of 4294967295 bytes reaches beyond its block", -EBADMSG},
        {128, 1 << 30, "the file is cut off", -EBADMSG},
    };
    struct outcome read;
    struct file file;

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        size_t len;

        make_pcapng(&file, false);
        len = file.len;
        file.len = rows[i].place;
        add(&file, rows[i].value, 4);
        file.len = len;
        for (size_t piece = 1; piece <= len; piece += 5) {
            read_in_pieces(file.bytes, len, piece, &read);
            assert_int_equal(read.code, rows[i].code);
            assert_non_null(strstr(read.error.text, rows[i].told));
        }
    }
}

static void test_broken_pcap(void **state)
{
    struct outcome read;
    struct file file;

    (void)state;
    make_pcap(&file, false, false);
    file.bytes[24 + 8 + 2] = 0x10; /* a megabyte */
    read_whole(&file, &read);
    assert_string_equal(read.error.text, "byte 24: a packet of 1048578 bytes is larger than any device takes");
    make_pcap(&file, false, false);
    file.bytes[4] = 3;
    read_whole(&file, &read);
    assert_int_equal(read.code, -EOPNOTSUPP);
    make_pcap(&file, false, false);
    file.len--;
    read_whole(&file, &read);
    assert_string_equal(read.error.text, "byte 41: the file is cut off: it ends inside of a block");
}

static void test_too_many_interfaces(void **state)
{
    static uint8_t bytes[28 + (TAPNET_CAPTURE_INTERFACES_MAX + 1) * 20];
    struct file file = {0};
    struct outcome read;
    size_t len;

    (void)state;
    add_block(&file, 0x0a0d0d0a, fill_section);
    len = file.len;
    add_block(&file, 1, fill_ethernet);
    memcpy(bytes, file.bytes, len);
    for (size_t i = 0; i <= TAPNET_CAPTURE_INTERFACES_MAX; i++)
        memcpy(bytes + len + i * 20, file.bytes + len, 20);
    read_in_pieces(bytes, sizeof(bytes) - 20, sizeof(bytes), &read);
    assert_int_equal(read.code, 0);
    read_in_pieces(bytes, sizeof(bytes), sizeof(bytes), &read);
    assert_int_equal(read.code, -EOPNOTSUPP);
}

/* Any resolution, any offset, any time: the nearest that can be said, without overflow. */
static void test_times_at_their_limits(void **state)
{
    static const struct {
        uint8_t resolution;
        int64_t offset;
        uint64_t units, nsec;
    } rows[] = {
        {6, 0, 1, 1000},
        {9, 0, UINT64_MAX, UINT64_MAX},
        {0, 0, UINT64_MAX, UINT64_MAX},
        {0, 0, 7, 7000000000},
        {12, 0, 5999, 5},
        {127, 0, UINT64_MAX, 0},
        {0x80, 0, 2, 2000000000},
        {0x81, 0, 3, 1500000000},
        {0xff, 0, UINT64_MAX, 0},
        {9, -1, 999999999, 0},
        {9, -1, 1000000001, 1},
        {9, INT64_MIN, UINT64_MAX, 0},
        {9, 1, 1, 1000000001},
        {9, INT64_MAX, 1, UINT64_MAX},
        {0xa0, 0, UINT64_MAX, 4294967295999999999},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct file file = {0};
        struct outcome read;
        size_t start;

        add_block(&file, 0x0a0d0d0a, fill_section);
        start = file.len;
        add_block(&file, 1, fill_ethernet);
        add_block(&file, 1, fill_odd);
        add_block(&file, 6, fill_packet);
        file.bytes[start + 20 + 16 + 12 + 4] = rows[i].resolution;
        file.len = start + 20 + 16 + 12 + 8 + 4;
        add(&file, (uint64_t)rows[i].offset, 8);
        file.len += 8 + 12; /* the end of its block, the packet's head and interface */
        add(&file, rows[i].units >> 32, 4);
        add(&file, (uint32_t)rows[i].units, 4);
        file.len += 8 + 8 + 4;
        read_whole(&file, &read);
        assert_int_equal(read.code, 0);
        assert_int_equal(read.count, 1);
        assert_true(read.packets[0].time_nsec == rows[i].nsec);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_is_read_again),
        cmocka_unit_test(test_what_can_not_be_written),
        cmocka_unit_test(test_both_byte_orders_in_any_pieces),
        cmocka_unit_test(test_sections_have_their_own_order_and_interfaces),
        cmocka_unit_test(test_pcap),
        cmocka_unit_test(test_cut_files),
        cmocka_unit_test(test_what_is_broken_is_told_with_its_place),
        cmocka_unit_test(test_broken_pcap),
        cmocka_unit_test(test_too_many_interfaces),
        cmocka_unit_test(test_times_at_their_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
