package processmakertest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
)

// source makes what is random in the product from the seed, so that a failing
// test fails with the same tokens the next time.
type source struct{ seed []byte }

// bytes gives length bytes that belong to the label and the number alone.
func (s source) bytes(label string, number uint64, length int) []byte {
	out := make([]byte, 0, length+sha256.Size)
	for block := uint64(0); len(out) < length; block++ {
		mac := hmac.New(sha256.New, s.seed)
		mac.Write([]byte(label))
		mac.Write(binary.BigEndian.AppendUint64([]byte{0}, number))
		mac.Write(binary.BigEndian.AppendUint64(nil, block))
		out = mac.Sum(out)
	}
	return out[:length]
}

// identifier gives the 80 hexadecimal digits that name a token or a code.
func (s source) identifier(label string, number uint64) string {
	return hex.EncodeToString(s.bytes(label, number, 40))
}

// letters gives letters and digits, as in client secrets.
func (s source) letters(label string, number uint64, length int) string {
	const alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	out := s.bytes(label, number, length)
	for i, b := range out {
		out[i] = alphabet[int(b)%len(alphabet)]
	}
	return string(out)
}
