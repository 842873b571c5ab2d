package processmakertest

import (
	"encoding/json"
	"net/http"
)

// serveControl answers the questions of other processes. It is false for paths
// that belong to the product. These requests are not in the log.
func (s *Server) serveControl(w http.ResponseWriter, r *http.Request) bool {
	var value any
	switch r.URL.Path {
	case "/_test/live":
		value = s.LiveTokens()
	case "/_test/exchanges":
		value = s.Exchanges()
	case "/_test/unread":
		value = s.UnreadTokens()
	default:
		return false
	}
	w.Header().Set("Content-Type", "application/json")
	// A client that does not wait for the end has no use for an error.
	_ = json.NewEncoder(w).Encode(value)
	return true
}
