// Lab is the session behind the notebooks: one process per kernel that keeps the renderer
// and a loaded policy warm. Package notebook starts it and asks it; nobody else needs to.
//
//	lab -kernel PID
//
// It answers until that process ends, or nobody has asked for two hours. A run is loaded
// at the first question about it and given back, weights and compiled graphs with it,
// when another is asked about; so is the model of a Hugging Face folder, which needs no
// run. Stored runs are only read: what a training writes lies in
// a folder of its own below TMPDIR, which is removed at the end.
//
// The backend is chosen as everywhere: GOMLX_BACKEND, else the fastest that opens.
package main

import (
	"flag"
	"log"
	"os"
	"time"

	"securecoderl/securerl/notebook/session"
)

const (
	idleTime = 2 * time.Hour
	// leave is how long giving back may take after the kernel has ended. Then the process
	// just ends, which gives back the same.
	leave = 400 * time.Millisecond
)

func main() {
	kernel := flag.Int("kernel", 0, "process to serve; package notebook sets it")
	flag.Parse()
	if *kernel <= 0 || flag.NArg() > 0 {
		log.Fatal("lab serves a kernel: -kernel PID. It is started by the first cell that needs it")
	}
	os.Exit(serve(*kernel))
}

// serve is the whole program but its flags; it returns the exit status.
func serve(kernel int) int {
	l := newLab()
	if err := session.Serve(kernel, idleTime, l.handlers()); err != nil {
		log.Print(err)
		return 1
	}
	ended := make(chan error, 1)
	go func() { ended <- l.close() }()
	select {
	case err := <-ended:
		if err != nil {
			log.Print(err)
			return 1
		}
	case <-time.After(leave):
	}
	return 0
}
