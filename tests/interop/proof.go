package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// continues proves from the tiles of an export that it continues an earlier checkpoint.
func continues(arguments []string) (string, error) {
	earlier, err := readCheckpoint(arguments[0], arguments[1])
	if err != nil {
		return "", err
	}
	e, err := openExport(arguments[2], arguments[3])
	if err != nil {
		return "", err
	}
	proof, err := tlog.ProveTree(e.tree.N, earlier.N, tlog.TileHashReader(e.tree, e))
	if err != nil {
		return "", refuse("tlog.ProveTree", err)
	}
	err = tlog.CheckTree(proof, e.tree.N, e.tree.Hash, earlier.N, earlier.Hash)
	return fmt.Sprintf("%d records continue %d", e.tree.N, earlier.N), refuse("tlog.CheckTree", err)
}

// since checks what `ledger checkpoint --since EARLIER --output json` printed.
func since(arguments []string) (string, error) {
	earlier, err := readCheckpoint(arguments[0], arguments[1])
	if err != nil {
		return "", err
	}
	bytes, err := os.ReadFile(arguments[2])
	if err != nil {
		return "", err
	}
	var shown struct {
		Checkpoint string
		Since      struct{ Proof []string }
	}
	if err := json.Unmarshal(bytes, &shown); err != nil {
		return "", err
	}
	latest, err := openCheckpoint(arguments[0], []byte(shown.Checkpoint))
	if err != nil {
		return "", err
	}
	hashes, err := parseHashes(shown.Since.Proof)
	if err != nil {
		return "", err
	}
	err = tlog.CheckTree(tlog.TreeProof(hashes), latest.N, latest.Hash, earlier.N, earlier.Hash)
	return fmt.Sprintf("%d records continue %d", latest.N, earlier.N), refuse("tlog.CheckTree", err)
}

// proofHolds checks a C2SP tlog-proof: a head, `index N`, the audit path, a blank line, the checkpoint.
func proofHolds(arguments []string) (string, error) {
	text, err := os.ReadFile(arguments[1])
	if err != nil {
		return "", err
	}
	leaf, err := os.ReadFile(arguments[2])
	if err != nil {
		return "", err
	}
	head, checkpoint, found := strings.Cut(string(text), "\n\n")
	lines := strings.Split(head, "\n")
	if !found || len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" || !strings.HasPrefix(lines[1], "index ") {
		return "", errors.New("this is no tlog-proof")
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[1], "index "), 10, 64)
	if err != nil {
		return "", err
	}
	path, err := parseHashes(lines[2:])
	if err != nil {
		return "", err
	}
	tree, err := openCheckpoint(arguments[0], []byte(checkpoint))
	if err != nil {
		return "", err
	}
	err = tlog.CheckRecord(tlog.RecordProof(path), tree.N, tree.Hash, index, tlog.RecordHash(leaf))
	return fmt.Sprintf("record %d of %d", index, tree.N), refuse("tlog.CheckRecord", err)
}

func parseHashes(texts []string) ([]tlog.Hash, error) {
	var hashes []tlog.Hash
	for _, text := range texts {
		hash, err := tlog.ParseHash(text)
		if err != nil {
			return nil, err
		}
		hashes = append(hashes, hash)
	}
	return hashes, nil
}
