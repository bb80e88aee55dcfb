package sandbox

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"runtime"
)

// Program is what is run: a Python source or a binary. The rest of the sandbox does
// not know the difference.
type Program struct {
	image  []byte
	binary bool
}

// Python is a program in the language of the sandbox's interpreter.
func Python[T string | []byte](source T) Program { return Program{image: []byte(source)} }

// Binary is an executable of this machine, such as Compile makes. It is executed from
// a sealed file that nobody can change, with neither arguments nor environment of
// yours. Statically linked ones run in both tiers; tier B and Landlock let nothing
// else be executed, not even a loader.
func Binary(image []byte) Program { return Program{image: image, binary: true} }

// Bytes is the source, or the binary.
func (p Program) Bytes() []byte { return p.image }

// ErrProgram reports something that cannot be a program of this machine.
var ErrProgram = errors.New("sandbox: not a program")

// Kinds of programs in a request (zygote.py).
const (
	pythonKind uint32 = 0
	binaryKind uint32 = 1
)

// largest is the longest Python source that is read.
const largest = 16 << 20

var machines = map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}

// kind checks a program.
func (p Program) kind() (uint32, error) {
	if !p.binary {
		if len(p.image) > largest {
			return 0, fmt.Errorf("%w: a source of %d bytes; at most %d are read", ErrProgram, len(p.image), largest)
		}
		return pythonKind, nil
	}
	f, err := elf.NewFile(bytes.NewReader(p.image))
	if err != nil {
		return 0, fmt.Errorf("%w: not an ELF file: %v", ErrProgram, err)
	}
	if f.Machine != machines[runtime.GOARCH] {
		return 0, fmt.Errorf("%w: a binary for %v on %s", ErrProgram, f.Machine, runtime.GOARCH)
	}
	for _, s := range f.Progs {
		if s.Type == elf.PT_INTERP {
			return 0, fmt.Errorf("%w: a binary that needs a loader; link it statically", ErrProgram)
		}
	}
	return binaryKind, nil
}
