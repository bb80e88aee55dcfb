package filter

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/bpf"
)

// The tables agree with those of golang.org/x/sys, which come from the kernel's headers
// by another way.
func TestTheTablesAreTheKernels(t *testing.T) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "golang.org/x/sys").Output()
	require.NoError(t, err)
	for name, a := range architectures {
		b, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "unix", "zsysnum_linux_"+name+".go"))
		require.NoError(t, err)
		theirs := map[string]uint32{}
		for _, m := range regexp.MustCompile(`SYS_(\w+)\s+= (\d+)`).FindAllStringSubmatch(string(b), -1) {
			n, err := strconv.Atoi(m[2])
			require.NoError(t, err)
			theirs[strings.ToLower(m[1])] = uint32(n)
		}
		theirs["newfstatat"] = max(theirs["newfstatat"], theirs["fstatat"]) // the table of arm64 calls it fstatat
		for call, n := range a.calls {
			assert.Equal(t, theirs[call], n, "%s on %s", call, name)
		}
		for _, list := range [][]string{allowed, serving, building, fatal} {
			for _, call := range list {
				n, known := theirs[call]
				if known && n > 0 {
					assert.Equal(t, n, a.calls[call], "%s is missing on %s", call, name)
				}
			}
		}
	}
}

// call is what a filter sees of a system call (struct seccomp_data).
type call struct {
	number, arch uint32
	args         [6]uint32
}

// answer runs filters over a call; the strictest answer counts, as in seccomp(2).
func (c call) answer(t *testing.T, filters ...[]bpf.Instruction) uint32 {
	t.Helper()
	data := binary.BigEndian.AppendUint32(nil, c.number) // the virtual machine reads packets, which are big-endian
	data = binary.BigEndian.AppendUint32(data, c.arch)
	data = append(data, make([]byte, 8)...)
	for _, a := range c.args {
		data = binary.BigEndian.AppendUint32(data, a)
		data = append(data, 0, 0, 0, 0)
	}
	strictest := uint32(allowCall)
	for _, f := range filters {
		vm, err := bpf.NewVM(f)
		require.NoError(t, err)
		n, err := vm.Run(data)
		require.NoError(t, err)
		rank := func(v uint32) int32 { return int32(v & 0xffff0000) } // the kernel compares the action as a signed number
		if rank(uint32(n)) < rank(strictest) {
			strictest = uint32(n)
		}
	}
	return strictest
}

// listed is a filter before it is assembled.
func (a Architecture) listed(purpose Policy, pid uint32) []bpf.Instruction {
	c := &code{Architecture: a}
	c.start()
	if purpose == ForServer || purpose == ForBuild {
		c.outer(purpose == ForBuild)
		return c.list
	}
	for _, at := range c.inner(purpose == ForBinary) {
		i := (at - 4) / 8 // the place of the pid, as zygote.py writes it
		j, ok := c.list[i].(bpf.JumpIf)
		if !ok || j.Val != 0 {
			panic(fmt.Sprintf("no comparison with a pid at byte %d: %v", at, c.list[i]))
		}
		j.Val = pid
		c.list[i] = j
	}
	return c.list
}

const (
	perm  = failCall | ePERM
	again = failCall | eAGAIN
	rofs  = failCall | eROFS
)

func TestWhatTheFiltersAnswer(t *testing.T) {
	const pid = 4711
	for name, a := range architectures {
		server, prog, bin, build := a.listed(ForServer, 0), a.listed(ForProgram, pid), a.listed(ForBinary, pid), a.listed(ForBuild, 0)
		for _, tt := range []struct {
			call                      string
			args                      [6]uint32
			server, prog, bin, builds uint32
		}{
			{"read", [6]uint32{}, allowCall, allowCall, allowCall, allowCall},
			{"openat", [6]uint32{0, 0, 0x80000}, allowCall, allowCall, allowCall, allowCall},
			{"openat", [6]uint32{0, 0, 1}, rofs, rofs, rofs, allowCall},
			{"openat", [6]uint32{0, 0, 0x410000 | 2}, rofs, rofs, rofs, allowCall},
			{"clone", [6]uint32{17}, allowCall, again, again, allowCall},
			{"clone", [6]uint32{0x3d0f00}, allowCall, allowCall, allowCall, allowCall},
			{"clone", [6]uint32{0x10000000 | 17}, killCall, killCall, killCall, killCall},
			{"clone", [6]uint32{0x40000000 | 0x10000}, killCall, killCall, killCall, killCall},
			{"clone3", [6]uint32{}, failCall | eNOSYS, failCall | eNOSYS, failCall | eNOSYS, failCall | eNOSYS},
			{"kill", [6]uint32{pid}, allowCall, allowCall, allowCall, allowCall},
			{"kill", [6]uint32{1}, allowCall, perm, perm, allowCall},
			{"kill", [6]uint32{0xffffffff}, allowCall, perm, perm, allowCall},
			{"tgkill", [6]uint32{pid}, allowCall, allowCall, allowCall, allowCall},
			{"tgkill", [6]uint32{2}, allowCall, perm, perm, allowCall},
			{"prctl", [6]uint32{1}, allowCall, perm, perm, allowCall},
			{"prctl", [6]uint32{4}, perm, perm, perm, perm},
			{"seccomp", [6]uint32{}, allowCall, perm, perm, allowCall},
			{"wait4", [6]uint32{}, allowCall, perm, perm, allowCall},
			{"recvmsg", [6]uint32{}, allowCall, perm, perm, allowCall},
			{"sendmsg", [6]uint32{}, allowCall, perm, perm, allowCall},
			{"pidfd_open", [6]uint32{}, allowCall, perm, perm, allowCall},
			{"execveat", [6]uint32{3, 0, 0, 0, 0x1000}, allowCall, perm, allowCall, allowCall},
			{"execveat", [6]uint32{0xffffff9c, 0, 0, 0, 0}, perm, perm, perm, perm},
			{"execve", [6]uint32{}, perm, perm, perm, allowCall},
			{"unlinkat", [6]uint32{}, perm, perm, perm, allowCall},
			{"fcntl", [6]uint32{0, 1030}, allowCall, allowCall, allowCall, allowCall},
			{"fcntl", [6]uint32{0, 8}, perm, perm, perm, perm},
			{"ioctl", [6]uint32{0, 0x5412}, failCall | eNOTTY, failCall | eNOTTY, failCall | eNOTTY, failCall | eNOTTY},
			{"socketpair", [6]uint32{1, 1 | 0x80000}, allowCall, allowCall, allowCall, allowCall},
			{"socketpair", [6]uint32{1, 2}, perm, perm, perm, perm},
			{"socketpair", [6]uint32{16, 1}, perm, perm, perm, perm},
			{"sendto", [6]uint32{0, 0, 0, 0, 0x1000}, perm, perm, perm, perm},
			{"prlimit64", [6]uint32{1}, perm, perm, perm, perm},
			{"ptrace", [6]uint32{}, killCall, killCall, killCall, killCall},
			{"unshare", [6]uint32{}, killCall, killCall, killCall, killCall},
			{"mount", [6]uint32{}, killCall, killCall, killCall, killCall},
			{"bpf", [6]uint32{}, killCall, killCall, killCall, killCall},
			{"io_uring_setup", [6]uint32{}, killCall, killCall, killCall, killCall},
		} {
			c := call{a.calls[tt.call], a.audit, tt.args}
			require.Contains(t, a.calls, tt.call)
			assert.Equal(t, tt.server, c.answer(t, server), "%s%v of a fork-server on %s", tt.call, tt.args, name)
			assert.Equal(t, tt.prog, c.answer(t, server, prog), "%s%v of a program on %s", tt.call, tt.args, name)
			assert.Equal(t, tt.bin, c.answer(t, server, bin), "%s%v of a binary on %s", tt.call, tt.args, name)
			assert.Equal(t, tt.builds, c.answer(t, build), "%s%v of a compiler on %s", tt.call, tt.args, name)
		}
		for _, c := range []call{{a.calls["read"], 0x40000003, [6]uint32{}}, {0x40000000 | a.calls["read"], a.audit, [6]uint32{}}} {
			want := uint32(killCall)
			if !a.x32 && c.arch == a.audit {
				want = perm // a number that this architecture does not have
			}
			assert.Equal(t, want, c.answer(t, server, prog), "%x of architecture %x on %s", c.number, c.arch, name)
		}
	}
}

// Whatever number a program calls, and whatever arguments it gives, it is allowed only
// what stands in the lists.
func TestProgramsMayOnlyWhatIsListed(t *testing.T) {
	filtered := strings.Fields("open openat fcntl ioctl clone prlimit64 socketpair sendto tgkill kill")
	for name, a := range architectures {
		may := map[uint32]bool{}
		for _, call := range append(filtered, allowed...) {
			if n, ok := a.calls[call]; ok {
				may[n] = true
			}
		}
		server, prog := a.listed(ForServer, 0), a.listed(ForProgram, 4711)
		for n := range uint32(600) {
			for _, args := range [][6]uint32{{}, {4711, 4711, 4711, 4711, 4711}, {1, 1, 0, 0, 0x1000}, {0xffffffff, 0xffffffff}} {
				got := call{n, a.audit, args}.answer(t, server, prog)
				if got == allowCall {
					assert.True(t, may[n], "call %d%v is allowed on %s", n, args, name)
				}
			}
		}
	}
}
