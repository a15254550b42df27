/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/*
 * In place of a fuzzer's main: gives every file named, or in a folder named,
 * to the harness, in the order of their names.
 */

#include <sys/stat.h>

#include <dirent.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"

#define REPLAY_MAX (1024 * 1024) /* bytes of one input */

static char replay_now[PATH_MAX];

/* Which input it was, if an oracle fails. */
static void
replay_died(int sig)
{
	static const char text[] = ": this input\n";
	ssize_t n;

	n = write(STDERR_FILENO, replay_now, strlen(replay_now));
	if (n != -1)
		n = write(STDERR_FILENO, text, sizeof(text) - 1);
	(void)n;
	/* SA_RESETHAND: this time it ends us. */
	(void)raise(sig);
}

static int
replay_signals(void)
{
	static const int sigs[] = { SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE };
	struct sigaction sa;
	size_t i;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = replay_died;
	sa.sa_flags = (int)SA_RESETHAND;
	for (i = 0; i < sizeof(sigs) / sizeof(sigs[0]); i++)
		if (sigaction(sigs[i], &sa, NULL) == -1)
			return (-1);
	return (0);
}

static int
replay_file(const char *path)
{
	uint8_t *data, *exact;
	size_t n;
	FILE *f;

	if ((f = fopen(path, "rb")) == NULL) {
		perror(path);
		return (-1);
	}
	if ((data = malloc(REPLAY_MAX)) == NULL) {
		(void)fclose(f);
		return (-1);
	}
	n = fread(data, 1, REPLAY_MAX, f);
	if (ferror(f) != 0 || fclose(f) == EOF) {
		perror(path);
		free(data);
		return (-1);
	}
	(void)snprintf(replay_now, sizeof(replay_now), "%s", path);
	/* Exactly as long as the input, for whoever reads behind it. */
	exact = fuzz_copy(data, n);
	free(data);
	(void)LLVMFuzzerTestOneInput(exact, n);
	free(exact);
	return (0);
}

static int
replay_visible(const struct dirent *d)
{
	return (d->d_name[0] != '.');
}

/* Returns how many inputs there were, or -1. */
static int
replay_folder(const char *path)
{
	struct dirent **names;
	char file[PATH_MAX];
	int i, n, bad = 0;

	if ((n = scandir(path, &names, replay_visible, alphasort)) == -1) {
		perror(path);
		return (-1);
	}
	for (i = 0; i < n; i++) {
		(void)snprintf(
		    file, sizeof(file), "%s/%s", path, names[i]->d_name);
		if (replay_file(file) == -1)
			bad = 1;
		free(names[i]);
	}
	free(names);
	return (bad ? -1 : n);
}

int
main(int argc, char *argv[])
{
	struct stat st;
	int i, n, total = 0;

	if (replay_signals() == -1) {
		perror("sigaction");
		return (1);
	}
	for (i = 1; i < argc; i++) {
		if (stat(argv[i], &st) == -1) {
			perror(argv[i]);
			return (1);
		}
		n = 1;
		if (S_ISDIR(st.st_mode))
			n = replay_folder(argv[i]);
		else if (replay_file(argv[i]) == -1)
			n = -1;
		if (n == -1)
			return (1);
		total += n;
	}
	if (total == 0) {
		(void)fprintf(stderr, "no inputs\n");
		return (1);
	}
	(void)printf("%d inputs\n", total);
	return (0);
}
