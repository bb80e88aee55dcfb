package tokenizer

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"sync"

	"securecoderl/securerl/tokenizer/pieces"
)

// ErrFormat reports a tokenizer file that contradicts itself or cannot be read.
var ErrFormat = errors.New("tokenizer: malformed file")

// ErrUnsupported reports a well-formed tokenizer file with a component that this
// package does not read. The message names it.
var ErrUnsupported = errors.New("tokenizer: unsupported component")

// ErrVocabulary reports a vocabulary that Train cannot make.
var ErrVocabulary = errors.New("tokenizer: impossible vocabulary")

// Span is the byte range [Start, End) of a token in a text. It may begin or end
// inside a character.
type Span struct{ Start, End int }

// Encoding is a text as tokens: Spans[i] is the range of IDs[i]. The spans lie
// end to end from 0 to the length of the text; some may be empty.
type Encoding struct {
	IDs   []int32
	Spans []Span
}

// Tokenizer is a byte-level or a sentencepiece-style BPE. It does not change after
// it was made and may be used from several goroutines.
type Tokenizer struct {
	json     []byte        // the whole tokenizer.json
	cut      pieces.Cutter // cuts ordinary text into pieces, within which bytes are merged
	nfc      bool          // text is brought to Unicode form C before it is cut
	gaps     bool          // some bytes that never occur in UTF-8 have no token
	space    spacing       // sentencepiece style: where a space mark is put in front
	tokens   []token       // by id
	added    map[string]*added
	verbatim matcher // added tokens that are looked for in the text as it is
	composed matcher // and those that are looked for after NFC
	merges   map[pair]merge
	base     [256]int32       // id of every single byte
	runes    map[rune]int32   // sentencepiece style: ids of single characters
	whole    map[string]int32 // pieces that are taken without merging; nil = none
	before   []int32          // what Wrap puts before a text
	after    []int32          // and after it

	pool sync.Pool // of *encoder
}

// token is what an id stands for.
type token struct {
	bytes   string
	special bool // the file's own flag
	control bool // steers the model, is no text: see Tokenizer.Control
	single  bool // one byte of a byte fallback
}

type added struct {
	id             int32
	content        string
	foreign        bool // is looked for in foreign text too
	lstrip, rstrip bool
}

// Save writes the tokenizer.json.
func (t *Tokenizer) Save(path string) error {
	if err := os.WriteFile(path, t.json, 0o644); err != nil {
		return fmt.Errorf("tokenizer: %w", err)
	}
	return nil
}

// JSON returns the bytes of the tokenizer.json: those that were read, or those
// that were made by Train or from vocab.json and merges.txt.
func (t *Tokenizer) JSON() []byte { return bytes.Clone(t.json) }

// Digest returns the SHA-256 of JSON in hexadecimal.
func (t *Tokenizer) Digest() string {
	sum := sha256.Sum256(t.json)
	return hex.EncodeToString(sum[:])
}

// VocabSize returns the number of tokens; ids run from 0 to VocabSize()-1.
func (t *Tokenizer) VocabSize() int { return len(t.tokens) }

// TokenID returns the id of an added token, such as "</s>".
func (t *Tokenizer) TokenID(content string) (int32, bool) {
	if a, ok := t.added[content]; ok {
		return a.id, true
	}
	return 0, false
}

// Bytes returns what an id stands for, a control token's name included. An unknown
// id stands for nothing.
func (t *Tokenizer) Bytes(id int32) string { return t.token(id).bytes }

// Control tells whether an id steers the model and is no text: every added token,
// marked as special in the file or not, except runs of white space and the single
// bytes that DeepSeek-Coder's file lists among its added tokens. Foreign text never
// becomes one, and Decode leaves them out. Unknown ids are none.
//
// The file's own mark is not enough: DeepSeek-Coder's <|EOT|>, which ends an answer,
// and Phi-3's </s> are not marked.
func (t *Tokenizer) Control(id int32) bool { return t.token(id).control }

func (t *Tokenizer) token(id int32) token {
	if id < 0 || int(id) >= len(t.tokens) {
		return token{}
	}
	return t.tokens[id]
}
