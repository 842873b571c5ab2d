package processmakertest

import (
	"fmt"
	"net/http"
	"time"
)

// FaultOrder is a Fault as other processes inject it, by POST to
// /_test/faults. Effect names one of the functions that make effects, and the
// fields after Times are what that function takes.
type FaultOrder struct {
	Effect string   `json:"effect"`
	On     Endpoint `json:"on"`
	// Times is that of a Fault, but a freeze stays until it is taken back.
	Times int `json:"times,omitempty"`

	Status      int    `json:"status,omitempty"`
	ContentType string `json:"content_type,omitempty"`
	Body        string `json:"body,omitempty"`
	Location    string `json:"location,omitempty"`
	// Seconds is the wait that is announced, Duration the real time that is taken.
	Seconds  int    `json:"seconds,omitempty"`
	Duration string `json:"duration,omitempty"`
	// Count is how many refreshes meet, and Size that of a list.
	Count int `json:"count,omitempty"`
	Size  int `json:"size,omitempty"`
	// How is what the caller of a half creation gets.
	How *FaultOrder `json:"how,omitempty"`
}

// freezeOrder is the name of the effect that is a Freeze.
const freezeOrder = "freeze"

// effect makes what was ordered, but for a freeze.
func (o FaultOrder) effect() (Effect, error) {
	header := http.Header{}
	if o.ContentType != "" {
		header.Set("Content-Type", o.ContentType)
	}
	switch o.Effect {
	case "delay":
		d, err := time.ParseDuration(o.Duration)
		if err != nil {
			return Effect{}, fmt.Errorf("the duration of a delay: %w", err)
		}
		return Delay(d), nil
	case "answer", "answer after", "html page", "gateway error", "gateway page":
		if o.Status < 100 || o.Status > 999 {
			return Effect{}, fmt.Errorf("%d is not a status to answer", o.Status)
		}
		return o.answerEffect(header), nil
	case "half creation":
		if o.How == nil {
			return HalfCreation(Effect{}), nil
		}
		how, err := o.How.effect()
		return HalfCreation(how), err
	}
	if simple := o.simpleEffect(); simple.run != nil {
		return simple, nil
	}
	return Effect{}, fmt.Errorf("there is no effect %q", o.Effect)
}

func (o FaultOrder) answerEffect(header http.Header) Effect {
	switch o.Effect {
	case "answer after":
		return AnswerAfter(o.Status, header, o.Body)
	case "html page":
		return HTMLPage(o.Status)
	case "gateway error":
		return GatewayError(o.Status)
	case "gateway page":
		return GatewayPage(o.Status)
	}
	return Answer(o.Status, header, o.Body)
}

// simpleEffect makes what cannot be ordered wrongly.
func (o FaultOrder) simpleEffect() Effect {
	switch o.Effect {
	case "refuse":
		return Refuse()
	case "lose answer":
		return LoseAnswer()
	case "truncated":
		return Truncated()
	case "redirect":
		return Redirect(o.Location)
	case "huge":
		return Huge()
	case "failed save":
		return FailedSave()
	case "throttled":
		return Throttled(o.Seconds)
	case "maintenance":
		return Maintenance(o.Seconds)
	case "server error":
		return ServerError()
	case "database away":
		return DatabaseAway()
	case "bad gateway":
		return BadGateway()
	case "half refresh":
		return HalfRefresh()
	case "meet refresh":
		return MeetRefresh(o.Count)
	case "endless list":
		return EndlessList()
	case "big list":
		return BigList(o.Size)
	}
	return Effect{}
}
