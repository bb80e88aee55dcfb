package scan_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/sandbox"
	"securecoderl/securerl/scan"
)

func ExampleOptions() {
	ctx := context.Background()
	sb, err := sandbox.New(ctx, sandbox.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sb.Close()
	s, err := scan.New(ctx, sb, scan.Options{Rules: []scan.Rule{{ID: "U001", Severity: scan.Medium, CWE: 676, Calls: []string{"os.umask"}}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	source := "import os\nos.umask(0)"
	r, _ := s.Scan(ctx, []byte(source))
	f := r.Findings[0]
	fmt.Println(f.Rule, f.Severity, f.CWE, source[f.Start:f.End])
	// Output: U001 MEDIUM 676 os.umask(0)
}

func TestOwnRulesStandBesideBandits(t *testing.T) {
	ctx := context.Background()
	sb, err := sandbox.New(ctx, sandbox.Options{})
	require.NoError(t, err)
	defer sb.Close()
	rules := []scan.Rule{{ID: "U002", Severity: scan.High, CWE: 732, Calls: []string{"os.chmod"}}}
	s, err := scan.New(ctx, sb, scan.Options{Rules: rules})
	require.NoError(t, err)
	defer s.Close()
	plain, err := scan.New(ctx, sb, scan.Options{})
	require.NoError(t, err)
	defer plain.Close()
	assert.NotEqual(t, plain.Info().Rules, s.Info().Rules, "other rules, another digest: no verdict is shared")
	source := "import os\nx = 'é'; os.chmod('f', 0)\neval('1')\nchmod = 1"
	r, err := s.Scan(ctx, []byte(source))
	require.NoError(t, err)
	var found []string
	for _, f := range r.Findings {
		found = append(found, f.Rule+" "+source[f.Start:f.End])
	}
	assert.ElementsMatch(t, []string{"U002 os.chmod('f', 0)", "B307 eval('1')"}, found)
	for _, bad := range []scan.Rule{{ID: "B307", Severity: scan.Low, Calls: []string{"f"}}, {ID: "DUO104", Severity: scan.Low, Calls: []string{"f"}},
		{ID: "X001", Severity: scan.Low, Calls: []string{"f"}}, {ID: "U1", Severity: "BAD", Calls: []string{"f"}}, {ID: "U1", Severity: scan.Low}} {
		_, err := scan.New(ctx, sb, scan.Options{Rules: []scan.Rule{bad}})
		assert.ErrorIs(t, err, scan.ErrRule)
	}
}
