package figure_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/chart/ssr"
	"securecoderl/securerl/figure"
)

var update = flag.Bool("update", false, "write testdata/figure again")

const golden = "../../testdata/figure"

func same(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join(golden, name)
	if *update {
		require.NoError(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Truef(t, bytes.Equal(want, got), "%s differs; look at the new one, then run the test with -update", path)
}

func TestFiguresLookAsTheyDid(t *testing.T) {
	for _, f := range all() {
		svg, err := ssr.Render(f)
		require.NoError(t, err, f.Name)
		same(t, f.Name+".svg", svg)
	}
	row, spans := credited()
	c, err := figure.CreditMap("gated, problem p1", row, spans)
	require.NoError(t, err)
	same(t, "credit.svg", c.SVG)
	same(t, "credit.html", []byte(c.HTML))
}
