#include "pullthrough/edge/sys/file.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATH_BYTES = 256 };

struct folder {
    char path[PATH_BYTES];
};

static int make_folder(void **state)
{
    struct folder *folder = calloc(1, sizeof(*folder));

    assert_non_null(folder);
    (void)snprintf(folder->path, sizeof(folder->path), "/tmp/test_file.XXXXXX");
    assert_non_null(mkdtemp(folder->path));
    *state = folder;
    return 0;
}

static int remove_folder(void **state)
{
    static const char *const names[] = {"a",   "b",   "one/tls.crt", "two/tls.crt",
                                        "one", "two", "..data",      "tls.crt"};
    struct folder *folder = *state;
    char path[2 * PATH_BYTES];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", folder->path, names[i]);
        (void)remove(path);
    }
    assert_int_equal(rmdir(folder->path), 0);
    free(folder);
    return 0;
}

static const char *in_folder(void **state, const char *name)
{
    static char paths[4][2 * PATH_BYTES];
    static unsigned next;
    struct folder *folder = *state;
    char *path = paths[next++ % 4];

    (void)snprintf(path, sizeof(paths[0]), "%s/%s", folder->path, name);
    return path;
}

static void write_file(const char *path, const char *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), len);
    assert_int_equal(close(fd), 0);
}

static void test_reads_every_byte_behind_what_was_there(void **state)
{
    STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(100);
    struct error error = {{0}};

    write_file(in_folder(state, "a"), "x\0y\n", 4);
    strbuf_add_str(&out, "before:");
    assert_int_equal(file_read(in_folder(state, "a"), &out, &error), 0);
    assert_int_equal(out.len, 11);
    assert_memory_equal(out.ptr, "before:x\0y\n", 11);
    assert_string_equal(error.text, "");
}

static void test_ceiling(void **state)
{
    static const size_t most = 40000; /* more than one read */
    STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(most);
    struct error error = {{0}};
    char want[2 * PATH_BYTES + 50];
    char *bytes = malloc(most + 1);

    assert_non_null(bytes);
    memset(bytes, 'z', most + 1);
    write_file(in_folder(state, "a"), bytes, most);
    assert_int_equal(file_read(in_folder(state, "a"), &out, &error), 0);
    assert_int_equal(out.len, most);

    strbuf_clear(&out);
    write_file(in_folder(state, "a"), bytes, most + 1);
    assert_int_equal(file_read(in_folder(state, "a"), &out, &error), -1);
    assert_int_equal(out.len, 0);
    (void)snprintf(want, sizeof(want), "%s: larger than 40000 bytes", in_folder(state, "a"));
    assert_string_equal(error.text, want);

    strbuf_clear(&out);
    strbuf_add_str(&out, "12345");
    assert_int_equal(file_read(in_folder(state, "a"), &out, NULL), -1);
    assert_string_equal(strbuf_str(&out), "12345");
    free(bytes);
}

static void test_what_cannot_be_read(void **state)
{
    STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(100);
    struct error error;
    struct folder *folder = *state;
    char want[2 * PATH_BYTES + 50];

    assert_int_equal(file_read(in_folder(state, "b"), &out, &error), FILE_UNREAD);
    (void)snprintf(want, sizeof(want), "%s: No such file or directory", in_folder(state, "b"));
    assert_string_equal(error.text, want);
    assert_int_equal(file_read("", &out, &error), -1);
    assert_string_equal(error.text, "the file's name is empty");
    assert_int_equal(file_read(folder->path, &out, &error), -1);
    (void)snprintf(want, sizeof(want), "%s: is a directory, not a regular file", folder->path);
    assert_string_equal(error.text, want);
    assert_int_equal(file_read_fd(-1, "nothing", &out, &error), FILE_UNREAD);
    assert_string_equal(error.text, "nothing: Bad file descriptor");
    assert_int_equal(out.len, 0);
}

static void test_dash_is_standard_input(void **state)
{
    STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(100);
    int ends[2], kept = dup(STDIN_FILENO);

    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
    assert_int_equal(write(ends[1], "piped", 5), 5);
    (void)close(ends[0]);
    (void)close(ends[1]);
    assert_int_equal(file_read_argument("-", &out, NULL), 0);
    assert_string_equal(strbuf_str(&out), "piped");
    assert_int_equal(file_read_argument("/dev/stdin", &out, NULL), 0); /* at its end */
    assert_int_equal(out.len, 5);
    if (kept >= 0) {
        assert_int_equal(dup2(kept, STDIN_FILENO), STDIN_FILENO);
        (void)close(kept);
    }
}

struct pieces {
    size_t bytes, calls, most;
    int answer;
};

static int take_piece(void *context, struct slice bytes)
{
    struct pieces *pieces = context;

    for (size_t i = 0; i < bytes.len; i++)
        assert_int_equal(bytes.ptr[i], 'x');
    pieces->bytes += bytes.len;
    pieces->calls++;
    pieces->most = bytes.len > pieces->most ? bytes.len : pieces->most;
    return pieces->answer;
}

static void test_a_file_that_is_read_as_it_comes(void **state)
{
    enum { BYTES = 300000 };
    struct pieces pieces = {0}, first = {.answer = 7};
    const char *path = in_folder(state, "a");
    FILE *file = fopen(path, "w");
    struct error error = {""};

    assert_non_null(file);
    for (int i = 0; i < BYTES; i++)
        assert_int_equal(fputc('x', file), 'x');
    assert_int_equal(fclose(file), 0);
    assert_int_equal(file_stream_argument(path, take_piece, &pieces, &error), 0);
    assert_int_equal(pieces.bytes, BYTES);
    assert_true(pieces.most <= 64 * 1024);
    assert_int_equal(file_stream_argument(path, take_piece, &first, &error), 7);
    assert_int_equal(first.calls, 1);
    assert_string_equal(error.text, "");
    assert_int_equal(file_stream_argument(in_folder(state, "b"), take_piece, &first, &error),
                     FILE_UNREAD);
    assert_non_null(strstr(error.text, "No such file or directory"));
    assert_int_equal(file_stream_fd(-1, "nothing", take_piece, &first, &error), FILE_UNREAD);
    assert_string_equal(error.text, "nothing: Bad file descriptor");
    assert_int_equal(first.calls, 1);
}

/* As a shell's "<(command)" is named; and what only begins like that is a path like any other. */
static void test_given_descriptors_may_be_pipes(void **state)
{
    static const char *const names[] = {"/dev/fd/", "/proc/self/fd/"};
    static const char *const paths[] = {"/dev/fd/", "/dev/fd/0x1", "/proc/self/fd/-1",
                                        "/dev/fd/99999999999999999999"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(100);
        char name[40];
        int ends[2];

        assert_int_equal(pipe(ends), 0);
        assert_int_equal(write(ends[1], "piped", 5), 5);
        (void)close(ends[1]);
        (void)snprintf(name, sizeof(name), "%s%d", names[i], ends[0]);
        assert_int_equal(file_read_argument(name, &out, NULL), 0);
        assert_string_equal(strbuf_str(&out), "piped");
        assert_int_equal(file_read(name, &out, NULL), -1); /* where it is no argument */
        (void)close(ends[0]);
    }
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(100);
        struct error error = {""};

        assert_true(file_read_argument(paths[i], &out, &error) < 0);
        assert_true(slice_starts_with(slice_str(error.text), slice_str(paths[i])));
    }
}

/* None of them is waited for, or even opened. */
static void test_only_regular_files_are_read(void **state)
{
    STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(100);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct {
        const char *path, *kind;
    } rows[] = {
        {in_folder(state, "a"), "FIFO"},
        {in_folder(state, "b"), "socket"},
        {((struct folder *)*state)->path, "directory"},
        {"/dev/zero", "device"},
        {"/dev/tty", "device"},
    };

    (void)remove(rows[0].path);
    assert_int_equal(mkfifo(rows[0].path, 0600), 0);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", rows[1].path);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char want[2 * PATH_BYTES + 50];
        struct error error = {""};

        assert_int_equal(file_read(rows[i].path, &out, &error), -1);
        (void)snprintf(want, sizeof(want), "%s: is a %s, not a regular file", rows[i].path,
                       rows[i].kind);
        assert_string_equal(error.text, want);
        assert_int_equal(file_read_argument(rows[i].path, &out, &error), -1);
        assert_string_equal(error.text, want);
    }
    assert_int_equal(file_read("/dev/null", &out, NULL), 0);
    assert_int_equal(out.len, 0);
    assert_int_equal(file_read("/proc/self/stat", &out, NULL), -1); /* it is over 100 bytes */
    (void)close(listener);
    assert_int_equal(remove(rows[0].path), 0);
    assert_int_equal(remove(rows[1].path), 0);
}

/* And are told from those of what is in the file: another try fares better. */
static void test_failures_that_pass(void **state)
{
    STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(100);
    struct rlimit limit, none;
    struct error error = {""};
    char want[2 * PATH_BYTES + 50];
    int status;

    assert_int_equal(file_read(in_folder(state, "b"), &out, NULL), FILE_UNREAD);
    write_file(in_folder(state, "a"), "here", 4);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = (struct rlimit){0, limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    status = file_read(in_folder(state, "a"), &out, &error);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(status, FILE_UNREAD);
    (void)snprintf(want, sizeof(want), "%s: Too many open files", in_folder(state, "a"));
    assert_string_equal(error.text, want);
    assert_int_equal(file_read(in_folder(state, "a"), &out, &error), 0);
    assert_string_equal(strbuf_str(&out), "here");
}

static void test_stamp_sees_another_mode(void **state)
{
    struct file_stamp first, closed, open;

    write_file(in_folder(state, "a"), "1", 1);
    first = file_stamp_of(in_folder(state, "a"));
    assert_int_equal(chmod(in_folder(state, "a"), 0), 0);
    closed = file_stamp_of(in_folder(state, "a"));
    assert_false(file_stamp_equal(&first, &closed));
    assert_int_equal(chmod(in_folder(state, "a"), 0600), 0);
    open = file_stamp_of(in_folder(state, "a"));
    assert_false(file_stamp_equal(&closed, &open));
    assert_int_equal(open.modified_ns, first.modified_ns);
}

/* The way kubelet swaps a mounted Secret: tls.crt -> ..data/tls.crt, ..data -> a folder. */
static void test_stamp_follows_a_symlink_swap(void **state)
{
    struct file_stamp missing = file_stamp_of(in_folder(state, "tls.crt")), first, again, swapped;

    assert_false(missing.exists);
    assert_int_equal(mkdir(in_folder(state, "one"), 0700), 0);
    assert_int_equal(mkdir(in_folder(state, "two"), 0700), 0);
    write_file(in_folder(state, "one/tls.crt"), "1", 1);
    write_file(in_folder(state, "two/tls.crt"), "2", 1);
    assert_int_equal(symlink("one", in_folder(state, "..data")), 0);
    assert_int_equal(symlink("..data/tls.crt", in_folder(state, "tls.crt")), 0);
    first = file_stamp_of(in_folder(state, "tls.crt"));
    again = file_stamp_of(in_folder(state, "tls.crt"));
    assert_true(first.exists);
    assert_true(file_stamp_equal(&first, &again));
    assert_false(file_stamp_equal(&first, &missing));

    assert_int_equal(unlink(in_folder(state, "..data")), 0);
    assert_int_equal(symlink("two", in_folder(state, "..data")), 0);
    swapped = file_stamp_of(in_folder(state, "tls.crt"));
    assert_true(swapped.exists);
    assert_false(file_stamp_equal(&first, &swapped));
}

static void test_stamp_sees_a_rewrite_in_place(void **state)
{
    struct file_stamp first, grown, touched;
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 1000000000}};

    write_file(in_folder(state, "a"), "1", 1);
    first = file_stamp_of(in_folder(state, "a"));
    write_file(in_folder(state, "a"), "22", 2);
    grown = file_stamp_of(in_folder(state, "a"));
    assert_false(file_stamp_equal(&first, &grown));
    assert_int_equal(utimensat(AT_FDCWD, in_folder(state, "a"), times, 0), 0);
    touched = file_stamp_of(in_folder(state, "a"));
    assert_int_equal(touched.modified_s, 1000000000);
    assert_false(file_stamp_equal(&grown, &touched));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_every_byte_behind_what_was_there),
        cmocka_unit_test(test_ceiling),
        cmocka_unit_test(test_what_cannot_be_read),
        cmocka_unit_test_setup_teardown(test_a_file_that_is_read_as_it_comes, make_folder,
                                        remove_folder),
        cmocka_unit_test(test_dash_is_standard_input),
        cmocka_unit_test(test_given_descriptors_may_be_pipes),
        cmocka_unit_test(test_only_regular_files_are_read),
        cmocka_unit_test(test_failures_that_pass),
        cmocka_unit_test(test_stamp_sees_another_mode),
        cmocka_unit_test(test_stamp_follows_a_symlink_swap),
        cmocka_unit_test(test_stamp_sees_a_rewrite_in_place),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
