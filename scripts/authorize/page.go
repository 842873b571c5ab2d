package main

import (
	"html/template"
	"net/http"
)

// page is what the person's browser shows: how the sign-in went, and what to do
// next.
type page struct {
	Title  string
	Detail string
	Next   string
	// Command is the next one, where there is one.
	Command string
}

var pageTemplate = template.Must(template.New("page").Parse(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Title}}</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 34em; margin: 3em auto; padding: 0 1em; color: #1f2328; background: #fff; }
h1 { font-size: 1.4em; }
pre { padding: .6em 1em; background: #f6f8fa; }
</style>
</head>
<body>
<h1>{{.Title}}</h1>
<p>{{.Detail}}</p>
<p>{{.Next}}</p>{{with .Command}}
<pre>{{.}}</pre>{{end}}
</body>
</html>
`))

// show keeps the address, which has the code in it, out of caches and of what
// the browser tells other sites.
func (p page) show(w http.ResponseWriter, status int) {
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Cache-Control", "no-store")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	w.WriteHeader(status)
	// A browser that has gone away is no concern of the sign-in's.
	_ = pageTemplate.Execute(w, p)
}
