package checkout

// apply makes an object from its base and a delta: two lengths, then what to copy from
// the base and what to add.
func (m *meter) apply(base, delta []byte) ([]byte, error) {
	from, delta, ok1 := length(delta)
	to, delta, ok2 := length(delta)
	switch {
	case !ok1 || !ok2 || from != uint64(len(base)):
		return nil, errFormat
	case to > maxObject:
		return nil, errLarge
	}
	if err := m.take(int64(to)); err != nil {
		return nil, err
	}
	out := make([]byte, 0, to)
	for len(delta) > 0 {
		op := delta[0]
		delta = delta[1:]
		var piece []byte
		if op&0x80 == 0 {
			if op == 0 || int(op) > len(delta) {
				return nil, errFormat
			}
			piece, delta = delta[:op], delta[op:]
		} else {
			var at, n uint32
			if at, n, delta, ok1 = stretch(op, delta); !ok1 || uint64(at)+uint64(n) > uint64(len(base)) {
				return nil, errFormat
			}
			piece = base[at : at+n]
		}
		if len(out)+len(piece) > int(to) {
			return nil, errFormat
		}
		out = append(out, piece...)
	}
	if len(out) != int(to) {
		return nil, errFormat
	}
	return out, nil
}

// stretch reads which part of the base is to be copied. The bits of op say which
// bytes of the place and of the length are there.
func stretch(op byte, delta []byte) (at, n uint32, rest []byte, ok bool) {
	for i := range 7 {
		if op&(1<<i) == 0 {
			continue
		}
		if len(delta) == 0 {
			return 0, 0, nil, false
		}
		if i < 4 {
			at |= uint32(delta[0]) << (8 * i)
		} else {
			n |= uint32(delta[0]) << (8 * (i - 4))
		}
		delta = delta[1:]
	}
	if n == 0 {
		n = 0x10000
	}
	return at, n, delta, true
}

// length reads a number of seven bits a byte, the lowest first.
func length(b []byte) (n uint64, rest []byte, ok bool) {
	for i, c := range b {
		if i == 8 {
			break
		}
		n |= uint64(c&0x7f) << (7 * i)
		if c&0x80 == 0 {
			return n, b[i+1:], true
		}
	}
	return 0, nil, false
}
