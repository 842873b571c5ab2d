// Package problem holds the one error that is written for people: what failed, what cures it, and
// whose turn it is. It owns nothing and imports the standard library alone.
package problem

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Mount stands in texts for the path of the mount, with its slash. What makes a text does not know
// where Vault has mounted it; At puts the path in where the text becomes an answer.
const Mount = "<mount>/"

// At is a text with the path of its mount; where that is unknown, the text as it is.
func At(mount, text string) string {
	if mount == "" {
		return text
	}
	return strings.ReplaceAll(text, Mount, mount)
}

// Kind tells whose turn it is.
type Kind int

const (
	// Refused: the operator or the reader has to change something.
	Refused Kind = iota + 1
	// NotFound: nothing of that name is there.
	NotFound
	// Conflict: another request or node changed the same thing at the same time.
	Conflict
)

// Error is an error in words for a reader.
type Error struct {
	// Kind is 0 where Err tells it.
	Kind Kind
	// Text says what failed.
	Text string
	// Cure says what to do; empty where nothing helps, or Text says it.
	Cure string
	// RetryAt is when a further try makes sense; zero where that is unknown.
	RetryAt time.Time
	// Err is the cause; nil where there is none beyond Text.
	Err error
}

func (e *Error) Error() string {
	if e.Cure == "" {
		return e.Text
	}
	return e.Text + ". " + e.Cure
}

func (e *Error) Unwrap() error { return e.Err }

// Refuse is a Refused problem.
func Refuse(text, cure string) *Error { return &Error{Kind: Refused, Text: text, Cure: cure} }

// Refusef is a Refused problem without a cure of its own.
func Refusef(format string, args ...any) *Error {
	return &Error{Kind: Refused, Text: fmt.Sprintf(format, args...)}
}

// Conflictf is a Conflict.
func Conflictf(format string, args ...any) *Error {
	return &Error{Kind: Conflict, Text: fmt.Sprintf(format, args...)}
}

// Explain puts err into the words of text. The kind stays that of err.
func Explain(err error, text string) *Error { return &Error{Text: text, Err: err} }

// KindOf is the kind of the first problem in err's chain that tells one, and 0 where none does.
func KindOf(err error) Kind {
	var e *Error
	for errors.As(err, &e) {
		if e.Kind != 0 {
			return e.Kind
		}
		err = e.Err
	}
	return 0
}

// IsConflict tells whether err is a Conflict.
func IsConflict(err error) bool { return KindOf(err) == Conflict }

// Wait is the time from now until at in whole seconds, at least one.
func Wait(at, now time.Time) time.Duration { return max(at.Sub(now).Round(time.Second), time.Second) }
