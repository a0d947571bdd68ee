/*
 * reader.c - nat64.ini is parsed by a process that has nothing to lose
 *
 * The file is the one thing that nat64d takes apart that somebody else has written, perhaps a program that was told by a
 * stranger. So nat64d opens it and executes itself once more, with two descriptors: the file and memory for the outcome. That
 * process has an address space and an uid of its own, no rights, and a filter that lets it read and allocate (syscalls.def,
 * READER); it parses and leaves a struct config, with every problem it found, and is gone.
 *
 * nat64d then takes the struct for hostile. Counts are bounded first. Each value goes through its printer and back through its
 * parser, so nothing comes in that a line of the file could not have said, and a text of at most 192 characters is all that is
 * parsed with rights. Deriving and checking come after that, on plain numbers.
 *
 * Must never: read the image before the reader is reaped; use a value of it that did not go through its parser.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "supervisor/calls.h"
#include "supervisor/caps.h"
#include "supervisor/keys.h"
#include "supervisor/memory.h"
#include "supervisor/reader.h"

#define READER_FILE 0			/* what the reader finds where */
#define READER_IMAGE 1
#define READER_ASIDE 10
#define READER_SECONDS 20		/* of processor time */

static uint32_t
reader_uid(void)
{
	const struct keys_row *row = keys_find("gateway", "uid-base");

	return row ? (uint32_t)strtoul(row->def, NULL, 10) : 0;
}

/* In the child: the two descriptors at their places and no other one; then the reader. */
__attribute__((noreturn)) static void
reader_become(int file, int image, uint32_t uid)
{
	char number[16], *argv[] = { (char *)(uintptr_t)"nat64d", (char *)(uintptr_t)READER_OPTION, number, NULL };
	char *const nothing[] = { NULL };
	sigset_t none;

	snprintf(number, sizeof(number), "%u", uid ? uid : reader_uid());
	sigemptyset(&none);
	file = fcntl(file, F_DUPFD_CLOEXEC, READER_ASIDE);
	image = fcntl(image, F_DUPFD_CLOEXEC, READER_ASIDE);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (file >= 0 && image >= 0 && dup2(file, READER_FILE) >= 0 && dup2(image, READER_IMAGE) >= 0 &&
	    sigprocmask(SIG_SETMASK, &none, NULL) == 0) {
#ifdef SANITIZED
		(void)nothing;
		close_range(3, ~0U, 0);
		execve("/proc/self/exe", argv, environ);
#else
		close_range(2, ~0U, 0);
		caps_raise(CAPS_FILES);
		execve("/proc/self/exe", argv, nothing);
#endif
	}
	_exit(127);
}

/* Who is not root has nothing to give up. Who is, but may not change his uid, has the filter. */
static bool
reader_harmless(const char *uid)
{
	const struct rlimit nothing = { 0, 0 }, seconds = { READER_SECONDS, READER_SECONDS };
	uint32_t id = (uint32_t)strtoul(uid, NULL, 10);

	if (geteuid() == 0 && id > 0) {
		if (setgroups(0, NULL) != 0 && errno != EPERM)
			return false;
		if (setresgid(id, id, id) != 0 && errno != EPERM)
			return false;
		if (setresuid(id, id, id) != 0 && errno != EPERM)
			return false;
	}
	return setrlimit(RLIMIT_CPU, &seconds) == 0 && setrlimit(RLIMIT_CORE, &nothing) == 0 &&
	       setrlimit(RLIMIT_FSIZE, &nothing) == 0 && setrlimit(RLIMIT_NPROC, &nothing) == 0 && calls_reader() == 0;
}

/* Write down what was found. */
static void
reader_leave(struct reader_image *image, const struct problem_list *problems)
{
	image->n = problems->n;
	for (unsigned i = 0; i < problems->n && i < PROBLEM_MAX; i++) {
		const struct problem *p = &problems->item[i];

		image->problem[i].line = p->line;
		snprintf(image->problem[i].text, READER_TEXT, "%s", p->text ? p->text : "no memory");
	}
	image->done = READER_DONE;
}

int
reader_main(const char *uid)
{
	struct reader_image *image = memory_map(READER_IMAGE, sizeof(*image));
	static struct problem_list problems;
	static char buffer[1 << 16];	/* stdio would ask what kind of file it is, to make one */
	FILE *in = fdopen(READER_FILE, "r");

	prctl(PR_SET_NAME, "nat64d-reader");	/* or else it would be called exe */
	if (!image || !in || setvbuf(in, buffer, _IOFBF, sizeof(buffer)) != 0 || !reader_harmless(uid))
		return 1;
	problem_init(&problems, "");
	config_read(&image->config, in, &problems);
	reader_leave(image, &problems);
	_exit(0);			/* nothing to flush or give back */
}

/* One value of a key: what its parser makes of what its printer says. */
static bool
reader_value(const struct keys_row *row, uint8_t *field)
{
	struct value_text text;
	struct value_why why;

	row->print(&text, field);
	memset(field, 0, row->size);
	return row->parse(field, text.s, &row->range, &why);
}

static bool
reader_empty(const uint8_t *field, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (field[i])
			return false;
	return true;
}

/* broken: there are problems, so what is missing was named. */
static bool
reader_section(void *section, const uint32_t *lines, const char *kind, bool broken)
{
	for (unsigned k = 0; k < keys_n; k++) {
		const struct keys_row *row = &keys_rows[k];
		uint8_t *items = (uint8_t *)section + row->items;
		uint32_t n;

		if (strcmp(row->section, kind) != 0)
			continue;
		n = keys_count(row, section);
		if (n > row->count || (n == 0 && !row->def && !broken))
			return false;
		if (!row->list && lines[row->lines] == 0 && *row->def == '\0') {
			if (!reader_empty(items, row->size))	/* to be derived */
				return false;
			continue;
		}
		for (uint32_t i = 0; i < n; i++)
			if (!reader_value(row, items + i * row->size))
				return false;
		memset(items + n * row->size, 0, (row->count - n) * row->size);
	}
	return true;
}

/* What the image says of itself is bounded before it is used for anything. */
static bool
reader_tenants(struct config *config, const struct reader_image *image, bool broken)
{
	if (config->tenants > CONFIG_MAX_TENANTS || (config->tenants == 0 && !broken))
		return false;
	for (uint32_t t = 0; t < CONFIG_MAX_TENANTS; t++) {
		struct config_tenant *tenant = &config->tenant[t];
		uint8_t flag;

		memcpy(&flag, (const uint8_t *)image->config.broken + t * sizeof(bool), sizeof(flag));
		config->broken[t] = flag != 0 && t < config->tenants;
		if (t >= config->tenants)
			memset(tenant, 0, sizeof(*tenant));
		else if (!memchr(tenant->name_, '\0', sizeof(tenant->name_)) || !config_name_valid(tenant->name_))
			return false;
		memset(&tenant->leaving_, 0, sizeof(tenant->leaving_));
		for (uint32_t o = 0; o < t && t < config->tenants; o++)
			if (strcmp(config->tenant[o].name_, tenant->name_) == 0)
				return false;
	}
	return true;
}

bool
reader_take(struct config *config, struct problem_list *problems, const struct reader_image *image)
{
	const uint32_t n = image->n;

	if (image->done != READER_DONE)
		return false;
	for (uint32_t i = 0; i < n && i < PROBLEM_MAX; i++) {
		char text[READER_TEXT];

		memcpy(text, image->problem[i].text, sizeof(text));
		text[sizeof(text) - 1] = '\0';
		problem_take(problems, image->problem[i].line, text);
	}
	problems->n += n > PROBLEM_MAX ? n - PROBLEM_MAX : 0;
	memcpy(config, &image->config, offsetof(struct config, broken));
	memcpy(&config->lines, &image->config.lines, sizeof(config->lines));
	memset(config->gateway.name_, 0, sizeof(config->gateway.name_));
	if (!reader_tenants(config, image, n > 0) ||
	    !reader_section(&config->gateway, &config->lines.gateway.section, "gateway", n > 0))
		return false;
	for (uint32_t t = 0; t < config->tenants; t++)
		if (!reader_section(&config->tenant[t], &config->lines.tenant[t].section, "tenant", n > 0))
			return false;
	return true;
}

/* Let the reader work, and reap it. What went wrong is added to problems. */
static bool
reader_ran(int file, int image, uint32_t uid, struct problem_list *problems)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0)
		reader_become(file, image, uid);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (pid < 0)
		problem_add(problems, 0, NULL, "cannot be read, because no process can be made: %s", strerror(errno));
	else if (WIFSIGNALED(status))
		problem_add(problems, 0, NULL, "cannot be read: the process that read it died of signal %d (%s)",
			    WTERMSIG(status), strsignal(WTERMSIG(status)));
	else if (status != 0)
		problem_add(problems, 0, NULL, "cannot be read: the process that was to read it ended with exit status %d",
			    WEXITSTATUS(status));
	return pid > 0 && status == 0;
}

void
reader_config(struct config *config, struct problem_list *problems, uint32_t uid)
{
	struct reader_image *image = NULL;
	int file, memory;

	memset(config, 0, sizeof(*config));
	caps_raise(CAPS_FILES);
	file = open(problems->file, O_RDONLY | O_CLOEXEC);
	caps_drop();
	if (file < 0) {
		problem_add(problems, 0, NULL, "cannot be opened: %s", strerror(errno));
		return;
	}
	memory = memory_create("nat64-config", sizeof(*image));
	if (memory < 0) {
		problem_add(problems, 0, NULL, "cannot be read: %s", strerror(-memory));
	} else if (reader_ran(file, memory, uid, problems)) {
		image = memory_map(memory, sizeof(*image));
		if (!image || !reader_take(config, problems, image)) {
			memset(config, 0, sizeof(*config));
			problem_add(problems, 0, NULL, "cannot be read: what came of it makes no sense");
		}
	}
	if (image)
		memory_unmap(image, sizeof(*image));
	if (memory >= 0)
		close(memory);
	close(file);
}
