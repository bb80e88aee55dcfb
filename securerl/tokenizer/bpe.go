package tokenizer

import "strings"

// pair is two neighbouring ids, the left one in the upper half, so that pairs
// compare by left id first.
type pair uint64

func pairOf(left, right int32) pair { return pair(uint32(left))<<32 | pair(uint32(right)) }

func (p pair) left() int32  { return int32(p >> 32) }
func (p pair) right() int32 { return int32(p) }

// merge replaces a pair by one id; the lowest rank is applied first.
type merge struct{ rank, id int32 }

// symbol is a stretch of a piece that is one token so far. The symbols of a piece
// are a doubly linked list; a merged-away symbol has length 0.
type symbol struct {
	id         int32
	start, end int32
	prev, next int32 // -1 at the ends
}

// candidate is a possible merge of the symbol at index at with its right
// neighbour.
type candidate struct{ rank, id, at int32 }

func (c candidate) before(d candidate) bool {
	return c.rank < d.rank || c.rank == d.rank && c.at < d.at
}

// unit is a token of a piece that was encoded before, and where it ends.
type unit struct{ id, end int32 }

// Pieces up to remembered bytes are encoded once as long as there are not more than
// memory of them; programs repeat their words.
const (
	remembered = 48
	memory     = 1 << 15
)

// piece encodes a piece that begins at offset in e.text.
func (e *encoder) piece(piece string, offset int) {
	known, ok := e.words[piece]
	if !ok {
		known = e.merged(piece)
		if len(piece) <= remembered {
			if len(e.words) >= memory {
				clear(e.words)
			}
			e.words[strings.Clone(piece)] = known
		}
	}
	start := e.place(offset)
	for _, u := range known {
		end := e.place(offset + int(u.end))
		e.token(u.id, Span{start, end})
		start = end
	}
}

// merged applies the merges to a piece, always the lowest rank, and the leftmost of
// equal ranks. A piece of n bytes takes O(n log n): every merge removes one symbol
// and makes at most two candidates.
func (e *encoder) merged(piece string) (units []unit) {
	if id, ok := e.t.whole[piece]; ok {
		return []unit{{id, int32(len(piece))}}
	}
	e.spell(piece)
	e.queue = e.queue[:0]
	for i := range len(e.symbols) - 1 {
		e.consider(int32(i))
	}
	left := len(e.symbols)
	for len(e.queue) > 0 {
		c := e.pop()
		m, ok := e.mergeAt(c.at)
		if !ok || m.id != c.id {
			continue // a neighbour has changed since
		}
		s := &e.symbols[c.at]
		right := &e.symbols[s.next]
		s.id, s.end, s.next = m.id, right.end, right.next
		right.start = right.end
		left--
		if s.next >= 0 {
			e.symbols[s.next].prev = c.at
			e.consider(c.at)
		}
		if s.prev >= 0 {
			e.consider(s.prev)
		}
	}
	units = make([]unit, 0, left)
	for at := int32(0); at >= 0; at = e.symbols[at].next {
		units = append(units, unit{e.symbols[at].id, e.symbols[at].end})
	}
	return units
}

// mergeAt returns the merge of the symbol at index at with its right neighbour.
func (e *encoder) mergeAt(at int32) (merge, bool) {
	s := e.symbols[at]
	if s.start == s.end || s.next < 0 {
		return merge{}, false
	}
	m, ok := e.t.merges[pairOf(s.id, e.symbols[s.next].id)]
	return m, ok
}

// consider queues the merge at index at, if there is one.
func (e *encoder) consider(at int32) {
	m, ok := e.mergeAt(at)
	if !ok {
		return
	}
	e.queue = append(e.queue, candidate{m.rank, m.id, at})
	for i := len(e.queue) - 1; i > 0; {
		up := (i - 1) / 2
		if !e.queue[i].before(e.queue[up]) {
			return
		}
		e.queue[i], e.queue[up] = e.queue[up], e.queue[i]
		i = up
	}
}

// pop removes the least candidate.
func (e *encoder) pop() candidate {
	top, last := e.queue[0], len(e.queue)-1
	e.queue[0] = e.queue[last]
	e.queue = e.queue[:last]
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < last; child++ {
			if e.queue[child].before(e.queue[least]) {
				least = child
			}
		}
		if least == i {
			return top
		}
		e.queue[i], e.queue[least] = e.queue[least], e.queue[i]
		i = least
	}
}
