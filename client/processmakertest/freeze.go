package processmakertest

import "sync"

// Freeze is a stop of the product's workers, or of all that a request can get
// to. What arrives is held. The product does not notice a caller that gives up
// meanwhile: what is held is carried out later all the same, and whatever was
// not held has overtaken it.
type Freeze struct {
	mu     sync.Mutex
	passes bool
	held   []*heldRequest // in order of arrival
}

// heldRequest waits in a Freeze.
type heldRequest struct {
	goOn    chan struct{} // closed to carry it out
	abandon chan int      // gives the status that its caller gets meanwhile
	done    chan struct{} // closed when nothing more is processed
}

// Freeze holds the requests of one kind from now on, until Thaw or Pass.
func (s *Server) Freeze(on Endpoint) *Freeze {
	freeze := &Freeze{}
	s.Inject(Fault{On: on, Times: -1, Do: freeze.Effect()})
	return freeze
}

// Effect holds what it happens to, for a Fault that chooses more closely than
// Server.Freeze does.
func (f *Freeze) Effect() Effect {
	return Effect{
		claims: func(*visit) bool {
			f.mu.Lock()
			defer f.mu.Unlock()
			return !f.passes
		},
		run: f.hold,
	}
}

func (f *Freeze) hold(v *visit) delivery {
	h := &heldRequest{goOn: make(chan struct{}), abandon: make(chan int, 1), done: make(chan struct{})}
	f.mu.Lock()
	if f.passes {
		// It was thawed since this request was chosen.
		f.mu.Unlock()
		return delivery{answer: v.process()}
	}
	f.held = append(f.held, h)
	f.mu.Unlock()

	select {
	case <-h.goOn:
		defer close(h.done)
		return delivery{answer: v.process()}
	case status := <-h.abandon:
		return f.abandoned(v, h, status)
	case <-v.server.closing:
		close(h.done)
		return dropped()
	}
}

// abandoned answers the caller and keeps the work for later.
func (f *Freeze) abandoned(v *visit, h *heldRequest, status int) delivery {
	if !v.server.arrive() {
		close(h.done)
		return dropped()
	}
	v.unfinished = true
	late := *v
	go func() {
		defer v.server.visits.Done()
		defer close(h.done)
		if v.server.await(h.goOn) {
			late.process()
		}
		v.server.log.finish(late.record, late.tokenID)
	}()
	return GatewayPage(status).run(v)
}

// Held gives the number of requests that wait to be carried out.
func (f *Freeze) Held() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.held)
}

// Abandon lets a gateway give up waiting: the callers of all that is held get
// its page with this status, such as 504, and the requests stay held.
func (f *Freeze) Abandon(status int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, h := range f.held {
		select {
		case h.abandon <- status:
		default:
		}
	}
}

// CarryOut carries the oldest of the held requests out, and returns when that
// is done. It is false if none was held.
func (f *Freeze) CarryOut() bool {
	f.mu.Lock()
	if len(f.held) == 0 {
		f.mu.Unlock()
		return false
	}
	oldest := f.held[0]
	f.held = f.held[1:]
	f.mu.Unlock()
	close(oldest.goOn)
	<-oldest.done
	return true
}

// Pass holds nothing more. What is held stays so.
func (f *Freeze) Pass() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.passes = true
}

// Thaw holds nothing more and carries out what is held, in order of arrival.
func (f *Freeze) Thaw() {
	f.Pass()
	for f.CarryOut() {
	}
}
