package main

import (
	"encoding/json"
	"fmt"
	"io"
)

// count prints how many elements the list has that a URL answers with.
func count(out io.Writer, caFile, url string) error {
	var list []json.RawMessage
	if err := getList(caFile, url, &list); err != nil {
		return err
	}
	_, err := fmt.Fprintln(out, len(list))
	return err
}

// names prints the names that elements of the list have, one a line.
func names(out io.Writer, caFile, url string) error {
	var list []struct{ Name string }
	if err := getList(caFile, url, &list); err != nil {
		return err
	}
	for _, element := range list {
		if element.Name == "" {
			continue
		}
		if _, err := fmt.Fprintln(out, element.Name); err != nil {
			return err
		}
	}
	return nil
}

func getList(caFile, url string, list any) error {
	status, body, err := get(caFile, url, "")
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, list); err != nil {
		return fmt.Errorf("%s answers %d and no list: %w", url, status, err)
	}
	return nil
}
