package tokenizer

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
type candidate struct{ rank, at int32 }

func (c candidate) before(d candidate) bool {
	return c.rank < d.rank || c.rank == d.rank && c.at < d.at
}

// encoder holds the result and the scratch space of one call of Encode.
type encoder struct {
	t       *Tokenizer
	out     Encoding
	symbols []symbol
	queue   []candidate // binary heap, first is least
}

func (e *encoder) token(id int32, start, end int) {
	e.out.IDs = append(e.out.IDs, id)
	e.out.Spans = append(e.out.Spans, Span{start, end})
}

// ordinary encodes text[from:to], which holds no added token.
func (e *encoder) ordinary(text string, from, to int) {
	for from < to {
		n := e.t.split(text[from:to])
		e.piece(text[from:from+n], from)
		from += n
	}
}

// piece applies the merges to one piece, always the lowest rank, and the leftmost
// of equal ranks. A piece of n bytes takes O(n log n): every merge removes one
// symbol and makes at most two candidates.
func (e *encoder) piece(piece string, offset int) {
	e.symbols, e.queue = e.symbols[:0], e.queue[:0]
	for i := range len(piece) {
		at := int32(i)
		e.symbols = append(e.symbols, symbol{id: e.t.base[piece[i]], start: at, end: at + 1, prev: at - 1, next: at + 1})
	}
	e.symbols[len(piece)-1].next = -1
	for i := range len(piece) - 1 {
		e.consider(int32(i))
	}
	for len(e.queue) > 0 {
		c := e.pop()
		left := &e.symbols[c.at]
		m, ok := e.mergeAt(c.at)
		if !ok || m.rank != c.rank {
			continue // a neighbour has changed since
		}
		right := &e.symbols[left.next]
		left.id, left.end, left.next = m.id, right.end, right.next
		right.start = right.end
		if left.next >= 0 {
			e.symbols[left.next].prev = c.at
			e.consider(c.at)
		}
		if left.prev >= 0 {
			e.consider(left.prev)
		}
	}
	for at := int32(0); at >= 0; at = e.symbols[at].next {
		s := e.symbols[at]
		e.token(s.id, offset+int(s.start), offset+int(s.end))
	}
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
	e.queue = append(e.queue, candidate{m.rank, at})
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
