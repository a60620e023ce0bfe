package main

import (
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// C2SP tlog-tiles has this height alone, and so leaves it out of the paths.
const height = 8

// place is where C2SP tlog-tiles has a tile; level -1 are the entries. Go's path is tile/8/LEVEL/…
func place(tile tlog.Tile) string {
	path := strings.TrimPrefix(tile.Path(), fmt.Sprintf("tile/%d/", height))
	return filepath.Join("tile", strings.Replace(path, "data/", "entries/", 1))
}

// export reads the tiles of an exported ledger, and remembers which of them a check was passed by.
type export struct {
	dir  string
	tree tlog.Tree
	held map[string]bool
}

func openExport(vkeyFile, dir string) (*export, error) {
	tree, err := readCheckpoint(vkeyFile, filepath.Join(dir, "checkpoint"))
	return &export{dir, tree, map[string]bool{}}, err
}

func (e *export) Height() int { return height }

func (e *export) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var data [][]byte
	for _, tile := range tiles {
		bytes, err := os.ReadFile(filepath.Join(e.dir, place(tile)))
		if err != nil {
			return nil, err
		}
		data = append(data, bytes)
	}
	return data, nil
}

// SaveTiles is called with tiles that were found to be those of the tree.
func (e *export) SaveTiles(tiles []tlog.Tile, _ [][]byte) {
	for _, tile := range tiles {
		e.held[place(tile)] = true
	}
}

// entries are all leaves, in their order: bundles of up to 256, each leaf after its length in two bytes.
func (e *export) entries() ([][]byte, error) {
	var leaves [][]byte
	for first := int64(0); first < e.tree.N; first += 1 << height {
		width := e.tree.N - first
		if width > 1<<height {
			width = 1 << height
		}
		path := place(tlog.Tile{H: height, L: -1, N: first >> height, W: int(width)})
		bundle, err := os.ReadFile(filepath.Join(e.dir, path))
		if err != nil {
			return nil, err
		}
		for ; width > 0; width-- {
			if len(bundle) < 2 || len(bundle)-2 < int(binary.BigEndian.Uint16(bundle)) {
				return nil, fmt.Errorf("%s ends within an entry", path)
			}
			end := 2 + int(binary.BigEndian.Uint16(bundle))
			leaves = append(leaves, bundle[2:end])
			bundle = bundle[end:]
		}
		if len(bundle) > 0 {
			return nil, fmt.Errorf("%s goes on after its last entry", path)
		}
		e.held[path] = true
	}
	return leaves, nil
}

// nothingElse makes sure that every file of the export was part of a check.
func (e *export) nothingElse() error {
	return filepath.WalkDir(filepath.Join(e.dir, "tile"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		relative, err := filepath.Rel(e.dir, path)
		if err == nil && !e.held[relative] {
			err = fmt.Errorf("%s belongs to no tile of the tree", relative)
		}
		return err
	})
}

// stored keeps the hashes of a tree in memory, as tlog numbers them.
type stored []tlog.Hash

func (s stored) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var hashes []tlog.Hash
	for _, index := range indexes {
		hashes = append(hashes, s[index])
	}
	return hashes, nil
}

func entriesHaveRoot(arguments []string) (string, error) {
	e, err := openExport(arguments[0], arguments[1])
	if err != nil {
		return "", err
	}
	leaves, err := e.entries()
	if err != nil {
		return "", err
	}
	var hashes stored
	for index, leaf := range leaves {
		more, err := tlog.StoredHashes(int64(index), leaf, hashes)
		if err != nil {
			return "", err
		}
		hashes = append(hashes, more...)
	}
	root, err := tlog.TreeHash(e.tree.N, hashes)
	if err == nil && root != e.tree.Hash {
		err = refuse("tlog.TreeHash", fmt.Errorf("the leaves have the root %v, the checkpoint %v", root, e.tree.Hash))
	}
	return fmt.Sprintf("%d leaves have the checkpoint's root", len(leaves)), err
}

// tilesHold authenticates every tile against the checkpoint, and proves every record from them.
func tilesHold(arguments []string) (string, error) {
	e, err := openExport(arguments[0], arguments[1])
	if err != nil {
		return "", err
	}
	leaves, err := e.entries()
	if err != nil {
		return "", err
	}
	reader := tlog.TileHashReader(e.tree, e)
	root, err := tlog.TreeHash(e.tree.N, reader)
	if err != nil {
		return "", refuse("tlog.TileHashReader", err)
	}
	if root != e.tree.Hash {
		return "", refuse("tlog.TreeHash", fmt.Errorf("the tiles have the root %v", root))
	}
	for index, leaf := range leaves {
		proof, err := tlog.ProveRecord(e.tree.N, int64(index), reader)
		if err != nil {
			return "", refuse("tlog.TileHashReader", err)
		}
		err = tlog.CheckRecord(proof, e.tree.N, e.tree.Hash, int64(index), tlog.RecordHash(leaf))
		if err != nil {
			return "", refuse("tlog.CheckRecord", fmt.Errorf("record %d: %w", index, err))
		}
	}
	return fmt.Sprintf("%d files, %d records proved from them", len(e.held), len(leaves)), e.nothingElse()
}
