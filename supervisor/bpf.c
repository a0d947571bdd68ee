/*
 * bpf.c - programs and memory for the kernel's virtual machine, written by hand
 *
 * The one program that we give to the kernel is a few hundred instructions, half of which are the same round six
 * times. A compiler for it at run time, or an object file from clang at build time and a library that loads it,
 * would be more to trust and to install than an assembler of this size.
 *
 * Maps are arrays that can be mapped (Linux 5.5): changing one later is a store to memory, while the system call
 * wants CAP_BPF for that, too, before Linux 5.19. They are not pinned anywhere, so nobody but the holder of the
 * descriptor, and root with CAP_SYS_ADMIN, can find them.
 *
 * Must never: give the kernel a program with a jump that leads nowhere.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "supervisor/bpf.h"

#define BPF_LOAD_ADDRESS (BPF_LD | BPF_DW)	/* BPF_IMM, which is 0 */
#define BPF_WORDS 65536			/* of the kernel about a program it refuses */

static void
bpf_emit(struct bpf_code *c, int code, uint8_t dst, uint8_t src, int offset, int32_t number)
{
	if (c->n < BPF_CODE_MAX)
		c->insn[c->n] = (struct bpf_insn) {
			.code = (uint8_t)code, .dst_reg = dst & 15u, .src_reg = src & 15u,
			.off = (int16_t)offset, .imm = number,
		};
	c->n++;
}

void
bpf_do(struct bpf_code *c, uint8_t op, uint8_t dst, uint8_t src)
{
	bpf_emit(c, BPF_ALU64 | op | BPF_X, dst, src, 0, 0);
}

void
bpf_do_number(struct bpf_code *c, uint8_t op, uint8_t dst, int32_t number)
{
	bpf_emit(c, BPF_ALU64 | op | BPF_K, dst, 0, 0, number);
}

void
bpf_host_order(struct bpf_code *c, uint8_t dst, unsigned bits)
{
	bpf_emit(c, BPF_ALU | BPF_END | BPF_TO_BE, dst, 0, 0, (int32_t)bits);
}

void
bpf_read(struct bpf_code *c, uint8_t size, uint8_t dst, uint8_t src, size_t offset)
{
	bpf_emit(c, BPF_LDX | size | BPF_MEM, dst, src, (int)offset, 0);
}

void
bpf_pop(struct bpf_code *c, uint8_t size, uint8_t dst, int offset)
{
	bpf_emit(c, BPF_LDX | size | BPF_MEM, dst, BPF_REG_10, offset, 0);
}

void
bpf_push(struct bpf_code *c, uint8_t size, int offset, uint8_t src)
{
	bpf_emit(c, BPF_STX | size | BPF_MEM, BPF_REG_10, src, offset, 0);
}

void
bpf_map(struct bpf_code *c, uint8_t dst, int map)
{
	bpf_emit(c, BPF_LOAD_ADDRESS, dst, BPF_PSEUDO_MAP_FD, 0, map);
	bpf_emit(c, 0, 0, 0, 0, 0);
}

void
bpf_value(struct bpf_code *c, uint8_t dst, int map)
{
	bpf_emit(c, BPF_LOAD_ADDRESS, dst, BPF_PSEUDO_MAP_VALUE, 0, map);
	bpf_emit(c, 0, 0, 0, 0, 0);
}

static void
bpf_jump(struct bpf_code *c, int code, uint8_t dst, uint8_t src, int32_t number, unsigned label)
{
	if (c->n < BPF_CODE_MAX)
		c->target[c->n] = (uint8_t)(label + 1);
	bpf_emit(c, BPF_JMP | code, dst, src, 0, number);
}

void
bpf_go(struct bpf_code *c, unsigned label)
{
	bpf_jump(c, BPF_JA, 0, 0, 0, label);
}

void
bpf_if(struct bpf_code *c, uint8_t op, uint8_t dst, uint8_t src, unsigned label)
{
	bpf_jump(c, op | BPF_X, dst, src, 0, label);
}

void
bpf_if_number(struct bpf_code *c, uint8_t op, uint8_t dst, int32_t number, unsigned label)
{
	bpf_jump(c, op | BPF_K, dst, 0, number, label);
}

void
bpf_label(struct bpf_code *c, unsigned label)
{
	c->place[label] = (uint16_t)(c->n + 1);
}

void
bpf_call(struct bpf_code *c, int32_t function)
{
	bpf_emit(c, BPF_JMP | BPF_CALL, 0, 0, 0, function);
}

void
bpf_exit(struct bpf_code *c)
{
	bpf_emit(c, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

/* Give every jump its distance. Returns false when the program did not fit, or a label is missing. */
static bool
bpf_link(struct bpf_code *c)
{
	if (c->n == 0 || c->n > BPF_CODE_MAX)
		return false;
	for (unsigned i = 0; i < c->n; i++) {
		unsigned label = c->target[i];

		if (label == 0)
			continue;
		if (label > BPF_CODE_LABELS || c->place[label - 1] == 0 || c->place[label - 1] > c->n)
			return false;
		c->insn[i].off = (int16_t)(c->place[label - 1] - 1 - (int)i - 1);
	}
	return true;
}

static int
bpf_ask(int command, union bpf_attr *attr)
{
	long rc = syscall(SYS_bpf, command, attr, sizeof(*attr));

	return rc < 0 ? -errno : (int)rc;
}

int
bpf_array(const char *name, size_t size, uint32_t values)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_ARRAY, .key_size = sizeof(uint32_t), .value_size = (uint32_t)size,
		.max_entries = values, .map_flags = BPF_F_MMAPABLE,
	};

	strncpy(attr.map_name, name, sizeof(attr.map_name) - 1);
	return bpf_ask(BPF_MAP_CREATE, &attr);
}

size_t
bpf_size(size_t size, uint32_t values)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return ((size + 7) / 8 * 8 * values + page - 1) / page * page;
}

void *
bpf_memory(int map, size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

/* Of the verifier's words the last line but its statistics: what was wrong. */
static void
bpf_verdict(char *why, size_t size, char *words)
{
	char *line = NULL, *save = NULL;

	for (char *next = strtok_r(words, "\n", &save); next; next = strtok_r(NULL, "\n", &save))
		if (strncmp(next, "processed ", 10) != 0)
			line = next;
	if (line)
		snprintf(why, size, "%s", line);
}

int
bpf_load(struct bpf_code *c, const char *name, char *why, size_t size)
{
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_SOCKET_FILTER, .insn_cnt = c->n, .insns = (uintptr_t)c->insn,
		.license = (uintptr_t)"BSD",
	};
	char *words;
	int fd = bpf_link(c) ? 0 : -E2BIG;

	strncpy(attr.prog_name, name, sizeof(attr.prog_name) - 1);
	if (fd == 0)
		fd = bpf_ask(BPF_PROG_LOAD, &attr);
	if (fd >= 0)
		return fd;
	snprintf(why, size, "%s", strerror(-fd));
	words = fd == -EPERM || fd == -E2BIG ? NULL : calloc(1, BPF_WORDS);
	if (words) {
		attr.log_level = 1;
		attr.log_size = BPF_WORDS;
		attr.log_buf = (uintptr_t)words;
		bpf_ask(BPF_PROG_LOAD, &attr);
		bpf_verdict(why, size, words);
	}
	free(words);
	return fd;
}
