package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// cosigner verifies C2SP tlog-cosignature, version 1, which note.NewVerifier does not know: a signature is a time of eight
// bytes and the Ed25519 signature over a header, that time and the text of the note.
type cosigner struct {
	name string
	key  ed25519.PublicKey
	time uint64
}

func (c *cosigner) Name() string { return c.name }

func (c *cosigner) KeyHash() uint32 {
	sum := sha256.Sum256(append([]byte(c.name+"\n\x04"), c.key...))
	return binary.BigEndian.Uint32(sum[:4])
}

func (c *cosigner) Verify(text, signature []byte) bool {
	if len(signature) != 8+ed25519.SignatureSize {
		return false
	}
	c.time = binary.BigEndian.Uint64(signature[:8])
	signed := fmt.Sprintf("cosignature/v1\ntime %d\n%s", c.time, text)
	return ed25519.Verify(c.key, []byte(signed), signature[8:])
}

// cosigned verifies that a checkpoint has the signature of its ledger, and a cosignature by the key of another one.
func cosigned(arguments []string) (string, error) {
	_, err := readCheckpoint(arguments[0], arguments[3])
	if err != nil {
		return "", err
	}
	vkey, err := os.ReadFile(arguments[1])
	if err != nil {
		return "", err
	}
	parts := strings.SplitN(strings.TrimSpace(string(vkey)), "+", 3)
	key, err := base64.StdEncoding.DecodeString(parts[len(parts)-1])
	if err != nil || len(key) != 1+ed25519.PublicKeySize {
		return "", fmt.Errorf("%s holds no verifier key", arguments[1])
	}
	signed, err := os.ReadFile(arguments[3])
	if err != nil {
		return "", err
	}
	by := &cosigner{name: arguments[2], key: key[1:]}
	_, err = note.Open(signed, note.VerifierList(by))
	return fmt.Sprintf("%s cosigned at %d", by.name, by.time), refuse("note.Open", err)
}
