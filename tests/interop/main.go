// Checks what a Sealpost ledger hands out with the packages of Go's checksum database, golang.org/x/mod/sumdb.
// Nothing here shares code with Sealpost; the hashing, the proofs and the signatures are all those packages'.
//
//	check checkpoint VKEY CHECKPOINT           opens a signed checkpoint
//	check entries    VKEY EXPORT               computes the root from the leaves
//	check tiles      VKEY EXPORT               authenticates every tile, proves and checks records from them
//	check continues  VKEY EARLIER VKEY EXPORT  proves from the tiles that the export continues a checkpoint
//	check since      VKEY EARLIER SHOWN        checks the ledger's own consistency proof
//	check proof      VKEY PROOF LEAF           checks a tlog-proof
//	check cosigned   VKEY VKEY NAME CHECKPOINT verifies the signature by the first key, the cosignature by the second
//
// VKEY is a file with a verifier key. Exit codes: 0 it holds, 3 it is refused (the last line says by which function),
// 1 it could not be looked at.
package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// refusal is the answer of a function of sumdb, as opposed to a file that cannot be read.
type refusal struct {
	by     string
	reason error
}

func (r *refusal) Error() string { return r.by + ": " + r.reason.Error() }

func refuse(by string, reason error) error {
	var unread *fs.PathError
	if reason == nil || errors.As(reason, &unread) {
		return reason
	}
	return &refusal{by, reason}
}

type check struct {
	arguments int
	run       func(arguments []string) (string, error)
}

var checks = map[string]check{
	"checkpoint": {2, opened},
	"entries":    {2, entriesHaveRoot},
	"tiles":      {2, tilesHold},
	"continues":  {4, continues},
	"since":      {3, since},
	"proof":      {3, proofHolds},
	"cosigned":   {4, cosigned},
}

func main() {
	if len(os.Args) < 2 || checks[os.Args[1]].run == nil || len(os.Args)-2 != checks[os.Args[1]].arguments {
		fmt.Fprintln(os.Stderr, "usage: see main.go")
		os.Exit(2)
	}
	said, err := checks[os.Args[1]].run(os.Args[2:])
	var refused *refusal
	switch {
	case errors.As(err, &refused):
		fmt.Println(refused)
		os.Exit(3)
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(said)
}
