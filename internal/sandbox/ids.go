package sandbox

import (
	"encoding/hex"
	"math/rand/v2"
)

// idSource makes ids in Feishu's formats, the same ones in the same order for
// the same seed.
type idSource struct{ rng *rand.Rand }

func newIDSource(seed uint64) idSource {
	return idSource{rng: rand.New(rand.NewPCG(seed, 0x6964736f75726365))}
}

func (s idSource) hex32(prefix string) string {
	var raw [16]byte
	for i := range 2 {
		v := s.rng.Uint64()
		for j := range 8 {
			raw[i*8+j] = byte(v >> (8 * j))
		}
	}
	out := make([]byte, len(prefix), len(prefix)+32)
	copy(out, prefix)
	return string(hex.AppendEncode(out, raw[:]))
}

func (s idSource) openID() string           { return s.hex32("ou_") }
func (s idSource) unionID() string          { return s.hex32("on_") }
func (s idSource) openDepartmentID() string { return s.hex32("od-") }
func (s idSource) chatID() string           { return s.hex32("oc_") }

// userID is eight lower-case letters and digits, as Feishu makes them.
func (s idSource) userID() string {
	const alphabet = "0123456789abcdefghijklmnopqrstuvwxyz"
	var out [8]byte
	v := s.rng.Uint64()
	for i := range out {
		out[i] = alphabet[v%uint64(len(alphabet))]
		v /= uint64(len(alphabet))
	}
	return string(out[:])
}

// departmentID is sixteen hex digits, as Feishu makes them where nobody chose
// one.
func (s idSource) departmentID() string { return s.hex32("")[:16] }

func (o *organisation) freshUserID() string {
	for {
		if id := o.ids.userID(); o.byUserID.any(id) == nil {
			return id
		}
	}
}
