/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/*
 * A stream of messages in pieces, with descriptors anywhere, through a real
 * socket.  The oracle reads the same bytes by itself.
 */

#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"

#define IMSG_POOL    4
#define IMSG_STREAM  8192 /* bytes, at most */
#define IMSG_FDS_MAX 3    /* descriptors at once */
#define IMSG_PAYLOAD 300  /* the largest payload, at most */

/* What the first byte says. */
#define IMSG_POOLED  0x01
#define IMSG_FDS     0x02 /* descriptors are taken */
#define IMSG_BLOCKED 0x04 /* and later no more */

struct stream {
	struct imsgbuf rx;
	struct imsgbuf tx;      /* takes forwarded copies, sends nothing */
	struct ibuf_pool *pool; /* to receive */
	struct ibuf_pool *half; /* to send: smaller buffers */
	int sv[2];
	int null; /* what is passed */
	uint8_t how;
	uint32_t max; /* payload */
	uint8_t sent[IMSG_STREAM];
	size_t nsent;
	size_t at; /* end of the messages that were received */
	int dead;
};

static void
stream_open(struct stream *s, struct fuzz_in *in)
{
	/* No socket: one in flight within itself keeps the kernel busy. */
	if (s->null == 0)
		FUZZ_CHECK(
		    (s->null = open("/dev/null", O_RDONLY | O_CLOEXEC)) > 0);
	s->nsent = s->at = 0;
	s->dead = 0;
	s->how = fuzz_u8(in);
	s->max = fuzz_u8(in) % IMSG_PAYLOAD;
	FUZZ_CHECK(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s->sv) == 0);
	FUZZ_CHECK(imsgbuf_init(&s->rx, s->sv[1]) == 0);
	FUZZ_CHECK(imsgbuf_init(&s->tx, -1) == 0);
	FUZZ_CHECK(imsgbuf_set_maxsize(&s->rx, s->max) == 0);
	s->pool = s->half = NULL;
	if (s->how & IMSG_POOLED) {
		s->pool = ibuf_pool_new(IMSG_POOL, IMSG_HEADER_SIZE + s->max);
		FUZZ_CHECK(s->pool != NULL);
		FUZZ_CHECK(imsgbuf_set_pool(&s->rx, NULL, s->pool) == 0);
		s->half = ibuf_pool_new(2, IMSG_HEADER_SIZE + s->max / 2);
		FUZZ_CHECK(s->half != NULL);
		FUZZ_CHECK(imsgbuf_set_pool(&s->tx, s->half, NULL) == 0);
	}
	if (s->how & IMSG_FDS)
		imsgbuf_allow_fdpass(&s->rx);
}

static void
stream_close(struct stream *s)
{
	imsgbuf_clear(&s->tx);
	ibuf_pool_free(s->pool);
	ibuf_pool_free(s->half);
	FUZZ_CHECK(close(s->sv[1]) == 0);
	FUZZ_CHECK(close(s->sv[0]) == 0);
}

/* One piece, and with it nfds descriptors. */
static void
stream_write(struct stream *s, const uint8_t *p, size_t len, size_t nfds)
{
	union {
		struct cmsghdr hdr;
		unsigned char buf[CMSG_SPACE(IMSG_FDS_MAX * sizeof(int))];
	} ctl;
	struct iovec iov;
	struct msghdr mh;
	struct cmsghdr *c;
	ssize_t n;
	size_t i;
	uint8_t buf[256];

	if (len == 0 || len > sizeof(s->sent) - s->nsent)
		return;
	memcpy(buf, p, len);
	memset(&mh, 0, sizeof(mh));
	iov.iov_base = buf;
	iov.iov_len = len;
	mh.msg_iov = &iov;
	mh.msg_iovlen = 1;
	if (nfds > 0) {
		memset(&ctl, 0, sizeof(ctl));
		mh.msg_control = &ctl;
		mh.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		c = CMSG_FIRSTHDR(&mh);
		c->cmsg_len = CMSG_LEN(nfds * sizeof(int));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		for (i = 0; i < nfds; i++)
			memcpy(CMSG_DATA(c) + i * sizeof(int), &s->null,
			    sizeof(int));
	}
	n = sendmsg(s->sv[0], &mh, MSG_NOSIGNAL);
	/* Full, or too many descriptors on their way. */
	if (n == -1) {
		FUZZ_CHECK(errno == EAGAIN || errno == ETOOMANYREFS);
		return;
	}
	memcpy(s->sent + s->nsent, p, (size_t)n);
	s->nsent += (size_t)n;
}

/* The message that stands next in what was sent, if it is whole. */
static int
stream_next(const struct stream *s, struct imsg_hdr *hdr)
{
	if (s->nsent - s->at < sizeof(*hdr))
		return (0);
	memcpy(hdr, s->sent + s->at, sizeof(*hdr));
	hdr->len &= ~IMSG_FD_MARK;
	return (hdr->len >= sizeof(*hdr) && hdr->len <= sizeof(*hdr) + s->max &&
	    s->nsent - s->at >= hdr->len);
}

/* It goes on as it was received, but for the descriptor. */
static void
stream_forward(struct stream *s, const struct imsg *imsg,
    const struct imsg_hdr *hdr, const uint8_t *p)
{
	struct imsg copy;
	struct ibuf *grown;
	size_t len = hdr->len - IMSG_HEADER_SIZE;

	/* Written bit by bit, it may turn out too long. */
	if ((grown = imsg_create(&s->tx, hdr->type, 0, 0, 0)) != NULL &&
	    imsg_add(grown, p, len) != -1)
		ibuf_free(grown);
	/* Its sending buffers may be smaller. */
	if (imsg_forward(&s->tx, imsg) == -1) {
		FUZZ_CHECK(errno == ERANGE && len > s->max / 2);
		FUZZ_CHECK(imsgbuf_queuelen(&s->tx) == 0);
		FUZZ_CHECK((s->how & IMSG_POOLED) != 0);
		return;
	}
	FUZZ_CHECK(fuzz_dequeue(&s->tx, &copy));
	FUZZ_CHECK(imsg_get_type(&copy) == hdr->type);
	FUZZ_CHECK(imsg_get_id(&copy) == hdr->peerid);
	FUZZ_CHECK(imsg_get_len(&copy) == len);
	FUZZ_CHECK(len == 0 || memcmp(copy.data, p, len) == 0);
	FUZZ_CHECK(!ibuf_fd_avail(copy.buf));
	imsg_free(&copy);
}

/* It was received as it was sent. */
static void
stream_same(struct stream *s, struct imsg *imsg)
{
	const uint8_t *p = s->sent + s->at + IMSG_HEADER_SIZE;
	struct imsg_hdr hdr;
	size_t len;
	int fd;

	FUZZ_CHECK(stream_next(s, &hdr));
	len = hdr.len - IMSG_HEADER_SIZE;
	FUZZ_CHECK(imsg_get_type(imsg) == hdr.type);
	FUZZ_CHECK(imsg_get_id(imsg) == hdr.peerid);
	FUZZ_CHECK((uint32_t)imsg_get_pid(imsg) == hdr.pid);
	FUZZ_CHECK(imsg_get_len(imsg) == len);
	FUZZ_CHECK(len == 0 || memcmp(imsg->data, p, len) == 0);
	stream_forward(s, imsg, &hdr, p);
	if (ibuf_fd_avail(imsg->buf)) {
		FUZZ_CHECK((s->how & (IMSG_FDS | IMSG_BLOCKED)) == IMSG_FDS);
		/* Half are taken, half are left to imsg_free. */
		if (hdr.type & 1) {
			FUZZ_CHECK((fd = imsg_get_fd(imsg)) != -1);
			FUZZ_CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC);
			FUZZ_CHECK(close(fd) == 0);
			FUZZ_CHECK(imsg_get_fd(imsg) == -1);
		}
	}
	s->at += hdr.len;
}

static void
stream_receive(struct stream *s, unsigned int n)
{
	struct imsg imsg;
	int rc;

	while (n-- > 0 && !s->dead) {
		rc = imsgbuf_get(&s->rx, &imsg);
		if (rc == 1) {
			stream_same(s, &imsg);
			imsg_free(&imsg);
			continue;
		}
		if (rc == -1)
			s->dead = 1;
		return;
	}
}

/* As the stream is dead, there was a reason for it. */
static void
stream_check_dead(struct stream *s, int why)
{
	struct imsg_hdr hdr;
	size_t at = s->at;

	s->dead = 1;
	FUZZ_CHECK(imsgbuf_read(&s->rx) == -1);
	if (why == EBADMSG || why == EMSGSIZE) {
		FUZZ_CHECK(s->how & IMSG_FDS);
		return;
	}
	FUZZ_CHECK(why == ERANGE);
	while (s->nsent - at >= sizeof(hdr)) {
		memcpy(&hdr, s->sent + at, sizeof(hdr));
		hdr.len &= ~IMSG_FD_MARK;
		if (hdr.len < sizeof(hdr) || hdr.len > sizeof(hdr) + s->max)
			return;
		FUZZ_CHECK(hdr.len <= s->nsent - at);
		at += hdr.len;
	}
	FUZZ_CHECK(0);
}

static void
stream_step(struct stream *s, struct fuzz_in *in)
{
	uint8_t op = fuzz_u8(in), n = fuzz_u8(in);
	const uint8_t *p;
	size_t got;

	p = fuzz_take(in, n, &got);
	/* No more than the socket's buffer holds is unread. */
	stream_write(s, p, got, op & 0x01 ? 1 + (op >> 5) % IMSG_FDS_MAX : 0);
	if ((op & 0x02) && !s->dead && imsgbuf_read(&s->rx) == -1)
		stream_check_dead(s, errno);
	if ((op & 0x0c) && !s->dead)
		stream_receive(s, op >> 2 & 3);
	if (op == 0xff && (s->how & IMSG_BLOCKED) == 0) {
		imsgbuf_deny_fdpass(&s->rx);
		s->how |= IMSG_BLOCKED;
	}
}

/* Which of the first descriptors are open, a bit for each. */
static uint32_t
stream_open_fds(void)
{
	uint32_t bits = 0;
	int i;

	for (i = 0; i < 32; i++)
		if (fcntl(i, F_GETFD) != -1)
			bits |= 1U << i;
	return (bits);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct stream s;
	struct fuzz_in in = { data, size };
	uint32_t before;
	int rc = 1;

	stream_open(&s, &in);
	before = stream_open_fds();
	s.how &= ~IMSG_BLOCKED;
	while (in.len > 0)
		stream_step(&s, &in);
	/* All that was sent arrives, up to where the stream died. */
	FUZZ_CHECK(shutdown(s.sv[0], SHUT_WR) == 0);
	while (!s.dead && rc == 1) {
		stream_receive(&s, UINT32_MAX);
		if ((rc = imsgbuf_read(&s.rx)) == -1)
			stream_check_dead(&s, errno);
	}
	stream_receive(&s, UINT32_MAX);
	if (!s.dead)
		FUZZ_CHECK(imsgbuf_partial(&s.rx) == s.nsent - s.at);
	imsgbuf_clear(&s.rx);
	/* None of those that came along has leaked. */
	FUZZ_CHECK(stream_open_fds() == before);
	stream_close(&s);
	return (0);
}
