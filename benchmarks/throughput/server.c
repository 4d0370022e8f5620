/* A batch service faster than any client: one thread, epoll, keep-alive, no store.
 *
 * POST …/batch/set and …/batch/delete answer that every key of the request succeeded, …/batch/get
 * that every key was found with one value of about 100 bytes. Keys and entity names are cut out of
 * the request's JSON as they stand, so the answer names each record. What it does not understand
 * it answers with 400, and hangs up.
 *
 *   cc -O2 -o server server.c && ./server      prints its port on loopback; ends with its stdin
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS = 256, FIRST_BYTES = 64 * 1024, MOST_BYTES = 64 * 1024 * 1024 };

static const char VALUE[] =
    ",\"value\":{\"n\":1234567,\"name\":\"a record of about one hundred bytes\",\"on\":true}";
static const char REFUSED[] =
    "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

struct buffer {
    char *bytes;
    size_t used, size;
};

struct connection {
    int fd;
    struct buffer in, out;
    size_t sent;
    int closing;
};

struct span {
    const char *start;
    size_t length;
};

static void reserve(struct buffer *buffer, size_t more) {
    if (buffer->used + more <= buffer->size) return;
    size_t size = buffer->size ? buffer->size : FIRST_BYTES;
    while (size < buffer->used + more) size *= 2;
    buffer->bytes = realloc(buffer->bytes, size);
    if (!buffer->bytes) abort();
    buffer->size = size;
}

static void append(struct buffer *buffer, const char *bytes, size_t count) {
    reserve(buffer, count);
    memcpy(buffer->bytes + buffer->used, bytes, count);
    buffer->used += count;
}

#define APPEND(buffer, text) append(buffer, text, sizeof(text) - 1)

/* The quote that ends the string which begins at `at`, just after its first quote. */
static const char *string_end(const char *at, const char *end) {
    for (;;) {
        const char *quote = memchr(at, '"', end - at);
        if (!quote) return NULL;
        const char *before = quote;
        while (before > at && before[-1] == '\\') before--;
        if ((quote - before) % 2 == 0) return quote;
        at = quote + 1;
    }
}

static void name_record(struct buffer *out, struct span key, struct span entity, int wants_value,
                        int *named) {
    if (!key.start) return;
    if ((*named)++) APPEND(out, ",");
    APPEND(out, "{\"key\":\"");
    append(out, key.start, key.length);
    APPEND(out, "\"");
    if (entity.start) {
        APPEND(out, ",\"entityName\":\"");
        append(out, entity.start, entity.length);
        APPEND(out, "\"");
    }
    if (wants_value) append(out, VALUE, sizeof VALUE - 1);
    APPEND(out, "}");
}

/* Names every record of the array in the answer. Returns how many, -1 if it is not such JSON. */
static int name_records(struct buffer *out, const char *at, const char *end, int wants_value) {
    struct span key = {0}, entity = {0}, *target = NULL;
    int depth = 0, named = 0;
    for (; at < end; at++) {
        switch (*at) {
        case '[':
        case '{':
            depth++;
            break;
        case ']':
        case '}':
            if (--depth == 1) {
                name_record(out, key, entity, wants_value, &named);
                key.start = entity.start = NULL;
            }
            break;
        case ',':
            target = NULL;
            break;
        case '"': {
            const char *start = at + 1, *quote = string_end(start, end);
            if (!quote) return -1;
            if (depth == 2 && target) {
                target->start = start;
                target->length = quote - start;
                target = NULL;
            } else if (depth == 2 && quote[1] == ':') {
                if (quote - start == 3 && !memcmp(start, "key", 3)) target = &key;
                else if (quote - start == 10 && !memcmp(start, "entityName", 10)) target = &entity;
            }
            at = quote;
        }
        }
    }
    return depth == 0 ? named : -1;
}

static void answer(struct connection *one, const char *path, size_t path_length, const char *body,
                   size_t body_bytes) {
    int is_get = path_length >= 10 && !memcmp(path + path_length - 10, "/batch/get", 10);
    struct buffer *out = &one->out;
    size_t start = out->used;
    /* The length is not known before the body is made: reserve ten digits, with leading zeros. */
    APPEND(out, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ");
    size_t length_at = out->used;
    APPEND(out, "0000000000\r\n\r\n");
    size_t body_at = out->used;
    APPEND(out, "{\"successfulKeys\":[");
    if (name_records(out, body, body + body_bytes, is_get) < 0) {
        out->used = start;
        append(out, REFUSED, sizeof REFUSED - 1);
        one->closing = 1;
        return;
    }
    APPEND(out, "],\"failedKeys\":[]}");
    char digits[11];
    snprintf(digits, sizeof digits, "%010zu", out->used - body_at);
    memcpy(out->bytes + length_at, digits, 10);
}

static const char *header(const char *at, const char *end, const char *name) {
    size_t length = strlen(name);
    while (at < end) {
        const char *line_end = memchr(at, '\n', end - at);
        if (!line_end) return NULL;
        if ((size_t)(line_end - at) > length && at[length] == ':' &&
            !strncasecmp(at, name, length))
            return at + length + 1;
        at = line_end + 1;
    }
    return NULL;
}

/* Answers the complete requests in the buffer. */
static void answer_all(struct connection *one) {
    size_t done = 0;
    while (!one->closing) {
        const char *head = one->in.bytes + done;
        size_t left = one->in.used - done;
        const char *head_end = left ? memmem(head, left, "\r\n\r\n", 4) : NULL;
        if (!head_end) break;
        const char *body = head_end + 4;
        const char *length = header(head, body, "content-length");
        const char *path = memchr(head, ' ', body - head);
        const char *path_end = path ? memchr(path + 1, ' ', body - path - 1) : NULL;
        size_t body_bytes = length ? strtoul(length, NULL, 10) : 0;
        if (memcmp(head, "POST ", 5) || !length || !path_end || body_bytes > MOST_BYTES) {
            append(&one->out, REFUSED, sizeof REFUSED - 1);
            one->closing = 1;
            break;
        }
        if (left - (body - head) < body_bytes) break;
        answer(one, path + 1, path_end - path - 1, body, body_bytes);
        done = (body - one->in.bytes) + body_bytes;
    }
    memmove(one->in.bytes, one->in.bytes + done, one->in.used - done);
    one->in.used -= done;
}

/* Returns whether the connection can still be used. */
static int flush(struct connection *one, int poll) {
    while (one->sent < one->out.used) {
        ssize_t count = send(one->fd, one->out.bytes + one->sent, one->out.used - one->sent,
                             MSG_NOSIGNAL);
        if (count < 0 && errno == EAGAIN) {
            struct epoll_event wanted = {.events = EPOLLIN | EPOLLOUT, .data.ptr = one};
            epoll_ctl(poll, EPOLL_CTL_MOD, one->fd, &wanted);
            return 1;
        }
        if (count < 0) return 0;
        one->sent += count;
    }
    one->sent = one->out.used = 0;
    return !one->closing;
}

static int serve(struct connection *one, int poll) {
    for (;;) {
        reserve(&one->in, FIRST_BYTES / 2);
        size_t room = one->in.size - one->in.used;
        ssize_t count = recv(one->fd, one->in.bytes + one->in.used, room, 0);
        if (count == 0 || (count < 0 && errno != EAGAIN)) return 0;
        if (count > 0) one->in.used += count;
        if (count < 0 || (size_t)count < room) break;
    }
    answer_all(one);
    return flush(one, poll);
}

static void take(int listener, int poll) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    int yes = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    struct connection *one = calloc(1, sizeof *one);
    if (!one) abort();
    one->fd = fd;
    struct epoll_event wanted = {.events = EPOLLIN, .data.ptr = one};
    epoll_ctl(poll, EPOLL_CTL_ADD, fd, &wanted);
}

static int listening(void) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    if (bind(fd, (struct sockaddr *)&address, size) || listen(fd, 1024)) {
        perror("listen");
        exit(1);
    }
    getsockname(fd, (struct sockaddr *)&address, &size);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

int main(void) {
    static char ends_with_stdin, takes_new;
    int poll = epoll_create1(EPOLL_CLOEXEC), listener = listening();
    struct epoll_event input = {.events = EPOLLIN | EPOLLHUP, .data.ptr = &ends_with_stdin};
    struct epoll_event incoming = {.events = EPOLLIN, .data.ptr = &takes_new};
    epoll_ctl(poll, EPOLL_CTL_ADD, STDIN_FILENO, &input);
    epoll_ctl(poll, EPOLL_CTL_ADD, listener, &incoming);
    for (;;) {
        struct epoll_event events[EVENTS];
        int count = epoll_wait(poll, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == &ends_with_stdin) return 0;
            if (events[i].data.ptr == &takes_new) {
                take(listener, poll);
                continue;
            }
            struct connection *one = events[i].data.ptr;
            if (events[i].events & EPOLLOUT) {
                struct epoll_event wanted = {.events = EPOLLIN, .data.ptr = one};
                epoll_ctl(poll, EPOLL_CTL_MOD, one->fd, &wanted);
            }
            int is_open = events[i].events & EPOLLIN ? serve(one, poll) : flush(one, poll);
            if (!is_open) {
                close(one->fd);
                free(one->in.bytes);
                free(one->out.bytes);
                free(one);
            }
        }
    }
}
