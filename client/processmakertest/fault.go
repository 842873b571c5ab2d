package processmakertest

import (
	"bytes"
	"io"
	"net/http"
	"sync"
)

// Fault is something that goes wrong with requests of one kind.
type Fault struct {
	On Endpoint
	// Match narrows the choice; nil means all. It may read the body.
	Match func(*http.Request) bool
	// Times is how many requests it happens to. 0 means once, or as often as
	// the effect itself asks for; a negative number means until removed.
	Times int
	Do    Effect
}

// Effect is what a Fault does to a request. The functions of this package make
// effects; the zero Effect does nothing.
type Effect struct {
	// uses is what Fault.Times 0 stands for, where it is not 1.
	uses int
	// claims narrows the choice as Fault.Match does; nil means all. It is
	// called with the lock of the faults held.
	claims func(*visit) bool
	run    func(*visit) delivery
}

// faults are the faults waiting to happen, in order of injection.
type faults struct {
	mu      sync.Mutex
	waiting []*waitingFault
}

type waitingFault struct {
	Fault
	left int
}

// Inject adds a fault. Where several would fit a request, the one injected
// first happens. The function it gives takes the fault back.
func (s *Server) Inject(fault Fault) (remove func()) {
	waiting := &waitingFault{Fault: fault, left: fault.Times}
	if waiting.left == 0 {
		waiting.left = max(1, fault.Do.uses)
	}
	s.faults.mu.Lock()
	s.faults.waiting = append(s.faults.waiting, waiting)
	s.faults.mu.Unlock()
	return func() {
		s.faults.mu.Lock()
		defer s.faults.mu.Unlock()
		waiting.left = 0
		s.faults.tidy()
	}
}

// take finds the fault that happens to a visit and uses it up once.
func (f *faults) take(v *visit) (Effect, bool) {
	f.mu.Lock()
	candidates := append([]*waitingFault(nil), f.waiting...)
	f.mu.Unlock()
	for _, fault := range candidates {
		if fault.On.covers(v.route.endpoint) && fault.matches(v) && f.use(fault, v) {
			return fault.Do, true
		}
	}
	return Effect{}, false
}

// matches runs outside the lock, as it is the test's own code.
func (w *waitingFault) matches(v *visit) bool {
	if w.Match == nil {
		return true
	}
	v.request.Body = io.NopCloser(bytes.NewReader(v.body))
	return w.Match(v.request)
}

// use is false when another request was faster.
func (f *faults) use(fault *waitingFault, v *visit) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if fault.left == 0 || fault.Do.claims != nil && !fault.Do.claims(v) {
		return false
	}
	if fault.left > 0 {
		fault.left--
	}
	f.tidy()
	return true
}

// tidy drops what is used up. The list is made anew, as take walks over copies.
func (f *faults) tidy() {
	var waiting []*waitingFault
	for _, fault := range f.waiting {
		if fault.left != 0 {
			waiting = append(waiting, fault)
		}
	}
	f.waiting = waiting
}
