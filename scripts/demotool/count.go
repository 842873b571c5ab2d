package main

import (
	"encoding/json"
	"fmt"
	"io"
)

// count prints how many elements the list has that a URL answers with.
func count(out io.Writer, caFile, url string) error {
	status, body, err := get(caFile, url, "")
	if err != nil {
		return err
	}
	var list []json.RawMessage
	if err := json.Unmarshal(body, &list); err != nil {
		return fmt.Errorf("%s answers %d and no list: %w", url, status, err)
	}
	_, err = fmt.Fprintln(out, len(list))
	return err
}
