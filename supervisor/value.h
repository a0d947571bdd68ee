/*
 * value.h - the types of config.def: text to value and back
 *
 * For every CONFIG_TYPES row of shm/config.h there are
 *
 *   value_parse_<NAME>(field, text, range, why)
 *       Read all of text into *field, which has the type's C type. Returns true; or false with what is wrong, and what
 *       to write instead, in *why, and *field is garbage. Numbers outside range are refused.
 *   value_print_<NAME>(out, field)
 *       Write *field as the parser reads it back. Any bytes may be in *field; of what no parser makes, it writes what no parser
 *       takes, or another value.
 */
#ifndef SUPERVISOR_VALUE_H
#define SUPERVISOR_VALUE_H

#include "shm/config.h"

struct value_range {
	uint32_t min, max;
};

struct value_why {
	char s[320];
};

struct value_text {
	char s[192];
};

#define CONFIG_TYPE(name, ctype) \
	bool value_parse_##name(void *field, const char *text, const struct value_range *range, struct value_why *why); \
	void value_print_##name(struct value_text *out, const void *field);
CONFIG_TYPES
#undef CONFIG_TYPE

#endif
