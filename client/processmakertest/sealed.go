package processmakertest

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// Refresh tokens and authorization codes are JSON that only the instance can
// read: version, salt, initialization vector, ciphertext and a MAC, all in
// hexadecimal. The layout is the product's; the key is not stretched, which in
// the product only serves to make it slow.
const (
	sealVersion = "\xde\xf5\x02\x00"
	saltSize    = 32
	ivSize      = aes.BlockSize
	sealMinimum = len(sealVersion) + saltSize + ivSize + sha256.Size
)

// seal encrypts a value with the current APP_KEY.
func (d *database) seal(value any) string {
	plain, err := json.Marshal(value)
	if err != nil {
		// Strings and numbers always marshal.
		return ""
	}
	out := append([]byte(sealVersion), d.source.bytes("seal", d.next(), saltSize+ivSize)...)
	ciphertext := make([]byte, len(plain))
	d.sealStream(out).XORKeyStream(ciphertext, plain)
	out = append(out, ciphertext...)
	return hex.EncodeToString(append(out, d.sealMAC(out)...))
}

// unseal decrypts into value, and is false for everything that was not sealed
// by this instance with the current APP_KEY.
func (d *database) unseal(text string, value any) bool {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) < sealMinimum || string(raw[:len(sealVersion)]) != sealVersion {
		return false
	}
	sealed, mac := raw[:len(raw)-sha256.Size], raw[len(raw)-sha256.Size:]
	if !hmac.Equal(mac, d.sealMAC(sealed)) {
		return false
	}
	plain := make([]byte, len(sealed)-len(sealVersion)-saltSize-ivSize)
	d.sealStream(sealed).XORKeyStream(plain, sealed[len(sealed)-len(plain):])
	return json.Unmarshal(plain, value) == nil
}

// sealStream derives the key stream from the header of a sealed text.
func (d *database) sealStream(sealed []byte) cipher.Stream {
	salt := sealed[len(sealVersion) : len(sealVersion)+saltSize]
	iv := sealed[len(sealVersion)+saltSize : len(sealVersion)+saltSize+ivSize]
	key := d.source.bytes("seal key "+string(salt), d.appKey, 32)
	block, err := aes.NewCipher(key)
	if err != nil {
		// The key has 32 bytes, which is the only thing NewCipher asks for.
		return nil
	}
	return cipher.NewCTR(block, iv)
}

func (d *database) sealMAC(sealed []byte) []byte {
	mac := hmac.New(sha256.New, d.source.bytes("seal mac", d.appKey, 32))
	mac.Write(sealed)
	return mac.Sum(nil)
}
