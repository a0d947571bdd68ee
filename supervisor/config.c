/*
 * config.c - nat64.ini in, struct config out
 *
 * libinih splits "key = value"; Debian's build tells its handler no line number, so the file is read through its
 * reader callback, which hands it one physical line at a time and so always knows which one is being looked at. The
 * callback also judges what libinih would pass over in silence: a section without keys, text behind a ], a line that
 * is neither a section nor key = value, a line longer than its buffer, a NUL. Such a line is reported and handed on
 * empty. Leading blanks are taken off, so that an indented key is a key and not the continuation of a value.
 *
 * No key is named in the parser: config_value() looks the key up in the rows of keys.c and the row's parser writes the
 * field. Only config_resolve(), which derives values from others, knows keys by name.
 *
 * Must never: stop at the first problem; let a value take effect that was not understood to its last character.
 */
#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdlib.h>
#include "shm/rfc6052.h"
#include "supervisor/config.h"
#include "supervisor/keys.h"
#include "supervisor/log.h"

#define CONFIG_FILE_MAX (16 << 20)	/* bytes; 64 tenants with all the keys there can be need less */
#define CONFIG_KEPT 256			/* max-fragments of a worker: a quarter holds any packet cut for an MTU of 1280 */

/* What is being read, and where we are in it. */
struct config_reading {
	FILE *in;
	char *line;			/* getline's buffer */
	size_t room;
	unsigned number;		/* of the line libinih is looking at */
	struct config *config;
	struct problem_list *problems;
	bool gateway_seen, tenant_seen;
	bool tolerant;			/* of what another version may know */
	const char *kind;		/* "gateway", "tenant", or NULL: outside any known section */
	void *section;			/* the struct that keys go to */
	uint32_t *lines;		/* and their line numbers: a struct config_lines_..., as an array */
	bool *broken;			/* of the tenant that keys go to, or NULL */
	char where[64];			/* "[tenant blue]" */
	struct config_tenant scrap;	/* takes the keys of a section that cannot be used */
	struct config_lines_tenant scrap_lines;
};

/* From here on keys go nowhere in particular, but are still checked. */
static void
config_scrap(struct config_reading *r, const char *kind)
{
	memset(&r->scrap, 0, sizeof(r->scrap));
	memset(&r->scrap_lines, 0, sizeof(r->scrap_lines));
	r->kind = kind;
	r->broken = NULL;
	r->section = &r->scrap;
	r->lines = &r->scrap_lines.section;
}

bool
config_name_valid(const char *name)
{
	size_t n = strlen(name);

	if (n == 0 || n >= CONFIG_NAME_MAX)
		return false;
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && *name != '-' && *name != '_')
			return false;
	return true;
}

static void
config_tenant_begin(struct config_reading *r, const char *name)
{
	struct config *c = r->config;

	r->tenant_seen = true;
	config_scrap(r, "tenant");
	snprintf(r->where, sizeof(r->where), "[tenant %.40s]", name);
	if (!config_name_valid(name)) {
		problem_add(r->problems, r->number, NULL, "[tenant %s]: a tenant's name has 1 to 31 letters, digits, - and _",
			    name);
		return;
	}
	for (uint32_t t = 0; t < c->tenants; t++) {
		if (strcmp(c->tenant[t].name_, name) == 0) {
			problem_add(r->problems, r->number, r->where, "this tenant was defined on line %u already",
				    c->lines.tenant[t].section);
			return;
		}
	}
	if (c->tenants == CONFIG_MAX_TENANTS) {
		problem_add(r->problems, r->number, r->where, "more than %u tenants", CONFIG_MAX_TENANTS);
		return;
	}
	r->section = &c->tenant[c->tenants];
	r->lines = &c->lines.tenant[c->tenants].section;
	r->broken = &c->broken[c->tenants];
	c->lines.tenant[c->tenants].section = r->number;
	snprintf(c->tenant[c->tenants].name_, CONFIG_NAME_MAX, "%s", name);
	c->tenants++;
}

/* title is what stands between [ and ]. */
static void
config_section(struct config_reading *r, char *title)
{
	struct config *c = r->config;

	if (strcmp(title, "gateway") == 0) {
		snprintf(r->where, sizeof(r->where), "[gateway]");
		if (r->gateway_seen)
			problem_add(r->problems, r->number, r->where, "this section began on line %u already",
				    c->lines.gateway.section);
		else
			c->lines.gateway.section = r->number;
		r->gateway_seen = true;
		r->kind = "gateway";
		r->section = &c->gateway;
		r->lines = &c->lines.gateway.section;
		return;
	}
	if (strncmp(title, "tenant", 6) == 0 && isblank((unsigned char)title[6])) {
		title += 6;
		title += strspn(title, " \t");
		config_tenant_begin(r, title);
		return;
	}
	if (r->tolerant) {
		log_line(CONFIG_LOG_WARNING, "[%s]: the nat64d before knew this section, this one does not; passed over",
			 title);
		r->section = &r->scrap;
		return;
	}
	r->tenant_seen = r->tenant_seen || strncmp(title, "ten", 3) == 0;
	if (strcmp(title, "tenant") == 0)
		problem_add(r->problems, r->number, NULL, "[%s]: this section needs a name; write for example [tenant blue]",
			    title);
	else if (keys_distance(title, "gateway") <= 3)
		problem_add(r->problems, r->number, NULL, "[%s]: there is no such section; did you mean [gateway]?", title);
	else if (strncmp(title, "ten", 3) == 0)
		problem_add(r->problems, r->number, NULL, "[%s]: there is no such section; did you mean [tenant NAME]?", title);
	else
		problem_add(r->problems, r->number, NULL,
			    "[%s]: there is no such section; there are [gateway] and [tenant NAME]",
			    title);
}

static void
config_unknown(struct config_reading *r, const char *where, const char *key)
{
	const char *other = strcmp(r->kind, "tenant") == 0 ? "gateway" : "tenant";
	char near[KEYS_SPELLED];

	if (keys_find(other, key))
		problem_add(r->problems, r->number, where, "this key belongs into a section [%s]",
			    strcmp(other, "gateway") == 0 ? "gateway" : "tenant NAME");
	else if (keys_nearest(near, r->kind, key))
		problem_add(r->problems, r->number, where, "there is no such key; did you mean %s?", near);
	else
		problem_add(r->problems, r->number, where, "there is no such key");
}

/* The value of a key that may stand there: read it into the section. What cannot be read leaves no trace but a problem. */
static void
config_store(struct config_reading *r, const struct keys_row *row, uint32_t *line, const char *where, const char *value)
{
	uint32_t i = row->list ? keys_count(row, r->section) : 0, n = i + 1;
	uint8_t *field = (uint8_t *)r->section + row->items + i * row->size;
	struct value_why why;

	line[i] = r->number;
	if (*value == '\0') {
		snprintf(why.s, sizeof(why.s), "has no value");
	} else if (row->parse(field, value, &row->range, &why)) {
		if (row->list)
			memcpy((uint8_t *)r->section + row->offset, &n, sizeof(n));
		return;
	}
	problem_add(r->problems, r->number, where, "%s", why.s);
	memset(field, 0, row->size);
	if (!row->list)
		*line = 0;		/* so that the default holds and other keys can be judged by it */
	if (r->broken)
		*r->broken = true;
}

/* libinih's handler: one key = value. Goes on in any case, so always returns 1. */
static int
config_value(void *user, const char *ignored, const char *key, const char *value)
{
	struct config_reading *r = user;
	const struct keys_row *row;
	char where[128];
	uint32_t *line;

	(void)ignored;
	if (!r->kind) {
		if (!r->section)
			problem_add(r->problems, r->number, NULL,
				    "%s: stands before any section; begin with [gateway] or [tenant NAME]", key);
		return 1;
	}
	snprintf(where, sizeof(where), "%s %s", r->where, key);
	row = keys_find(r->kind, key);
	if (!row && r->tolerant) {
		log_line(CONFIG_LOG_WARNING, "%s: the nat64d before knew this key, this one does not; passed over", where);
		return 1;
	}
	if (!row) {
		config_unknown(r, where, key);
		return 1;
	}
	line = r->lines + row->lines;
	if (row->list && keys_count(row, r->section) == row->count)
		problem_add(r->problems, r->number, where, "stands more than %u times", row->count);
	else if (!row->list && *line != 0)
		problem_add(r->problems, r->number, where, "stands on line %u already, and may stand only once", *line);
	else
		config_store(r, row, line, where, value);
	return 1;
}

/* Judge one line before libinih sees it. Returns what libinih is to see: text, or nothing. */
static const char *
config_judge(struct config_reading *r, char *text, size_t room)
{
	char *end;

	if (*text == '\0' || *text == '#' || *text == ';')
		return "";
	if (strlen(text) + 3 > room) {
		problem_add(r->problems, r->number, NULL, "this line is longer than %zu characters", room - 3);
		return "";
	}
	if (*text == '[') {
		config_scrap(r, NULL);
		end = strchr(text, ']');
		if (!end) {
			problem_add(r->problems, r->number, NULL, "%s: a section ends with ]", text);
			return "";
		}
		if (end[1 + strspn(end + 1, " \t")] != '\0' && !strchr("#;", end[1 + strspn(end + 1, " \t")]))
			problem_add(r->problems, r->number, NULL,
				    "\"%s\" behind the ] of a section; keys begin on the next line",
				       end + 1 + strspn(end + 1, " \t"));
		*end = '\0';
		config_section(r, text + 1);
		return "";
	}
	if (!strchr(text, '=')) {
		problem_add(r->problems, r->number, NULL, "\"%.80s\" is neither [SECTION] nor KEY = VALUE", text);
		return "";
	}
	return text;
}

/* libinih's reader: the next physical line, judged. Returns NULL at the end of the file. */
static char *
config_line(char *out, int room, void *stream)
{
	struct config_reading *r = stream;
	ssize_t n = getline(&r->line, &r->room, r->in);
	char *text = r->line;

	if (n < 0)
		return NULL;
	r->number++;
	if (strlen(text) != (size_t)n) {
		problem_add(r->problems, r->number, NULL, "there is a NUL character in this line");
		text[0] = '\0';
	}
	if (r->number == 1 && strncmp(text, "\xef\xbb\xbf", 3) == 0)
		text += 3;
	text += strspn(text, " \t");
	n = (ssize_t)strlen(text);
	while (n > 0 && isspace((unsigned char)text[n - 1]))
		text[--n] = '\0';
	snprintf(out, (size_t)room, "%s\n", config_judge(r, text, (size_t)room));
	return out;
}

/* Give the keys that stand nowhere their defaults, and report those that must stand somewhere. */
static void
config_defaults(void *section, const uint32_t *lines, const char *kind, const char *where, unsigned at,
		struct problem_list *problems)
{
	for (unsigned i = 0; i < keys_n; i++) {
		const struct keys_row *row = &keys_rows[i];
		char key[KEYS_SPELLED], key_where[128];
		struct value_why why;
		uint32_t one = 1;

		if (strcmp(row->section, kind) != 0 || lines[row->lines] != 0)
			continue;
		keys_spell(key, row);
		if (!row->def) {
			snprintf(key_where, sizeof(key_where), "%s %s", where, key);
			problem_add(problems, at, key_where, "is missing (%s)", row->doc);
			continue;
		}
		if (*row->def == '\0')
			continue;
		if (!row->parse((uint8_t *)section + row->items, row->def, &row->range, &why))
			problem_add(problems, 0, key, "the built-in default is wrong: %s", why.s);
		if (row->list)
			memcpy((uint8_t *)section + row->offset, &one, sizeof(one));
	}
}

static void
config_take(struct config *config, FILE *in, struct problem_list *problems, bool tolerant)
{
	struct config_reading *r = calloc(1, sizeof(*r));
	bool tenant_seen;
	char where[64];

	memset(config, 0, sizeof(*config));
	if (!r) {
		problem_add(problems, 0, NULL, "no memory to read it");
		return;
	}
	r->in = in;
	r->config = config;
	r->problems = problems;
	r->tolerant = tolerant;
	if (ini_parse_stream(config_line, r, config_value, r) < 0 || ferror(in))
		problem_add(problems, 0, NULL, "cannot be read to its end");
	tenant_seen = r->tenant_seen;
	free(r->line);
	free(r);

	config_defaults(&config->gateway, &config->lines.gateway.section, "gateway", "[gateway]", config->lines.gateway.section,
			problems);
	for (uint32_t t = 0; t < config->tenants; t++) {
		snprintf(where, sizeof(where), "[tenant %s]", config->tenant[t].name_);
		config_defaults(&config->tenant[t], &config->lines.tenant[t].section, "tenant", where,
				config->lines.tenant[t].section, problems);
	}
	if (!tenant_seen)
		problem_add(problems, 0, NULL,
			    "there is no tenant; add a section such as [tenant blue] with pool and source");
}

void
config_parse(struct config *config, FILE *in, struct problem_list *problems)
{
	config_take(config, in, problems, false);
}

void
config_recall(struct config *config, FILE *in, struct problem_list *problems)
{
	config_take(config, in, problems, true);
}

/* The whole file in memory, which the caller frees; NULL when it cannot be had. A device would never end. */
static char *
config_load(FILE *in, size_t *size, struct problem_list *problems)
{
	char *text = malloc(CONFIG_FILE_MAX + 1);

	*size = text ? fread(text, 1, CONFIG_FILE_MAX + 1, in) : 0;
	if (text && !ferror(in) && *size <= CONFIG_FILE_MAX)
		return text;
	if (!text)
		problem_add(problems, 0, NULL, "no memory to read it");
	else if (ferror(in))
		problem_add(problems, 0, NULL, "cannot be read: %s", strerror(errno));
	else
		problem_add(problems, 0, NULL, "is longer than %d MB, so it is no configuration", CONFIG_FILE_MAX >> 20);
	free(text);
	return NULL;
}

void
config_read(struct config *config, FILE *file, struct problem_list *problems)
{
	FILE *in = NULL;
	size_t size;
	char *text = config_load(file, &size, problems);

	if (text) {
		in = fmemopen(text, size, "r");
		if (!in)
			problem_add(problems, 0, NULL, "no memory to read it");
	}
	if (in) {
		config_parse(config, in, problems);
		fclose(in);
	}
	free(text);
}

static void
config_resolve_tenant(struct config_tenant *t, const struct config_lines_tenant *lines, unsigned cpus,
		      struct problem_list *problems)
{
	char where[64];

	if (t->workers == CONFIG_AUTO)
		t->workers = cpus < 1 ? 1 : cpus > CONFIG_MAX_WORKERS ? CONFIG_MAX_WORKERS : cpus;
	if (!lines->mtu6)
		t->mtu6 = t->mtu;
	if (!lines->mtu4)
		t->mtu4 = t->mtu;
	if (!lines->max_fragments)
		t->max_fragments = t->workers * CONFIG_KEPT < 1024 ? 1024 : t->workers * CONFIG_KEPT;
	if (!lines->tcp_opening_timeout)
		t->tcp_opening_timeout = t->tcp_transitory_timeout;
	if (!lines->tcp_closing_timeout)
		t->tcp_closing_timeout = t->tcp_transitory_timeout;
	if (!lines->router4 && t->pool.n > 0)
		t->router4 = t->pool.item[0].first;
	if (!lines->router6 && t->prefix.n > 0 && rfc6052_valid_len(t->prefix.item[0].len))
		rfc6052_embed(&t->router6, &t->prefix.item[0], t->router4);
	if (!lines->device) {
		if (strlen(t->name_) > 15) {
			snprintf(where, sizeof(where), "[tenant %s]", t->name_);
			problem_add(problems, lines->section, where,
				    "the name is too long for a device (15 characters); write device = NAME");
		}
		memcpy(t->device.s, t->name_, sizeof(t->name_));
	}
}

void
config_resolve(struct config *config, unsigned cpus, struct problem_list *problems)
{
	struct config_text *control = &config->gateway.control;
	int n;

	if (!config->lines.gateway.control) {
		n = snprintf(control->s, sizeof(control->s), "%s/control.sock", config->gateway.run_dir.s);
		if (n >= (int)sizeof(control->s))
			problem_add(problems, config->lines.gateway.run_dir, "[gateway] run-dir",
				    "is too long for a socket in it; write a shorter path");
	}
	for (uint32_t t = 0; t < config->tenants; t++)
		config_resolve_tenant(&config->tenant[t], &config->lines.tenant[t], cpus, problems);
}
