/*
 * config.h - nat64.ini in, struct config out
 */
#ifndef SUPERVISOR_CONFIG_H
#define SUPERVISOR_CONFIG_H

#include <stdio.h>
#include <string.h>
#include "shm/config.h"
#include "supervisor/problem.h"

/* The line on which each value stands; 0: nowhere, the default holds. */
#define SECTION(name, doc) struct config_lines_##name { uint32_t section;
#define KEY(section, name, type, min, max, def, when, doc) uint32_t name;
#define LIST(section, name, type, count, def, when, doc) uint32_t name[count];
#define END(section) };
#include "shm/config.def"

struct config {
	struct config_gateway gateway;
	uint32_t tenants;		/* tenant[0 .. tenants); a hole, after number_place, has no name: see config_has */
	struct config_tenant tenant[CONFIG_MAX_TENANTS];
	bool broken[CONFIG_MAX_TENANTS];	/* a value of the tenant could not be read; there are problems */
	struct {
		struct config_lines_gateway gateway;
		struct config_lines_tenant tenant[CONFIG_MAX_TENANTS];
	} lines;			/* each an array of uint32_t, indexed by keys_row.lines */
};

/* Is there a tenant with this number? */
static inline bool
config_has(const struct config *config, uint32_t number)
{
	return number < config->tenants && *config->tenant[number].name_;
}

/*
 * Read an open file into *config, which is large: allocate it. Everything that is wrong with the text is added to problems. A
 * key that could not be read has its default, a list lacks the item, so that the rest can be judged; derived values are
 * still empty. nat64d has this done by a process of its own (reader.h).
 */
void config_parse(struct config *config, FILE *in, struct problem_list *problems);

/* The same; the file is loaded first, for it may be a device that never ends. *config is zero. */
void config_read(struct config *config, FILE *file, struct problem_list *problems);

/* Is this a tenant's name? */
bool config_name_valid(const char *name);

/*
 * The same from text that another version of nat64d may have printed: a key or a section that this one does not know is
 * passed over with a warning in the log.
 */
void config_recall(struct config *config, FILE *in, struct problem_list *problems);

/*
 * Fill in what is derived from other keys. cpus is what `workers = auto` means. What cannot be derived is
 * added to problems.
 */
void config_resolve(struct config *config, unsigned cpus, struct problem_list *problems);

/* Do the two sides of a tenant live in different network namespaces, so that it has a device in each? */
static inline bool
config_apart(const struct config_tenant *t)
{
	return strcmp(t->netns6.s, t->netns4.s) != 0;
}

#endif
