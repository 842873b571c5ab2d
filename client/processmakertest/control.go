package processmakertest

import (
	"encoding/json"
	"net/http"
	"strings"
)

// serveControl answers the questions of other processes and lets them inject
// faults. It is false for paths that belong to the product. These requests are
// not in the log.
func (s *Server) serveControl(w http.ResponseWriter, r *http.Request, body []byte) bool {
	var value any
	var err error
	switch path := r.URL.Path; {
	case path == "/_test/live":
		value = s.LiveTokens()
	case path == "/_test/standing":
		value = s.StandingTokens()
	case path == "/_test/exchanges":
		value = s.Exchanges()
	case path == "/_test/unread":
		value = s.UnreadTokens()
	case path == faultsPath || strings.HasPrefix(path, faultsPath+"/"):
		value, err = s.controlFaults(r, body)
	default:
		return false
	}
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		value = map[string]string{"error": err.Error()}
	}
	// A client that does not wait for the end has no use for an error.
	_ = json.NewEncoder(w).Encode(value)
	return true
}
