/*
 * log.c - one line per event on stderr, in a single write
 *
 * The supervisor logs events (a death, a reload, what could not be done and what to do about it), never packets. A
 * line is formatted into a buffer and leaves in one write, so lines of nat64d and of its children do not mix.
 *
 * journald and others that read a service's stderr take "<N>" at the start of a line as its priority; a terminal must
 * not see it. JOURNAL_STREAM names the device and inode of the journal's socket, and only if stderr is that very
 * socket is the prefix right: the variable is inherited by shells whose stderr is something else.
 *
 * Must never: fail, block start-up or change errno.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "supervisor/log.h"

static enum config_log_level log_highest = CONFIG_LOG_INFO;
static bool log_journal;

void
log_init(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	log_journal = stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
		      fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

void
log_level(enum config_log_level level)
{
	log_highest = level;
}

/* Write prefix, level's word and text as one line. */
static void
log_write(int priority, const char *word, const char *text)
{
	char line[1024];
	int saved = errno, n;

	if (log_journal)
		n = snprintf(line, sizeof(line) - 1, "<%d>nat64d: %s%s", priority, word, text);
	else
		n = snprintf(line, sizeof(line) - 1, "nat64d: %s%s", word, text);
	if (n > (int)sizeof(line) - 2)
		n = (int)sizeof(line) - 2;
	for (int i = 0; i < n; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = ' ';
	line[n++] = '\n';
	while (write(STDERR_FILENO, line, (size_t)n) < 0 && errno == EINTR)
		;
	errno = saved;		/* and if it failed, nobody is left to tell */
}

void
log_line(enum config_log_level level, const char *format, ...)
{
	static const int priority[] = { 3, 4, 6, 7 };
	static const char *const word[] = { "error: ", "warning: ", "", "debug: " };
	char text[960];
	va_list args;

	if (level > log_highest)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	log_write(priority[level], word[level], text);
}

void
log_always(const char *text)
{
	log_write(5, "", text);
}
