package scan

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// What runs inside the sandbox: the frame, then the rules of one tool.
var (
	//go:embed source.py
	sourcePy string
	//go:embed own.py
	ownPy string
	//go:embed worker.py
	workerPy string
	//go:embed second.py
	secondPy string
)

// Set names the rules that a scanner prices by.
type Set string

// The rule sets. The first prices every shipped config.
const (
	Bandit  Set = "bandit"
	BanditX Set = "bandit+x" // and the shipped rules X001 to X008
	Dlint   Set = "dlint"    // a second opinion: see judge.Options.Second
)

// Sets lists the rule sets.
func Sets() []Set { return []Set{Bandit, BanditX, Dlint} }

func (s Set) tool() string {
	if s == Dlint {
		return "dlint"
	}
	return "Bandit"
}

// cure is what installs the tool.
func (s Set) cure() string {
	if s == Dlint {
		return "make second"
	}
	return "make setup"
}

// canary is what each set finds in it, in order.
func (s Set) canary() []string {
	if s == Dlint {
		return []string{"DUO104"}
	}
	return []string{"B403", "B307"}
}

// accepts refuses versions whose numbers mean something else.
func (s Set) accepts(version string) error {
	if s == Dlint {
		return nil
	}
	var v [2]int
	if _, err := fmt.Sscanf(version, "%d.%d", &v[0], &v[1]); err != nil {
		return fmt.Errorf("%w: version %q is none", ErrVersion, version)
	}
	if slices.Compare(v[:], oldest[:]) < 0 {
		return fmt.Errorf("%w: version %s is below %d.%d: 1.6 calls every input() HIGH and is blind to strings on current Pythons; run make setup", ErrVersion, version, oldest[0], oldest[1])
	}
	return nil
}

// Rule is a rule beside Bandit's: one of those shipped here, or one of the user's own,
// which forbids calls.
type Rule struct {
	ID         string   `json:"id"` // such as X001; Bandit's ids begin with B, dlint's with DUO
	Name       string   `json:"name,omitempty"`
	Severity   Severity `json:"severity"`
	Confidence string   `json:"confidence,omitempty"` // empty = HIGH
	CWE        int      `json:"cwe"`
	Calls      []string `json:"calls"` // by the name they are written with: __import__, os.chmod; nil for shipped rules
}

// Shipped lists the rules X001 to X008: what each is about stands in the package's
// documentation.
func Shipped() []Rule {
	return []Rule{
		{ID: "X001", Name: "dynamic_import", Severity: Medium, Confidence: "HIGH", CWE: 470},
		{ID: "X002", Name: "code_as_value", Severity: Medium, Confidence: "HIGH", CWE: 95},
		{ID: "X003", Name: "code_looked_up", Severity: Medium, Confidence: "MEDIUM", CWE: 95},
		{ID: "X004", Name: "command_hidden", Severity: High, Confidence: "MEDIUM", CWE: 78},
		{ID: "X005", Name: "code_object", Severity: Medium, Confidence: "MEDIUM", CWE: 95},
		{ID: "X006", Name: "secret_constant", Severity: Medium, Confidence: "LOW", CWE: 798},
		{ID: "X007", Name: "shell_constant", Severity: Medium, Confidence: "HIGH", CWE: 78},
		{ID: "X008", Name: "loose_mode", Severity: Medium, Confidence: "HIGH", CWE: 732}, // HIGH where others may write
	}
}

// Floor is what X006 takes for a secret: shorter or duller constants are none.
type Floor struct {
	Length  int     `json:"length"`  // characters or bytes
	Entropy float64 `json:"entropy"` // bits per character, by the constant's own frequencies
}

// ErrRule reports a rule that cannot be told from another tool's, or finds nothing, a
// floor below zero, or a set that does not exist.
var ErrRule = errors.New("scan: rule")

// complete fills in what is left open.
func (o Options) complete() Options {
	if o.Set == "" {
		o.Set = Bandit
	}
	if o.Version == "" {
		o.Version = Version
		if o.Set == Dlint {
			o.Version = DlintVersion
		}
	}
	if o.Secrets == (Floor{}) {
		o.Secrets = Floor{Length: 8, Entropy: 2.5}
	}
	return o
}

// source is the worker with the rules it must know.
func (o Options) source() (string, error) {
	if !slices.Contains(Sets(), o.Set) {
		return "", fmt.Errorf("%w: no set %q; there are %v", ErrRule, o.Set, Sets())
	}
	if o.Secrets.Length < 0 || o.Secrets.Entropy < 0 {
		return "", fmt.Errorf("%w: a floor of %+v is below zero", ErrRule, o.Secrets)
	}
	if o.Set == Dlint {
		if len(o.Rules) > 0 {
			return "", fmt.Errorf("%w: a second opinion takes no rules of one's own", ErrRule)
		}
		return sourcePy + secondPy, nil
	}
	all := Shipped()
	for _, r := range o.Rules {
		if r.ID == "" || strings.HasPrefix(r.ID, "B") || strings.HasPrefix(r.ID, "DUO") || r.Severity.rank() == 0 || len(r.Calls) == 0 {
			return "", fmt.Errorf("%w: %+v needs an id that does not begin with B or DUO, a severity and calls", ErrRule, r)
		}
		if slices.ContainsFunc(Shipped(), func(s Rule) bool { return s.ID == r.ID }) {
			return "", fmt.Errorf("%w: %s is shipped; choose another id", ErrRule, r.ID)
		}
		all = append(all, r)
	}
	rules, err := json.Marshal(all)
	if err != nil {
		return "", fmt.Errorf("%w: %v", ErrRule, err)
	}
	secrets, err := json.Marshal(o.Secrets)
	if err != nil {
		return "", fmt.Errorf("%w: %v", ErrRule, err)
	}
	// A JSON text of strings, numbers and lists is a Python expression too, but for null.
	return fmt.Sprintf("null = None\nRULES = %s\nSECRETS = %s\n", rules, secrets) + sourcePy + ownPy + workerPy, nil
}
