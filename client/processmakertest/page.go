package processmakertest

import (
	"crypto/md5"
	"encoding/hex"
	"net/url"
	"strconv"
)

// page is one page of a list, as the product's collections are.
type page struct {
	Data any      `json:"data"`
	Meta pageMeta `json:"meta"`
}

type pageMeta struct {
	Filter      string     `json:"filter"`
	SortBy      string     `json:"sort_by"`
	SortOrder   string     `json:"sort_order"`
	Count       int        `json:"count"`
	TotalPages  int        `json:"total_pages"`
	CurrentPage int        `json:"current_page"`
	From        *int       `json:"from"`
	LastPage    int        `json:"last_page"`
	Links       []pageLink `json:"links"`
	Path        string     `json:"path"`
	PerPage     int        `json:"per_page"`
	To          *int       `json:"to"`
	Total       int        `json:"total"`
}

type pageLink struct {
	URL    *string `json:"url"`
	Label  string  `json:"label"`
	Page   any     `json:"page,omitempty"` // nil, a number, or a nil *int for null
	Active bool    `json:"active"`
}

const defaultPerPage = 10

// paginate cuts the page out of the items that the query asks for. linkPath is
// what the links begin with, and path what the answer calls itself.
func paginate[T any](items []T, query url.Values, path, linkPath string, w *world) page {
	perPage := positive(query.Get("per_page"), defaultPerPage)
	current := positive(query.Get("page"), 1)
	last := max(1, (len(items)-1)/perPage+1)
	first := len(items)
	// Dividing keeps huge page numbers from overflowing.
	if current-1 <= len(items)/perPage {
		first = min(first, (current-1)*perPage)
	}
	shown := items[first:min(len(items), first+min(perPage, len(items)))]

	meta := pageMeta{
		Filter: query.Get("filter"), SortBy: query.Get("order_by"), SortOrder: query.Get("order_direction"),
		Count: len(shown), TotalPages: last, CurrentPage: current, LastPage: last,
		Path: path, PerPage: perPage, Total: len(items),
	}
	if len(shown) > 0 {
		from, to := first+1, first+len(shown)
		meta.From, meta.To = &from, &to
	}
	link := func(number int, label string) pageLink {
		out := pageLink{Label: label, Active: label == strconv.Itoa(current)}
		var shown *int
		if number >= 1 && number <= last {
			text := linkPath + "?page=" + strconv.Itoa(number)
			out.URL, shown = &text, &number
		}
		if w.numbersLinks {
			out.Page = shown
		}
		return out
	}
	meta.Links = append(meta.Links, link(current-1, "&laquo; Previous"))
	for number := 1; number <= last; number++ {
		meta.Links = append(meta.Links, link(number, strconv.Itoa(number)))
	}
	meta.Links = append(meta.Links, link(current+1, "Next &raquo;"))
	return page{Data: append([]T{}, shown...), Meta: meta}
}

// pageFits is false for a size of pages that the product fails to divide by: 0,
// or a text.
func (v *visit) pageFits() bool {
	asked := v.request.URL.Query().Get("per_page")
	size, err := strconv.Atoi(asked)
	return asked == "" || err == nil && size != 0
}

func positive(text string, otherwise int) int {
	number, err := strconv.Atoi(text)
	if err != nil || number < 1 {
		return otherwise
	}
	return number
}

// entityTag is only a fingerprint here; nothing relies on its strength.
func entityTag(body []byte) string {
	sum := md5.Sum(body)
	return `"` + hex.EncodeToString(sum[:]) + `"`
}
