/*
 * number.c - which number a tenant has
 *
 * A file lists tenants in an order that means nothing and may change with each reload. Numbers must not: workers live under
 * uids that follow from them, and counters are read by whoever looked before. So what was read is permuted onto the numbers
 * that are taken, by the names, and numbers that nobody has stay as holes. A number that somebody had is the last choice, for
 * a process under its uid might still be there; a reload gives it to nobody else before that one is gone.
 *
 * Must never: give one number to two tenants; move a tenant that has one.
 */
#include "supervisor/number.h"

#define NUMBER_NONE CONFIG_MAX_TENANTS

static uint32_t
number_called(const struct number_names *names, const char *name)
{
	uint32_t n = 0;

	while (n < CONFIG_MAX_TENANTS && strcmp(names->name[n], name) != 0)
		n++;
	return n;
}

static bool
number_wanted(const struct config *config, const char *name)
{
	for (uint32_t t = 0; t < config->tenants; t++)
		if (strcmp(config->tenant[t].name_, name) == 0)
			return true;
	return false;
}

/* The lowest number that is not taken and that nobody had; with reuse, that nobody has any more. */
static uint32_t
number_free(const struct config *config, const struct number_names *names, const bool *taken, bool reuse)
{
	for (uint32_t n = 0; n < CONFIG_MAX_TENANTS; n++)
		if (!taken[n] && !*names->name[n])
			return n;
	for (uint32_t n = 0; n < CONFIG_MAX_TENANTS && reuse; n++)
		if (!taken[n] && !number_wanted(config, names->name[n]))
			return n;
	return NUMBER_NONE;
}

static void
number_swap(void *a, void *b, size_t size)
{
	uint8_t *x = a, *y = b;

	for (size_t i = 0; i < size; i++) {
		uint8_t byte = x[i];

		x[i] = y[i];
		y[i] = byte;
	}
}

/* Tenants a and b of config change places. */
static void
number_exchange(struct config *config, uint32_t a, uint32_t b)
{
	number_swap(&config->tenant[a], &config->tenant[b], sizeof(config->tenant[0]));
	number_swap(&config->broken[a], &config->broken[b], sizeof(config->broken[0]));
	number_swap(&config->lines.tenant[a], &config->lines.tenant[b], sizeof(config->lines.tenant[0]));
}

const char *
number_place(struct config *config, const struct number_names *names, bool reuse)
{
	bool taken[CONFIG_MAX_TENANTS] = { false };
	uint32_t to[CONFIG_MAX_TENANTS], end = 0;

	for (uint32_t t = 0; t < CONFIG_MAX_TENANTS; t++) {
		to[t] = config_has(config, t) ? number_called(names, config->tenant[t].name_) : NUMBER_NONE;
		if (to[t] != NUMBER_NONE)
			taken[to[t]] = true;
	}
	for (uint32_t t = 0; t < CONFIG_MAX_TENANTS; t++) {
		if (!config_has(config, t) || to[t] != NUMBER_NONE)
			continue;
		to[t] = number_free(config, names, taken, reuse);
		if (to[t] == NUMBER_NONE)
			return config->tenant[t].name_;
		taken[to[t]] = true;
	}
	for (uint32_t t = 0; t < CONFIG_MAX_TENANTS; t++) {
		while (to[t] != NUMBER_NONE && to[t] != t) {	/* each exchange brings one to its place */
			uint32_t there = to[t];

			number_exchange(config, t, there);
			to[t] = to[there];
			to[there] = there;
		}
		end = taken[t] ? t + 1 : end;
	}
	config->tenants = end;
	return NULL;
}
