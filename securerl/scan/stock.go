package scan

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"time"
)

//go:embed stock.py
var stockPy string

// Stock is Bandit itself, with its own manager and visitor, in a plain process beside
// the confined worker: what parity and speed are measured against. Nothing confines
// it, so it must be given sources that are trusted not to attack their scanner.
type Stock struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
	err bytes.Buffer
}

// StockFinding is a finding with the places that Bandit reports.
type StockFinding struct {
	Rule       string   `json:"rule"`
	Severity   Severity `json:"severity"`
	Confidence string   `json:"confidence"`
	CWE        int      `json:"cwe"`
	Line       int      `json:"line"`
	Column     int      `json:"column"`     // bytes from the start of the line; -1 where a rule has no node
	EndColumn  int      `json:"end_column"` // of the node's last line
	Lines      [2]int   `json:"lines"`      // first and last of the node
}

// StockReport is what Bandit says of a source.
type StockReport struct {
	Error    string         `json:"error"` // why the source was skipped; empty = it was not
	Findings []StockFinding `json:"findings"`
}

// NewStock starts Bandit in the interpreter.
func NewStock(ctx context.Context, python string) (*Stock, error) {
	source, err := Options{}.complete().source()
	if err != nil {
		return nil, err
	}
	s := &Stock{cmd: exec.CommandContext(ctx, python, "-s", "-P", "-c", source+stockPy)}
	s.cmd.Stderr = &s.err
	if s.in, err = s.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInfrastructure, err)
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInfrastructure, err)
	}
	s.out = bufio.NewReader(out)
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInfrastructure, err)
	}
	return s, nil
}

// Took is the time that sources took inside the process.
type Took struct{ Wall, CPU time.Duration }

// Scan scans sources with Bandit, in order.
func (s *Stock) Scan(sources [][]byte) ([]StockReport, Took, error) {
	return s.ask("stock", sources)
}

// Light scans sources with this package's own visitor in the same plain process, and
// tells only the time: what confinement costs.
func (s *Stock) Light(sources [][]byte) (Took, error) {
	_, took, err := s.ask("light", sources)
	return took, err
}

func (s *Stock) ask(how string, sources [][]byte) ([]StockReport, Took, error) {
	err := json.NewEncoder(s.in).Encode(map[string]any{"how": how, "sources": sources})
	var answer struct {
		Wall, CPU float64 // seconds
		Answers   []StockReport
	}
	if err == nil {
		var line []byte
		if line, err = s.out.ReadBytes('\n'); err == nil {
			err = json.Unmarshal(line, &answer)
		}
	}
	if err != nil {
		return nil, Took{}, fmt.Errorf("%w: stock Bandit: %w", ErrInfrastructure, errors.Join(err, s.Close()))
	}
	seconds := func(x float64) time.Duration { return time.Duration(x * float64(time.Second)) }
	return answer.Answers, Took{seconds(answer.Wall), seconds(answer.CPU)}, nil
}

// Close ends the process.
func (s *Stock) Close() error {
	err := s.in.Close()
	if wait := s.cmd.Wait(); wait != nil {
		err = errors.Join(err, fmt.Errorf("%w: %.500s", wait, s.err.String()))
	}
	return err
}

// Differs compares a report with Bandit's own on the same source and says what differs,
// in one sentence each: rules, severities, confidences, weaknesses, lines and columns.
// Two things are not compared: the place of a finding about the raw text (B613), behind
// which no node stands, and where a finding about a function ends (B107, B503), whose
// span here is the head and in Bandit the whole.
func (r StockReport) Differs(source []byte, ours Report) (list []string) {
	if skipped := r.Error != ""; skipped == ours.ParseOK { // both look at a tree that does not compile
		return []string{fmt.Sprintf("Bandit says %q, here it is %s", r.Error, ours.Status)}
	}
	mine := slices.Clone(ours.Findings)
	for _, f := range r.Findings {
		at := slices.IndexFunc(mine, func(m Finding) bool {
			return m.Rule == f.Rule && m.Severity == f.Severity && m.Confidence == f.Confidence && m.CWE == f.CWE && m.Line == f.Line && f.stands(source, m)
		})
		if at < 0 {
			list = append(list, fmt.Sprintf("only Bandit: %+v", f))
			continue
		}
		mine = slices.Delete(mine, at, at+1)
	}
	for _, m := range mine {
		list = append(list, fmt.Sprintf("only here: %+v", m))
	}
	return list
}

// stands tells whether a span begins and ends where Bandit says.
func (f StockFinding) stands(source []byte, m Finding) bool {
	if f.Rule == "B613" {
		return true
	}
	start, end := m.Start-lineStart(source, m.Start), m.End-lineStart(source, m.End)
	head := f.Rule == "B107" || f.Rule == "B503" // of a function
	return start == f.Column && (head || end == f.EndColumn)
}

// lineStart is where the line of a byte begins; a byte-order mark belongs to no line.
func lineStart(source []byte, at int) int {
	for i := at; i > 0; i-- {
		if c := source[i-1]; c == '\n' || c == '\r' {
			return i
		}
	}
	if bytes.HasPrefix(source, []byte("\ufeff")) {
		return 3
	}
	return 0
}
