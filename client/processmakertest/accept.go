package processmakertest

import (
	"net/http"
	"strconv"
	"strings"
)

// firstAccepted gives the entry of an Accept header with the highest quality,
// and the earlier of two that are equal.
func firstAccepted(accept string) string {
	best, bestQuality := "", -1.0
	for entry := range strings.SplitSeq(accept, ",") {
		name, attributes, _ := strings.Cut(entry, ";")
		quality := 1.0
		for attribute := range strings.SplitSeq(attributes, ";") {
			key, value, _ := strings.Cut(strings.TrimSpace(attribute), "=")
			if parsed, err := strconv.ParseFloat(value, 64); err == nil && key == "q" {
				quality = parsed
			}
		}
		if quality > bestQuality {
			best, bestQuality = strings.TrimSpace(name), quality
		}
	}
	return best
}

// wantsJSON says whether JSON comes first in Accept, which is what decides
// between JSON and a page wherever the OAuth library does not answer itself.
func wantsJSON(header http.Header) bool {
	first := firstAccepted(header.Get("Accept"))
	return strings.Contains(first, "/json") || strings.Contains(first, "+json")
}
