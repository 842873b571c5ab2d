package main

import (
	"testing"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"github.com/stretchr/testify/assert"
)

// mostAllocations pins what each request of the hot handlers allocates. It was
// measured with Go 1.26 and has a tenth of room: net/http, encoding/json and the
// SDK allocate a little differently from release to release. Whoever needs more
// than that shows what it is for by changing the number.
var mostAllocations = map[string]float64{
	"issue of a login":                277,
	"issue of a PAT":                  233,
	"renewal, refresh":                315,
	"renewal, extend":                 110,
	"issue and revocation of a login": 526,
	"issue and revocation of a PAT":   372,
	"static read":                     43,
}

// It is not parallel, because allocations are counted for the whole process.
func TestAllocationsOfTheHotHandlers(t *testing.T) {
	if mounttest.RaceDetector {
		t.Skip("the race detector allocates too")
	}
	for _, handler := range hotHandlers {
		work := handler.ready(newHotMount(t, mounttest.NewForgetful()))
		work()
		most, pinned := mostAllocations[handler.name]
		assert.True(t, pinned, "%s is not pinned", handler.name)
		assert.LessOrEqual(t, testing.AllocsPerRun(200, work), most, handler.name)
	}
}
