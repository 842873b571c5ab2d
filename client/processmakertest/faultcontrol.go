package processmakertest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
)

const faultsPath = "/_test/faults"

// orderedFaults are the faults that other processes injected.
type orderedFaults struct {
	mu      sync.Mutex
	last    int
	ordered []*orderedFault
}

// orderedFault is a line of the answer to GET /_test/faults.
type orderedFault struct {
	ID int `json:"id"`
	FaultOrder
	Held   int `json:"held"`
	remove func()
	freeze *Freeze
}

// controlFaults answers the paths under /_test/faults: POST injects what a
// FaultOrder says and gives its id, GET lists, and DELETE of an id takes back,
// which thaws a freeze. POST to an id and carry-out, pass, thaw or
// abandon?status=504 is the method of a Freeze.
func (s *Server) controlFaults(r *http.Request, body []byte) (value any, err error) {
	rest := strings.Trim(strings.TrimPrefix(r.URL.Path, faultsPath), "/")
	switch {
	case rest == "" && r.Method == http.MethodPost:
		var order FaultOrder
		if err := json.Unmarshal(body, &order); err != nil {
			return nil, err
		}
		return s.orderFault(order)
	case rest == "":
		return s.orderedFaultList(), nil
	}
	number, verb, _ := strings.Cut(rest, "/")
	fault := s.orderedFault(number)
	if fault == nil {
		return nil, fmt.Errorf("there is no fault %q", number)
	}
	if verb == "" && r.Method == http.MethodDelete {
		s.takeBack(fault)
		return struct{}{}, nil
	}
	if fault.freeze == nil || r.Method != http.MethodPost {
		return nil, fmt.Errorf("%s %s does nothing", r.Method, r.URL.Path)
	}
	return fault.freeze.control(verb, r.FormValue("status"))
}

// control calls the method that verb names.
func (f *Freeze) control(verb, statusText string) (any, error) {
	switch verb {
	case "carry-out":
		return map[string]bool{"carried_out": f.CarryOut()}, nil
	case "pass":
		f.Pass()
	case "thaw":
		f.Thaw()
	case "abandon":
		status, err := strconv.Atoi(statusText)
		if err != nil || status < 100 || status > 999 {
			return nil, fmt.Errorf("%q is not a status to answer", statusText)
		}
		f.Abandon(status)
	default:
		return nil, fmt.Errorf("a freeze cannot %s", verb)
	}
	return struct{}{}, nil
}

// orderFault injects what was ordered.
func (s *Server) orderFault(order FaultOrder) (any, error) {
	if !order.On.isKnown() {
		return nil, fmt.Errorf("there is no endpoint %q", order.On)
	}
	fault := &orderedFault{FaultOrder: order}
	injected := Fault{On: order.On, Times: order.Times}
	if order.Effect == freezeOrder {
		fault.freeze = &Freeze{}
		injected.Do, injected.Times = fault.freeze.Effect(), -1
	} else {
		effect, err := order.effect()
		if err != nil {
			return nil, err
		}
		injected.Do = effect
	}
	s.ordered.mu.Lock()
	defer s.ordered.mu.Unlock()
	s.ordered.last++
	fault.ID = s.ordered.last
	fault.remove = s.Inject(injected)
	s.ordered.ordered = append(s.ordered.ordered, fault)
	return map[string]int{"id": fault.ID}, nil
}

func (s *Server) orderedFaultList() []orderedFault {
	s.ordered.mu.Lock()
	defer s.ordered.mu.Unlock()
	list := []orderedFault{}
	for _, fault := range s.ordered.ordered {
		line := *fault
		if fault.freeze != nil {
			line.Held = fault.freeze.Held()
		}
		list = append(list, line)
	}
	return list
}

func (s *Server) orderedFault(number string) *orderedFault {
	s.ordered.mu.Lock()
	defer s.ordered.mu.Unlock()
	for _, fault := range s.ordered.ordered {
		if strconv.Itoa(fault.ID) == number {
			return fault
		}
	}
	return nil
}

func (s *Server) takeBack(fault *orderedFault) {
	fault.remove()
	s.ordered.mu.Lock()
	s.ordered.ordered = slices.DeleteFunc(s.ordered.ordered, func(other *orderedFault) bool { return other == fault })
	s.ordered.mu.Unlock()
	if fault.freeze != nil {
		fault.freeze.Thaw()
	}
}
