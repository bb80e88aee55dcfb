package sandbox_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/sandbox"
)

const doubleC = `#include <stdio.h>
int main(void) { long n; if (scanf("%ld", &n) != 1) return 3; printf("%ld\n", 2 * n); return 0; }`

// hostileC are C programs that a Python program could not be.
var hostileC = []struct {
	name, source string
	want         sandbox.Outcome
	stdout       string
}{
	{"a right program", doubleC, sandbox.OK, "42\n"},
	{"an endless one", `int main(void) { for (volatile int i = 0;; i++); }`, sandbox.CPUTimeout, ""},
	{"a crash", `int main(void) { volatile int *p = 0; return *p; }`, sandbox.Signal, ""},
	{"a flood", `#include <stdio.h>
int main(void) { for (;;) puts("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"); }`, sandbox.OutputLimit, ""},
	{"a fork", `#include <unistd.h>
#include <stdio.h>
#include <errno.h>
int main(void) { int r = fork(); printf("%d %d\n", r < 0, errno == EAGAIN); return 0; }`, sandbox.OK, "1 1\n"},
	{"another program", `#include <unistd.h>
#include <stdio.h>
int main(int argc, char **argv) { execl("/usr/bin/id", "id", (char *)0); printf("no\n"); return 0; }`, sandbox.OK, "no\n"},
	{"another program through a descriptor", `#define _GNU_SOURCE
#include <fcntl.h>
#include <unistd.h>
#include <stdio.h>
#include <sys/syscall.h>
int main(void) {
	int fd = open("/usr/bin/id", O_RDONLY);
	char *none[] = {0};
	if (fd >= 0) syscall(SYS_execveat, fd, "", none, none, 0x1000);
	printf("no\n");
	return 0;
}`, sandbox.OK, "no\n"},
	{"a socket", `#include <sys/socket.h>
#include <stdio.h>
int main(void) { printf("%d\n", socket(AF_INET, SOCK_STREAM, 0)); return 0; }`, sandbox.OK, "-1\n"},
	{"a trace", `#include <sys/ptrace.h>
int main(void) { ptrace(PTRACE_TRACEME, 0, 0, 0); return 0; }`, sandbox.Forbidden, ""},
	{"arguments and environment", `#include <stdio.h>
extern char **environ;
int main(int argc, char **argv) { printf("%d %s\n", argc, argv[0]); for (char **e = environ; *e; e++) puts(*e); return 0; }`, sandbox.OK, "1 main\nPATH=/usr/bin\nLANG=C.UTF-8\n"},
}

func TestBinariesRunUnderTheSameRules(t *testing.T) {
	a := open(t, sandbox.Options{Limits: short, Tier: "A", Workers: 1})
	b := open(t, sandbox.Options{Limits: short, Tier: "B", Workers: 1})
	for _, tt := range hostileC {
		built, err := a.Compile(context.Background(), []byte(tt.source), sandbox.CompileOptions{})
		require.NoError(t, err)
		require.True(t, built.OK, built.Messages)
		for _, s := range []*sandbox.Sandbox{a, b} {
			r, err := s.Run(context.Background(), built.Program, []byte("21\n"), sandbox.Limits{})
			require.NoError(t, err)
			assert.Equal(t, tt.want, r.Outcome, "%s in tier %s: %s", tt.name, s.Info().Tier, r.Stderr)
			if tt.want == sandbox.OK {
				assert.Equal(t, tt.stdout, string(r.Stdout), "%s in tier %s", tt.name, s.Info().Tier)
			}
			r, err = s.Run(context.Background(), sandbox.Python("print(int(input()) * 2)"), []byte("21\n"), sandbox.Limits{})
			require.NoError(t, err)
			assert.Equal(t, "42\n", string(r.Stdout), "after %s", tt.name)
		}
	}
}

func TestSourcesThatAttackTheirCompilerAreNoFaults(t *testing.T) {
	s := open(t, sandbox.Options{Limits: short, Tier: "A", Workers: 1})
	for name, tt := range map[string]struct{ source, says string }{
		"not C":                      {"print(1)", "error"},
		"a file of this machine":     {"#include \"/etc/passwd\"\nint main(void){return 0;}", "No such file"},
		"an endless include":         {"#include \"/dev/zero\"\nint main(void){return 0;}", ""},
		"macros without end":         {"#define A B B B B B B B B\n#define B C C C C C C C C\n#define C D D D D D D D D\n#define D E E E E E E E E\n#define E F F F F F F F F\n#define F G G G G G G G G\n#define G H H H H H H H H\n#define H I I I I I I I I\n#define I J J J J J J J J\n#define J K K K K K K K K\nint x = 0 A;", ""},
		"a binary of many megabytes": {"char a[8 << 20] = {1};\nint main(void){return a[5];}", "larger than"},
		"an incbin of a secret":      {"__asm__(\".incbin \\\"/etc/shadow\\\"\");\nint main(void){return 0;}", "shadow"},
	} {
		b, err := s.Compile(context.Background(), []byte(tt.source), sandbox.CompileOptions{CPU: 2e9})
		require.NoError(t, err, name)
		assert.False(t, b.OK, name)
		assert.Contains(t, b.Messages, tt.says, name)
	}
	b, err := s.Compile(context.Background(), []byte(doubleC), sandbox.CompileOptions{Flags: []string{"-Wall", "-Werror"}})
	require.NoError(t, err)
	assert.True(t, b.OK, b.Messages)
}

func TestWhatIsNoProgramIsRefused(t *testing.T) {
	s := open(t, sandbox.Options{Limits: short, Tier: "B", Workers: 1})
	_, err := s.Compile(context.Background(), []byte(doubleC), sandbox.CompileOptions{})
	assert.ErrorIs(t, err, sandbox.ErrCompiler)
	for _, p := range []sandbox.Program{sandbox.Binary(nil), sandbox.Binary([]byte("#!/bin/sh\n")), sandbox.Python(strings.Repeat("#", 17<<20))} {
		_, err := s.Run(context.Background(), p, nil, sandbox.Limits{})
		assert.ErrorIs(t, err, sandbox.ErrProgram)
	}
	for _, l := range []sandbox.Limits{{Wall: -1}, {CPU: -1}, {Memory: -1}, {Output: -1}, {Files: -1}, {Threads: -1}} {
		_, err := s.Run(context.Background(), sandbox.Python("print(1)"), nil, l)
		assert.ErrorIs(t, err, sandbox.ErrLimits)
	}
}
