/*
 * text.c - a configuration as nat64.ini would spell it
 *
 * What --print-config and `nat64ctl show config` print, and the reference file nat64.ini, all come from the rows of
 * keys.c, so that a key added to config.def is in all of them.
 *
 * Must never: print something that the parser reads as another value.
 */
#include "supervisor/keys.h"
#include "supervisor/text.h"

static void
text_section(FILE *out, const char *kind, const void *section)
{
	for (unsigned i = 0; i < keys_n; i++) {
		const struct keys_row *row = &keys_rows[i];
		struct value_text value;
		char key[KEYS_SPELLED];
		uint32_t n;

		if (strcmp(row->section, kind) != 0)
			continue;
		keys_spell(key, row);
		n = keys_count(row, section);
		if (n == 0)
			fprintf(out, "# %s: none\n", key);
		for (uint32_t item = 0; item < n; item++) {
			row->print(&value, keys_value(row, section, item));
			fprintf(out, "%s = %s\n", key, value.s);
		}
	}
}

void
text_gateway(FILE *out, const struct config_gateway *gateway)
{
	fprintf(out, "[gateway]\n");
	text_section(out, "gateway", gateway);
}

void
text_tenant(FILE *out, const struct config_tenant *tenant)
{
	fprintf(out, "[tenant %s]\n", tenant->name_);
	text_section(out, "tenant", tenant);
}

void
text_config(FILE *out, const struct config *config)
{
	text_gateway(out, &config->gateway);
	for (uint32_t t = 0; t < config->tenants; t++) {
		if (!config_has(config, t))
			continue;
		fprintf(out, "\n");
		text_tenant(out, &config->tenant[t]);
	}
}

/* Documentation's own values for the keys that have no default, and for examples. */
static const struct {
	const char *section, *key, *value;
} text_examples[] = {
	{ "gateway", "control", "/run/nat64/control.sock" },
	{ "tenant", "device", "example" },
	{ "tenant", "mtu6", "1500" },
	{ "tenant", "mtu4", "1500" },
	{ "tenant", "tcp-opening-timeout", "240" },
	{ "tenant", "tcp-closing-timeout", "240" },
	{ "tenant", "pool", "192.0.2.1" },
	{ "tenant", "source", "any" },
	{ "tenant", "router4", "192.0.2.1" },
	{ "tenant", "router6", "64:ff9b::192.0.2.1" },
	{ "tenant", "allow", "198.51.100.0/24" },
	{ "tenant", "deny", "198.51.100.128/25" },
	{ "tenant", "static", "tcp 192.0.2.1:80 [2001:db8::80]:8080" },
};

static const char *
text_example(const char *section, const char *key)
{
	for (size_t i = 0; i < sizeof(text_examples) / sizeof(text_examples[0]); i++)
		if (strcmp(text_examples[i].section, section) == 0 && strcmp(text_examples[i].key, key) == 0)
			return text_examples[i].value;
	return "";
}

static void
text_reference_section(FILE *out, const char *kind)
{
	for (unsigned i = 0; i < keys_n; i++) {
		const struct keys_row *row = &keys_rows[i];
		char key[KEYS_SPELLED];

		if (strcmp(row->section, kind) != 0)
			continue;
		keys_spell(key, row);
		fprintf(out, "\n# %s%s%s%s\n", row->doc, row->def ? "" : "; required", row->list ? "; may be repeated" : "",
			keys_live(row) ? "" : " (restart)");
		if (row->def && *row->def)
			fprintf(out, "%s = %s\n", key, row->def);
		else
			fprintf(out, "%s%s = %s\n", row->def ? "#" : "", key, text_example(kind, key));
	}
}

void
text_reference(FILE *out)
{
	fprintf(out, "# nat64.ini - every key of the gateway with its default\n"
		     "#\n"
		     "# Sizes take k, M and G (1024-based); times are seconds. A key marked (restart) is read when nat64d\n"
		     "# starts; the others also when it reloads (SIGHUP). A line that begins with # or ; is a comment. What\n"
		     "# is commented out here is derived from other keys, or empty. Check a file: nat64d -c FILE --check\n");
#define SECTION(name, doc) fprintf(out, "\n# %s\n", doc); \
	fprintf(out, strcmp(#name, "tenant") == 0 ? "[%s example]\n" : "[%s]\n", #name); \
	text_reference_section(out, #name);
#include "shm/config.def"
}
