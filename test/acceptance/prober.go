//go:build unix

package acceptance

import (
	"fmt"
	"io"
	"net/http"
	"time"
)

// probePause is the time between two probes.
const probePause = 50 * time.Millisecond

// tokenSource is where a consumer would take the token from for its next call:
// a file, or a local cache.
type tokenSource func() (string, error)

// prober uses a consumer's token over and over.
type prober struct {
	url    string // a call of ProcessMaker's API
	client *http.Client
	source tokenSource
}

// probeReport is what a prober saw.
type probeReport struct {
	Probes int
	// Refusals counts tokens that were refused and still offered afterwards.
	Refusals int
	// Overtaken counts tokens that were refused while another one was taking
	// their place.
	Overtaken int
	// Tokens counts the different tokens that were accepted.
	Tokens int
	// Err is what ended the probing before its time.
	Err error
}

// run probes until enough says so, or the time is over.
func (p *prober) run(enough func(probeReport) bool, limit time.Duration) (report probeReport) {
	seen := map[string]bool{}
	ticker := time.NewTicker(probePause)
	defer ticker.Stop()
	for end := time.Now().Add(limit); !enough(report) && time.Now().Before(end); <-ticker.C {
		token, err := p.source()
		if err != nil {
			report.Err = err
			return report
		}
		status, err := p.probe(token)
		if err != nil {
			report.Err = err
			return report
		}
		report.Probes++
		switch status {
		case http.StatusOK:
			seen[token] = true
			report.Tokens = len(seen)
		case http.StatusUnauthorized:
			if p.stillOffered(token) {
				report.Refusals++
			} else {
				report.Overtaken++
			}
		default:
			report.Err = fmt.Errorf("the API answered %d", status)
			return report
		}
	}
	return report
}

// stillOffered tells a dead token that the consumer goes on holding from one
// that was replaced between our reading it and our probing it. In the second
// case the token in its place is there by now, because a token dies, if at all,
// after its successor was handed out: consumers in a good set-up read anew while
// the old lease has time left. A file that was caught half written is the second
// case too.
func (p *prober) stillOffered(refused string) bool {
	token, err := p.source()
	return err == nil && token == refused
}

func (p *prober) probe(token string) (status int, err error) {
	req, err := http.NewRequest(http.MethodGet, p.url, nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Accept", "application/json")
	resp, err := p.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}
