package main

import (
	"fmt"
	"html"
	"net/http"
)

func showTrouble(w http.ResponseWriter, err error) {
	showPage(w, http.StatusBadRequest, "The sign-in failed: "+err.Error())
}

// showPage keeps the address, which has the code in it, out of caches and of
// what the browser tells other sites.
func showPage(w http.ResponseWriter, status int, message string) {
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Cache-Control", "no-store")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>Sign-in for Vault</title></head>\n<body><p>%s</p></body>\n</html>\n", html.EscapeString(message))
}
