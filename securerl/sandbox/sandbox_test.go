package sandbox_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"securecoderl/securerl/sandbox"
)

func TestQuick(t *testing.T) {
	s, err := sandbox.New(context.Background(), sandbox.Options{})
	require.NoError(t, err)
	defer s.Close()
	fmt.Printf("%+v\n", s.Info())
	r, err := s.Run(context.Background(), []byte("import sys\nx = input()\nprint(x)\nraise ValueError(3)"), []byte("hello\nworld\n"), sandbox.Limits{})
	fmt.Printf("%+v %v %s\n", r, err, r.Stderr)
}
