package scan_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/sandbox"
	"securecoderl/securerl/scan"
)

// The scanner works in both tiers, and beside programs of an older Python than its own.
func TestTheScannerWorksInEveryTierAndBesideOtherInterpreters(t *testing.T) {
	home, _ := os.UserHomeDir() // without one there is no pyenv
	others, err := filepath.Glob(filepath.Join(home, ".pyenv/versions/3.9.*/bin/python3"))
	require.NoError(t, err)
	for _, o := range []sandbox.Options{{Tier: "A"}, {Tier: "B"}, {Python: append(others, "")[0]}} {
		o.Workers = 1
		sb, err := sandbox.New(context.Background(), o)
		require.NoError(t, err)
		s, err := scan.New(context.Background(), sb, scan.Options{})
		require.NoError(t, err)
		r, err := s.Scan(context.Background(), []byte("x = eval(input())"))
		require.NoError(t, err)
		require.Len(t, r.Findings, 1)
		assert.Equal(t, "B307", r.Findings[0].Rule)
		require.NoError(t, s.Close())
		require.NoError(t, sb.Close())
	}
}
